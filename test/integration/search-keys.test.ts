/** The keys of the search engine, as Meilisearch itself sees them, and the processes that have no others. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startMeilisearch } from '@docket/infra/meilisearch';
import type { Meilisearch } from '@docket/infra/meilisearch';
import { makeSearchKeys } from '@docket/runtime/search-keys';
import type { SearchKeys } from '@docket/runtime/search-keys';
import { searchIndexUid } from '@docket/shared/search-index';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { docket } from '../support/docket.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const requestMsMax = 10_000;
const makeSecrets = fileURLToPath(new URL('../../infra/docker/make-secrets.sh', import.meta.url));

/** An engine of its own, whose keys are taken away, with the master key that a deployment begins with. */
let engine: Meilisearch;
let folder: string;
let secrets: string;
let keys: SearchKeys;
let world: System;
let index: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'docket-keys-'));
  // Meilisearch has another user when this is root.
  chmodSync(folder, 0o755);
  secrets = join(folder, 'secrets');
  execFileSync(makeSecrets, [secrets, 'hub.example.org']);
  const dataDirectory = join(folder, 'data');
  mkdirSync(dataDirectory, { mode: 0o711 });
  writeFileSync(join(dataDirectory, 'meilisearch-key'), secret('meilisearch-key'));
  const started = await startMeilisearch({ dataDirectory });
  if (started.status === 'unavailable') throw new Error(started.reason);
  engine = started.meilisearch;
  keys = await makeSearchKeys(engine);
  world = await createWorld({
    environment: {
      PUBLIC_URL: 'http://localhost',
      MEILISEARCH_URL: engine.url,
      MEILISEARCH_API_KEY: keys.search,
      PROJECTOR_MEILISEARCH_API_KEY: keys.projector,
      LOG_LEVEL: 'silent',
    },
  });
  const [installation] = await world.query<{ id: string }>('select id from directory.installation');
  index = searchIndexUid(installation?.id ?? '');
  await world.importRepositories([{ name: 'library/redis', description: 'A store' }]);
  await world.searchable();
});

afterAll(async () => {
  await world.stop();
  await engine.stop();
  rmSync(folder, { recursive: true, force: true });
});

function secret(name: string): string {
  return readFileSync(join(secrets, name), 'utf8').trim();
}

/** The status that the engine answers with. */
async function ask(key: string, line: string, body?: unknown): Promise<number> {
  const [method = '', path = ''] = line.split(' ');
  const answer = await fetch(`${engine.url}${path.replace('INDEX', index)}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(requestMsMax),
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** What can be asked of the engine, with a body where one is wanted. */
const questions: Readonly<Record<string, unknown>> = {
  'POST /indexes/INDEX/search': { q: '' },
  'GET /indexes/INDEX/documents/0': undefined,
  'POST /indexes/INDEX/documents': [],
  'POST /indexes/INDEX/documents/delete-batch': [],
  'GET /indexes/INDEX': undefined,
  'POST /indexes': { uid: 'INDEX_new' },
  'PATCH /indexes/INDEX/settings': {},
  'GET /indexes/INDEX/settings': undefined,
  'GET /tasks/0': undefined,
  'DELETE /tasks?uids=1000000': undefined,
  'POST /tasks/cancel?uids=1000000': undefined,
  'GET /stats': undefined,
  'POST /swap-indexes': [],
  'GET /keys': undefined,
  'POST /keys': { actions: ['*'], indexes: ['*'], expiresAt: null },
  'DELETE /keys/49381f16-4ab0-44fb-8360-af0424873147': undefined,
  'POST /dumps': undefined,
  'POST /snapshots': undefined,
  'GET /version': undefined,
  'GET /experimental-features': undefined,
  'POST /indexes/others/search': { q: '' },
  'GET /indexes/others/documents': undefined,
  'POST /indexes/others/documents': [{ id: 1 }],
  'DELETE /indexes/others': undefined,
  'GET /indexes/others': undefined,
};

async function allowed(key: string): Promise<readonly string[]> {
  const lines = [];
  for (const [line, body] of Object.entries(questions)) {
    const sent: unknown = body === undefined ? undefined : JSON.parse(JSON.stringify(body).replace('INDEX', index));
    if ((await ask(key, line, sent)) !== 403) lines.push(line);
  }
  return lines;
}

describe('the keys', () => {
  test('of the API searches in the indexes of Docket and does nothing else', async () => {
    expect(await allowed(keys.search)).toEqual(['POST /indexes/INDEX/search']);
  });

  test('of the projector fills and prepares the indexes of Docket, and reads no others', async () => {
    expect(await allowed(keys.projector)).toEqual([
      'GET /indexes/INDEX/documents/0',
      'POST /indexes/INDEX/documents',
      'POST /indexes/INDEX/documents/delete-batch',
      'GET /indexes/INDEX',
      'POST /indexes',
      'PATCH /indexes/INDEX/settings',
      'GET /tasks/0',
    ]);
  });

  test('of people in run.json reaches no key, dump, snapshot or index of others', async () => {
    const people = await allowed(keys.operator);
    expect(people).toEqual(expect.arrayContaining(['POST /indexes/INDEX/search', 'GET /indexes/INDEX/documents/0']));
    expect(people.filter((line) => /keys|dumps|snapshots|others|features/.test(line))).toEqual([]);
  });

  test('are the ones that make-secrets.sh writes for them', () => {
    expect({ search: secret('meilisearch-search-key'), projector: secret('meilisearch-projector-key') }).toEqual({
      search: keys.search,
      projector: keys.projector,
    });
  });

  test('are made again as they were, also of one that has other rights', async () => {
    const uid = '49381f16-4ab0-44fb-8360-af0424873147';
    expect(await ask(engine.masterKey, `DELETE /keys/${uid}`)).toBe(204);
    expect(await ask(keys.search, 'POST /indexes/INDEX/search', {})).toBe(403);
    expect(await ask(engine.masterKey, 'POST /keys', { uid, actions: ['*'], indexes: ['*'], expiresAt: null })).toBe(
      201,
    );
    expect(await ask(keys.search, 'GET /keys')).toBe(200);
    const environment = { MEILISEARCH_URL: engine.url, MEILISEARCH_MASTER_KEY: engine.masterKey };
    const made = await Promise.all([
      docket(['search-keys'], environment),
      docket(['search-keys', '--print'], environment),
    ]);
    expect(made).toEqual([
      { status: 0, stderr: '', stdout: 'the keys of the search engine are there\n' },
      {
        status: 0,
        stderr: '',
        stdout: `MEILISEARCH_API_KEY=${keys.search}\nPROJECTOR_MEILISEARCH_API_KEY=${keys.projector}\n`,
      },
    ]);
    expect(await allowed(keys.search)).toEqual(['POST /indexes/INDEX/search']);
  });

  test('are not made without the master key, and a sentence says so', async () => {
    expect(await docket(['search-keys'], { MEILISEARCH_URL: engine.url })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('docket search-keys wants MEILISEARCH_URL and MEILISEARCH_MASTER_KEY'),
    });
    expect(
      await docket(['search-keys'], { MEILISEARCH_URL: engine.url, MEILISEARCH_MASTER_KEY: keys.projector }),
    ).toMatchObject({ status: 1, stderr: expect.stringContaining('The provided API key is invalid') });
  });
});

test('verbs that ask the engine work with the key of the projector, and those that do not without any', async () => {
  expect(await world.verb(['verify'])).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^0 differences .* 1 documents/),
  });
  expect(await world.verb(['projections', 'rebuild', 'search'])).toMatchObject({ status: 0 });
  const { MEILISEARCH_API_KEY, PROJECTOR_MEILISEARCH_API_KEY, ...without } = world.environment;
  expect([MEILISEARCH_API_KEY, PROJECTOR_MEILISEARCH_API_KEY]).toEqual([keys.search, keys.projector]);
  expect(await docket(['projections'], without)).toMatchObject({ status: 0 });
});

test('a key that is refused is trouble, told in a sentence that names its setting, and over when there is one', async () => {
  const [url = ''] = world.urls;
  const search = async () => {
    const answer = await fetch(`${url}/v1/search?q=`, { signal: AbortSignal.timeout(requestMsMax) });
    await answer.arrayBuffer();
    return { status: answer.status, engine: answer.headers.get('X-Docket-Search') };
  };
  const ready = async () => (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(requestMsMax) })).text();
  await until('searches are answered by Meilisearch', async () => (await search()).engine === 'meilisearch');
  for (const uid of ['49381f16-4ab0-44fb-8360-af0424873147', 'ebb343c1-1583-47be-adff-264bc6a5ba82']) {
    expect(await ask(engine.masterKey, `DELETE /keys/${uid}`)).toBe(204);
  }
  await until('the tables answer', async () => {
    const answer = await search();
    expect(answer.status).toBe(200);
    return answer.engine === 'postgres';
  });
  expect(await ready()).toContain('Meilisearch refuses the key of MEILISEARCH_API_KEY (invalid_api_key)');
  const sentence = 'Meilisearch refuses the key of PROJECTOR_MEILISEARCH_API_KEY (invalid_api_key)';
  await until('the follower says why it does not go on', async () =>
    (await world.verb(['projections'])).stdout.includes(sentence),
  );
  expect(await world.verb(['verify'])).toMatchObject({ status: 1, stderr: expect.stringContaining(sentence) });

  await makeSearchKeys(engine);
  await until('Meilisearch answers again', async () => (await search()).engine === 'meilisearch');
  expect(await ready()).not.toContain('refuses the key');
  await until('the follower goes on', async () => !(await world.verb(['projections'])).stdout.includes(sentence));
});
