import { randomUUID } from 'node:crypto';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startMeilisearch } from '@docket/infra/meilisearch';
import type { Meilisearch } from '@docket/infra/meilisearch';
import { leaseHolder } from '@docket/projector/hold-lease';
import { searchStep } from '@docket/projector/search/follower';
import { discardSearchRebuild, openSearchRebuild } from '@docket/projector/search/rebuild';
import { addDocuments } from '@docket/projector/search/tasks';
import { createLog } from '@docket/runtime/log';
import { connectMeilisearch } from '@docket/runtime/meilisearch';
import type { MeilisearchConnection } from '@docket/runtime/meilisearch';
import { makeSearchKeys } from '@docket/runtime/search-keys';
import type { SearchKeys } from '@docket/runtime/search-keys';
import { library, repositoryName } from '@docket/shared/names';
import { searchDocument } from '@docket/shared/search';
import { searchIndexSettings, searchIndexUid } from '@docket/shared/search-index';
import { connect } from '@docket/store/connect';
import type { Connection } from '@docket/store/connect';
import { nextOf, readCheckpoint, searchProjection } from '@docket/store/followers/checkpoint';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { expectedReadModels } from '../support/read-models.ts';
import { appendHistories, attempts, eventsOf } from '../support/repository-histories.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const documentsMax = 10_000;
const healMsMax = 20_000;
const takeoverMsMax = 5_000;
const buildMsMax = 120_000;

let world: System;
let api: Connection;
let engine: Meilisearch;
let keys: SearchKeys;
let connection: MeilisearchConnection;
let uid: string;
let namespaceId: string;
/** Its own engine: this one is stopped, emptied and set back. */
let folder: string;
let round = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'docket-search-'));
  // Meilisearch has another user when this is root.
  chmodSync(folder, 0o755);
  engine = await start(undefined);
  world = await createWorld({
    api: 0,
    projectors: 2,
    environment: {
      PUBLIC_URL: 'http://localhost',
      MEILISEARCH_URL: engine.url,
      MEILISEARCH_API_KEY: keys.search,
      PROJECTOR_MEILISEARCH_API_KEY: keys.projector,
      LOG_LEVEL: 'fatal',
    },
  });
  const url = world.databaseUrls.api;
  api = connect({ url, applicationName: 'test', pooler: 'none', connectionsMax: 2, onIdleError: () => undefined });
  connection = connectMeilisearch({
    url: engine.url,
    apiKey: engine.masterKey,
    connectionsMax: 2,
    requestMsMax: 5_000,
  });
  const [installation] = await world.query<{ id: string }>('select id from directory.installation');
  uid = searchIndexUid(installation?.id ?? '');
  const [namespace] = await world.query<{ id: string }>('select id from directory.namespaces where name = $1', [
    library,
  ]);
  namespaceId = namespace?.id ?? '';
});

afterAll(async () => {
  await connection.stop();
  await api.stop();
  await world.stop();
  await engine.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  await happen();
  await healed();
});

test('every document is its row, repositories that are deleted or taken down have none, and the settings are ours', async () => {
  const documents = await indexed();
  const [rows] = await world.query<{ active: number; gone: number; down: number }>(
    `select count(*) filter (where status = 'active')::int as active,
       count(*) filter (where status <> 'active')::int as gone,
       count(*) filter (where status = 'taken_down')::int as down
     from read.repositories`,
  );
  expect(documents).toHaveLength(rows?.active ?? 0);
  expect(rows?.gone).toBeGreaterThan(0);
  expect(rows?.down).toBeGreaterThan(0);
  expect(await settings()).toMatchObject(searchIndexSettings);
});

test('while Meilisearch is away the index waits, and when it is back it goes on by itself', async () => {
  const { port } = engine;
  await engine.stop();
  await happen();
  await world.projected();
  expect(await searchCheckpointIsAtTheEnd()).toBe(false);
  engine = await start(port);
  expect(await healed()).toBeGreaterThan(0);
});

test('an index that was deleted is made and filled again though nothing happens', async () => {
  const { taskUid } = await connection.client.deleteIndex(uid);
  await until('it is deleted', async () => (await connection.client.tasks.getTask(taskUid)).status === 'succeeded');
  expect(await healed()).toBeGreaterThan(0);
  expect(await settings()).toMatchObject(searchIndexSettings);
});

test('a Meilisearch that comes back with an emptied data directory is filled again', async () => {
  const { port } = engine;
  await engine.stop();
  rmSync(dataFolder(), { recursive: true });
  await happen();
  engine = await start(port);
  expect(await healed()).toBeGreaterThan(0);
});

test('a Meilisearch that comes back with an older data directory gets what it lacks, deletions too', async () => {
  const { port } = engine;
  await engine.stop();
  const older = join(folder, 'older');
  cpSync(dataFolder(), older, { recursive: true });
  engine = await start(port);
  await happen();
  await healed();
  await engine.stop();
  rmSync(dataFolder(), { recursive: true });
  cpSync(older, dataFolder(), { recursive: true });
  engine = await start(port);
  expect(await healed()).toBeGreaterThan(0);
});

test('an index of another installation under the same name has to go', async () => {
  const foreign = { id: 999_999_999, name: 'foreign', private: false };
  const marker = { installation: randomUUID(), position: '999999', command_id: randomUUID(), settings: 'other' };
  const { taskUid } = await connection.client.index(uid).addDocuments([foreign, { id: 0, private: true, marker }]);
  await until('it is written', async () => (await connection.client.tasks.getTask(taskUid)).status === 'succeeded');
  expect(await healed()).toBeGreaterThan(0);
});

test('when the projector that holds the lease is killed, the other one takes over', async () => {
  const [lease] = await world.query<{ holder: string }>(`select holder from es.projections where name = 'search'`);
  const victim = world.projectors.find(({ pid }) => lease?.holder.split(' ')[1] === `${pid}`);
  if (!victim) throw new Error(`nobody here is ${lease?.holder}`);
  await victim.kill('SIGKILL');
  const since = performance.now();
  await happen();
  await until('the lease has another holder', async () => {
    const [now] = await world.query<{ holder: string }>(`select holder from es.projections where name = 'search'`);
    return now?.holder !== lease?.holder;
  });
  expect(performance.now() - since).toBeLessThan(takeoverMsMax);
  expect(await healed()).toBeGreaterThan(0);
  await victim.start();
});

test('an index that is built of a few repositories at a time is the same as one that is built of all at once', async () => {
  const url = world.databaseUrls.projector;
  const builder = connect({
    url,
    applicationName: 't',
    pooler: 'none',
    connectionsMax: 2,
    onIdleError: () => undefined,
  });
  const { database } = builder;
  const log = createLog({ name: 'test', level: 'silent' });
  const projection = nextOf(searchProjection);
  expect(await openSearchRebuild(database, searchProjection)).toBe('begun');
  const lease = leaseHolder({ database, projection, holder: 'test', log });
  const step = searchStep({
    database,
    client: connection.client,
    log,
    projection,
    onTask: () => undefined,
    lotBytesMax: 8_000,
  });
  try {
    await until('it is at the end of the log', async () => (await lease.under(step)) === 'idle', buildMsMax);
    const { target = '' } = await readCheckpoint(database, projection);
    expect(await indexed(target)).toEqual(await indexed());
    const { position } = await readCheckpoint(database, searchProjection);
    expect(await connection.client.index(target).getDocument(0)).toMatchObject({
      marker: { position: `${position}` },
    });
  } finally {
    await lease.stop();
    await discardSearchRebuild(database);
    await builder.stop();
  }
});

test('one document that Meilisearch refuses is found among many and left out; the others are in', async () => {
  const ended = new AbortController().signal;
  const scratch = { client: connection.client, uid: `${uid}_refused`, ended };
  const lines = Array.from({ length: 37 }, (_, index) => {
    // A fraction is no id.
    const id = index === 20 ? 20.5 : index + 1;
    return { id, json: JSON.stringify({ id, name: `r${index}` }) };
  });
  const marker = { id: 0, json: JSON.stringify({ id: 0, private: true }) };
  const refused = await addDocuments(scratch, lines, marker);
  expect(refused.map(({ id }) => id)).toEqual([20.5]);
  expect(refused[0]?.reason).toContain('20.5');
  const { results } = await connection.client.index(scratch.uid).getDocuments({ limit: 100 });
  expect(results).toHaveLength(lines.length);
});

/** As Meilisearch tells them, but for the order of what has none. */
async function settings(): Promise<object> {
  const told = await connection.client.index(uid).getSettings();
  const ours = searchIndexSettings.sortableAttributes;
  return { ...told, sortableAttributes: ours.filter((attribute) => told.sortableAttributes?.includes(attribute)) };
}

function dataFolder(): string {
  return join(folder, 'meilisearch');
}

async function start(port: number | undefined): Promise<Meilisearch> {
  const started = await startMeilisearch({ dataDirectory: folder, ...(port === undefined ? {} : { port }) });
  if (started.status === 'unavailable') throw new Error(started.reason);
  // As `up` does: the same keys, whatever became of the engine.
  keys = await makeSearchKeys(started.meilisearch);
  return started.meilisearch;
}

/** New repositories, of all sorts and fates. */
async function happen(): Promise<void> {
  round += 1;
  const histories = fc.sample(attempts, { numRuns: 25, seed: round }).map((sequence, index) => {
    const repositoryId = randomUUID();
    return { repositoryId, events: eventsOf({ namespace_id: namespaceId, name: `r${round}-${index}` }, sequence) };
  });
  await appendHistories(api.database, histories);
}

async function searchCheckpointIsAtTheEnd(): Promise<boolean> {
  const [row] = await world.query<{ reached: boolean }>(
    `select position = (select max(position) from es.events) as reached from es.projections where name = 'search'`,
  );
  return row?.reached ?? false;
}

async function indexed(index = uid): Promise<readonly object[]> {
  const { results } = await connection.client.index(index).getDocuments({ limit: documentsMax });
  return results.filter(({ id }) => id !== 0).toSorted((a, b) => a['id'] - b['id']);
}

/** The index is what the log says, document for document; answers with how many there are. */
async function healed(): Promise<number> {
  const { repositories } = await expectedReadModels(api.database);
  const documents = repositories
    .map(({ number, state, last_updated }) =>
      searchDocument({
        number: BigInt(number),
        fullName: { namespace: library, name: repositoryName.parse('name' in state ? state.name : '') },
        state,
        lastUpdated: new Date(last_updated),
      }),
    )
    .filter((document) => document !== undefined)
    .toSorted((a, b) => a.id - b.id);
  await until(
    'every document equals its row',
    async () => {
      expect(await indexed()).toEqual(documents);
      return searchCheckpointIsAtTheEnd();
    },
    healMsMax,
  );
  return documents.length;
}
