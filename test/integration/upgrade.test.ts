/** A database that an older commit wrote, as its own processes left it, migrated and served by those of today. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { tablesProjection } from '@docket/store/followers/checkpoint';
import { migrate } from '@docket/store/migrate';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { z } from 'zod';

import { projectorService } from '../support/docket.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const migrationsOfThen = [
  '000001_log.sql',
  '000002_directory.sql',
  '000003_projections.sql',
  '000004_rebuild.sql',
  '000005_catalog.sql',
];
const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
const samalba = { Authorization: `Basic ${Buffer.from('samalba:samalbas-secret').toString('base64')}` };
const admin = { Authorization: `Basic ${Buffer.from('admin:an-older-secret').toString('base64')}` };
const historyAnswer = z.object({ results: z.array(z.object({ type: z.string() })) });
const searchAnswer = z.object({ results: z.array(z.object({ name: z.string(), description: z.string() })) });

const template = `older_${randomBytes(6).toString('hex')}`;
let world: System;
let applied: readonly string[];

beforeAll(async () => {
  const { superuserUrl, urls } = inject('stack');
  const of = (url: string) => Object.assign(new URL(url), { pathname: `/${template}` }).href;
  await statements(superuserUrl, [`create database ${template} owner docket_owner`]);
  await statements(of(urls.owner), [
    ...(await Promise.all(migrationsOfThen.map((name) => migration(name)))),
    `create table public.docket_migrations (
       name text primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp())`,
    await readFile(new URL('older/01d505f.sql', import.meta.url), 'utf8'),
  ]);
  // Refused unless the text of those five files is the one that was applied then.
  ({ applied } = await migrate({
    ownerUrl: of(urls.owner),
    apiUrl: of(urls.api),
    projectorUrl: of(urls.projector),
  }));
  // A deployment starts the API first; nothing projects yet.
  world = await createWorld({ template, projectors: 0, environment: { LOG_LEVEL: 'silent' } });
});

afterAll(async () => {
  await world.stop();
  await statements(inject('stack').superuserUrl, [`drop database ${template} with (force)`]);
});

test('the database is the one that the older processes left: first versions, first form, checkpoints at the end', async () => {
  expect(applied[0]).toBe('000006_followers.sql');
  expect(await world.query('select distinct schema_version from es.events')).toEqual([{ schema_version: 1 }]);
  expect(await world.query(`select name, version from es.projections order by name`)).toEqual([
    { name: 'mail', version: 1 },
    { name: 'search', version: 1 },
    { name: 'tables', version: 1 },
  ]);
  const fixture = await readFile(new URL('older/01d505f.sql', import.meta.url));
  // What was written is written: another older database is another file.
  expect(createHash('sha256').update(fixture).digest('hex')).toBe(
    'fcef1806ba7b727e4369a3ffee0a48ae86d9d5619ab778b99800fb4cb1748a49',
  );
});

test('every read is right before anything was built anew, and writes go on from what was there', async () => {
  await readsAreRight();
  // The push of then, opened by an event of the first version, is completed now.
  expect((await put('samalba/open/images', samalba, [{ id: a, checksum: `sha256:${b}`, Tag: 'latest' }])).status).toBe(
    204,
  );
  expect(await images('samalba/open')).toEqual([{ id: a, checksum: `sha256:${b}` }]);
  // A name that was deleted then has another life now, an account that was registered then may still log in.
  expect((await put('samalba/gone/', samalba, [{ id: b }])).status).toBe(200);
  expect(await images('samalba/gone')).toEqual([{ id: b, checksum: '' }]);
});

test('projectors of today build the tables of their version by themselves, and everything agrees with the log', async () => {
  const before = await tables();
  const projector = projectorService({ ...world.environment, PUBLIC_URL: world.urls[0] ?? '' });
  await projector.start();
  try {
    await until('the tables are of the version of today', async () => {
      const rows = await world.query(`select from es.projections where name = 'tables' and version = $1`, [
        tablesProjection.version,
      ]);
      return rows.length === 1;
    });
    expect(await tables()).not.toEqual(before);
    await world.searchable();
    await readsAreRight();
    const found = searchAnswer.parse(await (await get('/v1/search?q=nginx')).json());
    expect(found.results).toMatchObject([{ name: 'nginx', description: 'Serves.' }]);
    expect(await world.verb(['verify'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 differences/) });
    // The people who had a mail then get no second one now.
    expect(await world.mails()).toEqual([]);
  } finally {
    await projector.kill('SIGTERM');
  }
});

async function readsAreRight(): Promise<void> {
  expect(await images('samalba/redis')).toEqual([
    { id: a, checksum: `sha256:${b}` },
    { id: b, checksum: `sha256:${a}` },
  ]);
  expect(await images('library/busybox')).toEqual([{ id: a, checksum: `sha256:${b}` }]);
  expect(await images('library/nginx')).toEqual([]);
  expect((await get('/v1/repositories/samalba/deleting/images')).status).toBe(404);
  const history = await get('/v2/repositories/samalba/redis/history', samalba);
  expect(historyAnswer.parse(await history.json()).results.map(({ type }) => type)).toEqual([
    'PushCompleted',
    'ImagesAdded',
    'PushOpened',
    'RepositoryCreated',
  ]);
  for (const authorization of [samalba, admin]) expect((await get('/v1/users', authorization)).status).toBe(200);
}

async function images(name: string): Promise<unknown> {
  const answer = await get(`/v1/repositories/${name}/images`);
  expect(answer.status).toBe(200);
  return answer.json();
}

function tables(): Promise<readonly unknown[]> {
  return world.query(`select oid from pg_namespace where nspname = 'read'`);
}

function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${world.urls[0]}${path}`, { headers });
}

function put(path: string, headers: Readonly<Record<string, string>>, body: unknown): Promise<Response> {
  return fetch(`${world.urls[0]}/v1/repositories/${path}`, {
    method: 'PUT',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function migration(name: string): Promise<string> {
  return readFile(new URL(`../../packages/store/migrations/${name}`, import.meta.url), 'utf8');
}

async function statements(url: string, texts: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
}
