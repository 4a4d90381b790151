import { randomUUID } from 'node:crypto';

import { beginRebuild, rebuildTarget } from '@docket/projector/tables/rebuild';
import { pageEventsMax, projectPage } from '@docket/projector/tables/follower';
import type { Page, PageOptions } from '@docket/projector/tables/follower';
import { imageId, repositoryName } from '@docket/shared/names';
import { repositoryEvent } from '@docket/shared/repositories';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { restartCheckpoint, tablesProjection } from '@docket/store/followers/checkpoint';
import { connect } from '@docket/store/connect';
import type { Connection } from '@docket/store/connect';
import { inTransaction } from '@docket/store/transaction';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { expectedReadModels, storedReadModels } from '../support/read-models.ts';
import { appendHistories, attempts, eventsOf } from '../support/repository-histories.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const running = { projection: tablesProjection, schema: 'read' } as const;

let world: System;
let owner: Connection;
let api: Connection;
let projector: Connection;
let namespaceId: string;

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  owner = store(world.databaseUrls.owner);
  api = store(world.databaseUrls.api);
  projector = store(world.databaseUrls.projector);
  const [library] = await world.query<{ id: string }>(`select id from directory.namespaces where name = 'library'`);
  namespaceId = library?.id ?? '';
});

afterAll(async () => {
  await Promise.all([owner, api, projector].map((each) => each.stop()));
  await world.stop();
});

const account_id = randomUUID();
const images = [{ id: imageId.parse('layer') }];
const anEnd: readonly RepositoryEvent[] = [
  { type: 'DeletionRequested', data: {} },
  { type: 'DeletionAuthorized', data: { token_id: randomUUID() } },
  { type: 'RepositoryDeleted', data: {} },
];
/** One event of every type. */
const oneLife: readonly RepositoryEvent[] = [
  { type: 'RepositoryCreated', data: { namespace_id: account_id, name: repositoryName.parse('name'), life: 1 } },
  { type: 'PushOpened', data: { push: 1, images } },
  { type: 'PushCompleted', data: { push: 1 } },
  { type: 'ImagesAdded', data: { images } },
  { type: 'ImagesRestored', data: { images } },
  { type: 'DescriptionChanged', data: { description: 'short' } },
  { type: 'FullDescriptionChanged', data: { full_description: 'long' } },
  { type: 'CountsObserved', data: { star_count: 7, pull_count: 8 } },
  { type: 'LastUpdatedObserved', data: { last_updated: '2014-01-01T00:00:00.000Z' } },
  { type: 'VisibilityChanged', data: { is_private: true } },
  { type: 'AutomationChanged', data: { is_automated: true } },
  { type: 'AccessGranted', data: { account_id, role: 'write' } },
  { type: 'AccessRevoked', data: { account_id } },
  { type: 'RepositoryStarred', data: { account_id } },
  { type: 'RepositoryUnstarred', data: { account_id } },
  { type: 'RepositoryTakenDown', data: { reason: 'it mines coins' } },
  { type: 'RepositoryReinstated', data: {} },
  ...anEnd,
  { type: 'RepositoryRestored', data: {} },
  ...anEnd,
];

test('whatever happened, a rebuild from the log, the live read models and the fold of each stream are the same', async () => {
  let compared = 0;
  const scenario = fc.record({
    histories: fc.array(attempts, { minLength: 1, maxLength: 8 }),
    /** How far the live projection comes before the rest is appended. */
    livePages: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 6 }),
    /** Sizes in turn; odd ones cut commands and lives in the middle. */
    pages: fc.array(fc.integer({ min: 1, max: 23 }), { minLength: 1, maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ histories, livePages, pages }) => {
      const named = histories.map((sequence) => {
        const repositoryId = randomUUID();
        return { repositoryId, events: eventsOf({ namespace_id: namespaceId, name: `r-${repositoryId}` }, sequence) };
      });
      const half = Math.ceil(named.length / 2);
      await appendHistories(api.database, named.slice(0, half));
      for (const eventsMax of livePages) await page({ ...running, eventsMax });
      // Two at once, on streams that go on while they are projected: one works, the other stands by.
      await Promise.all([
        appendHistories(api.database, named.slice(half)),
        toTheEnd(running, pages),
        toTheEnd(running, pages),
      ]);
      await toTheEnd(running, pages);

      await inTransaction(projector.database, beginRebuild);
      await toTheEnd(rebuildTarget, pages);

      const live = await storedReadModels(owner.database, 'read');
      expect(live).toEqual(await expectedReadModels(owner.database));
      expect(await storedReadModels(owner.database, 'read_next')).toEqual(live);
      compared += named.length;
    }),
    // One by hand: every type, two lives and an end are in it whatever chance brings.
    { numRuns: 30, examples: [[{ histories: [[...oneLife, ...oneLife]], livePages: [2], pages: [3] }]] },
  );
  expect(compared).toBeGreaterThan(50);
  const types = await world.query<{ type: string }>('select distinct type from es.events');
  const [seen] = await world.query<{ lives: number; deleted: number; images: number; grants: number; down: number }>(
    `select max((state ->> 'life')::int) as lives, count(*) filter (where status = 'deleted')::int as deleted,
       (select count(*)::int from read.images) as images, (select count(*)::int from read.grants) as grants,
       count(*) filter (where status = 'taken_down')::int as down
     from read.repositories`,
  );
  // Otherwise the histories were too tame to prove anything.
  expect(seen?.lives).toBeGreaterThan(1);
  expect(seen?.deleted).toBeGreaterThan(0);
  expect(seen?.images).toBeGreaterThan(10);
  expect(seen?.grants).toBeGreaterThan(10);
  expect(seen?.down).toBeGreaterThan(0);
  expect(types.map(({ type }) => type)).toEqual(
    expect.arrayContaining(repositoryEvent.options.map(({ shape }) => shape.type.value)),
  );
});

test('a rebuild begun again forgets the one before, and leaves what is read alone', async () => {
  await appendHistories(api.database, [
    {
      repositoryId: randomUUID(),
      events: eventsOf({ namespace_id: namespaceId, name: 'again' }, [
        { type: 'AutomationChanged', data: { is_automated: true } },
      ]),
    },
  ]);
  await toTheEnd(running, [pageEventsMax]);
  const live = await storedReadModels(owner.database, 'read');
  expect(live.repositories.length).toBeGreaterThan(0);
  await inTransaction(projector.database, beginRebuild);
  await page({ ...rebuildTarget, eventsMax: 1 });
  await inTransaction(projector.database, beginRebuild);
  expect((await storedReadModels(owner.database, 'read_next')).repositories).toEqual([]);
  await toTheEnd(rebuildTarget, [pageEventsMax]);
  expect(await storedReadModels(owner.database, 'read_next')).toEqual(live);
  expect(await storedReadModels(owner.database, 'read')).toEqual(live);
});

test('the same pages applied over rows that know them already change nothing', async () => {
  await toTheEnd(running, [pageEventsMax]);
  const live = await storedReadModels(owner.database, 'read');
  await inTransaction(projector.database, (client) => restartCheckpoint(client, tablesProjection));
  await toTheEnd(running, [13]);
  expect(await storedReadModels(owner.database, 'read')).toEqual(live);
});

test('a version that is missing stops the projection before it writes', async () => {
  await toTheEnd(running, [pageEventsMax]);
  const repositoryId = randomUUID();
  const events = eventsOf({ namespace_id: namespaceId, name: 'gap' }, [
    { type: 'ImagesAdded', data: { images: [] } },
    { type: 'PushCompleted', data: { push: 1 } },
  ]);
  await appendHistories(api.database, [{ repositoryId, events }]);
  await toTheEnd(running, [pageEventsMax]);
  await world.query('update read.repositories set version = version - 1 where repository_id = $1', [repositoryId]);
  const checkpoint = `select position from es.projections where name = 'tables'`;
  const before = await world.query(checkpoint);
  await appendHistories(api.database, [
    { repositoryId, after: events.length, events: [{ type: 'CountsObserved', data: { star_count: 1 } }] },
  ]);
  await expect(page({ ...running, eventsMax: pageEventsMax })).rejects.toThrow(
    `goes from version ${events.length - 1} to ${events.length + 1}`,
  );
  expect(await world.query(checkpoint)).toEqual(before);
});

function store(url: string): Connection {
  return connect({ url, applicationName: 'test', pooler: 'none', connectionsMax: 3, onIdleError: () => undefined });
}

function page(options: PageOptions): Promise<Page> {
  return projectPage(projector.database, options);
}

async function toTheEnd(target: Omit<PageOptions, 'eventsMax'>, sizes: readonly number[]): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    const eventsMax = sizes[turn % sizes.length] ?? pageEventsMax;
    const { outcome } = await page({ ...target, eventsMax });
    if (outcome === 'idle') return;
  }
}
