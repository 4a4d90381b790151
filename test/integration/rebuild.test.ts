import { randomUUID } from 'node:crypto';

import { beginRebuild, rebuildTarget } from '@docket/projector/tables/rebuild';
import { pageEventsMax, projectPage } from '@docket/projector/tables/follower';
import type { Page, PageOptions } from '@docket/projector/tables/follower';
import { imageId } from '@docket/shared/names';
import { restartCheckpoint, tablesProjection } from '@docket/store/followers/checkpoint';
import { connect } from '@docket/store/connect';
import type { Store } from '@docket/store/connect';
import { inTransaction } from '@docket/store/transaction';
import { transactionClient } from '@docket/store/transaction-client';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { expectedReadModels, storedReadModels } from '../support/read-models.ts';
import { appendHistories, deeds, eventsOf } from '../support/repository-histories.ts';
import type { Deed } from '../support/repository-histories.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const running = { projection: tablesProjection, schema: 'read' } as const;

let world: System;
let owner: Store;
let api: Store;
let projector: Store;
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

const oneLife: readonly Deed[] = [
  { deed: 'push', images: [] },
  { deed: 'push', images: [{ id: imageId.parse('layer') }] },
  { deed: 'delete' },
  { deed: 'authorize' },
  { deed: 'finish' },
];

test('whatever happened, a rebuild from the log, the live read models and the fold of each stream are the same', async () => {
  let compared = 0;
  const scenario = fc.record({
    histories: fc.array(deeds, { minLength: 1, maxLength: 8 }),
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
      await appendHistories(api.pool, named.slice(0, half));
      for (const eventsMax of livePages) await page({ ...running, eventsMax });
      // Two at once, on streams that go on while they are projected: one works, the other stands by.
      await Promise.all([
        appendHistories(api.pool, named.slice(half)),
        toTheEnd(running, pages),
        toTheEnd(running, pages),
      ]);
      await toTheEnd(running, pages);

      await inTransaction(projector, beginRebuild);
      await toTheEnd(rebuildTarget, pages);

      const live = await storedReadModels(owner.pool, 'read');
      expect(live).toEqual(await expectedReadModels(owner.pool));
      expect(await storedReadModels(owner.pool, 'read_next')).toEqual(live);
      compared += named.length;
    }),
    // One by hand: two lives and an end are in it whatever chance brings.
    { numRuns: 30, examples: [[{ histories: [[...oneLife, ...oneLife]], livePages: [2], pages: [3] }]] },
  );
  expect(compared).toBeGreaterThan(50);
  const [seen] = await world.query<{ lives: number; deleted: number; images: number }>(
    `select max((state ->> 'life')::int) as lives, count(*) filter (where status = 'deleted')::int as deleted,
       (select count(*)::int from read.images) as images from read.repositories`,
  );
  // Otherwise the histories were too tame to prove anything.
  expect(seen?.lives).toBeGreaterThan(1);
  expect(seen?.deleted).toBeGreaterThan(0);
  expect(seen?.images).toBeGreaterThan(10);
});

test('a rebuild begun again forgets the one before, and leaves what is read alone', async () => {
  await appendHistories(api.pool, [
    {
      repositoryId: randomUUID(),
      events: eventsOf({ namespace_id: namespaceId, name: 'again' }, [{ deed: 'complete' }]),
    },
  ]);
  await toTheEnd(running, [pageEventsMax]);
  const live = await storedReadModels(owner.pool, 'read');
  expect(live.repositories.length).toBeGreaterThan(0);
  await inTransaction(projector, beginRebuild);
  await page({ ...rebuildTarget, eventsMax: 1 });
  await inTransaction(projector, beginRebuild);
  expect((await storedReadModels(owner.pool, 'read_next')).repositories).toEqual([]);
  await toTheEnd(rebuildTarget, [pageEventsMax]);
  expect(await storedReadModels(owner.pool, 'read_next')).toEqual(live);
  expect(await storedReadModels(owner.pool, 'read')).toEqual(live);
});

test('the same pages applied over rows that know them already change nothing', async () => {
  await toTheEnd(running, [pageEventsMax]);
  const live = await storedReadModels(owner.pool, 'read');
  await inTransaction(projector, (client) => restartCheckpoint(client, tablesProjection));
  await toTheEnd(running, [13]);
  expect(await storedReadModels(owner.pool, 'read')).toEqual(live);
});

test('a version that is missing stops the projection before it writes', async () => {
  await toTheEnd(running, [pageEventsMax]);
  const repositoryId = randomUUID();
  const events = eventsOf({ namespace_id: namespaceId, name: 'gap' }, [
    { deed: 'add', images: [] },
    { deed: 'complete' },
  ]);
  await appendHistories(api.pool, [{ repositoryId, events }]);
  await toTheEnd(running, [pageEventsMax]);
  await world.query('update read.repositories set version = version - 1 where repository_id = $1', [repositoryId]);
  const checkpoint = `select position from es.projections where name = 'tables'`;
  const before = await world.query(checkpoint);
  await appendHistories(api.pool, [
    { repositoryId, after: events.length, events: [{ type: 'CountsObserved', data: { star_count: 1 } }] },
  ]);
  await expect(page({ ...running, eventsMax: pageEventsMax })).rejects.toThrow(
    `goes from version ${events.length - 1} to ${events.length + 1}`,
  );
  expect(await world.query(checkpoint)).toEqual(before);
});

function store(url: string): Store {
  return connect({ url, applicationName: 'test', pooler: 'none', connectionsMax: 3, onIdleError: () => undefined });
}

function page(options: PageOptions): Promise<Page> {
  return inTransaction(projector, (client) => projectPage(transactionClient(client, true), options));
}

async function toTheEnd(target: Omit<PageOptions, 'eventsMax'>, sizes: readonly number[]): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    const eventsMax = sizes[turn % sizes.length] ?? pageEventsMax;
    const { outcome } = await page({ ...target, eventsMax });
    if (outcome === 'idle') return;
  }
}
