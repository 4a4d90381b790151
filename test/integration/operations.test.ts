/** What those who run Docket see and do: health, metrics, rebuilds under load, failures, an event of tomorrow. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';

import { freePort } from '@docket/infra/free-port';
import { runProjector } from '@docket/projector/main';
import { parseEnvironment } from '@docket/runtime/environment';
import { createLog } from '@docket/runtime/log';
import { mailProjection, searchProjection, tablesProjection } from '@docket/store/followers/checkpoint';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';

const readiness = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), reason: z.string().optional() })),
});
const searchAnswer = z.object({ num_results: z.number(), results: z.array(z.object({ name: z.string() })) });

let world: System;
let health: string;
let owner: Account;

beforeAll(async () => {
  const port = await freePort();
  health = `http://127.0.0.1:${port}`;
  world = await createWorld({ api: 2, environment: { HEALTH_PORT: String(port), LOG_LEVEL: 'silent' } });
  owner = await world.createAccount();
});

afterAll(() => world.stop());

test('a process that is well says so, and what it measures', async () => {
  await push('measured');
  // The same again with other images: through group commit this time.
  await push('measured', world.urls[0], 'another-image');
  await fetch(`${world.urls[0]}/v1/_ping`, { method: 'PROPFIND' });
  await world.searchable();
  for (const url of [world.urls[0], health]) {
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect(await ready(url)).toMatchObject({ status: 200, body: { ready: true } });
  }
  const api = await metrics(world.urls[0]);
  expect(api).toMatch(/docket_http_request_seconds_count\{method="PUT",route="[^"]*\*[^"]*",status="200"\} [1-9]/);
  // What clients may choose freely is no label.
  expect(api).toMatch(/docket_http_request_seconds_count\{method="other",route="[^"]*_ping[^"]*",status="405"\} 1/);
  expect(api).not.toContain('PROPFIND');
  expect(api).toMatch(/docket_append_seconds_count\{way="group"\} [1-9]/);
  expect(api).toMatch(/docket_append_seconds_count\{way="transaction"\} [1-9]/);
  // The registration of the account as well as the first push.
  expect(Number(/docket_append_seconds_count\{way="transaction"\} (\d+)/.exec(api)?.[1])).toBeGreaterThanOrEqual(2);
  expect(api).toMatch(/docket_append_batch_commands_count [1-9]/);
  expect(api).toMatch(/docket_commands_total\{outcome="conflict"\} \d/);
  expect(api).toMatch(/docket_database_connections\{pool="api",state="idle"\} \d/);
  expect(api).toContain('nodejs_eventloop_lag_p99_seconds');
  const projector = await metrics(health);
  expect(projector).toMatch(/docket_projection_lag_events\{projection="tables"\} 0/);
  expect(projector).toMatch(/docket_search_task_seconds_count\{status="succeeded"\} [1-9]/);
  expect(projector).not.toContain('measured');
});

test('while the database is away nothing is ready and says why; it comes back by itself', async () => {
  await world.database.stop();
  try {
    for (const url of [world.urls[0], health]) {
      const { status, body } = await ready(url);
      expect(status).toBe(503);
      expect(body.checks.find(({ name }) => name === 'database')).toMatchObject({ ok: false });
      expect((await fetch(`${url}/livez`)).status).toBe(200);
    }
    const answer = await fetch(`${world.urls[0]}/v1/repositories/library/none/images`);
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([503, '1']);
  } finally {
    await world.database.start();
  }
  await until('the API is ready again', async () => (await ready(world.urls[0])).status === 200);
  await until('the projector is ready again', async () => (await ready(health)).status === 200);
});

test.each(['tables', 'search'])(
  '%s are built anew under load, and nobody sees a gap or an empty answer',
  async (name) => {
    await Promise.all(Array.from({ length: 20 }, (_, index) => push(`${name}-before-${index}`)));
    await world.searchable();
    const before = await targets();
    const stopping = new AbortController();
    const seen = { writes: 0, searches: 0 };
    const writers = Array.from({ length: 3 }, async (_, writer) => {
      for (let round = 0; !stopping.signal.aborted; round++) {
        const repository = `${name}-${writer}-${round}`;
        await push(repository, world.urls[round % 2]);
        // The other process shows it at once.
        const images = await fetch(`${world.urls[(round + 1) % 2]}/v1/repositories/${owner.name}/${repository}/images`);
        expect(images.status).toBe(200);
        expect(await images.json()).toHaveLength(1);
        seen.writes += 1;
      }
    });
    const reader = (async () => {
      for (let round = 0; !stopping.signal.aborted; round++) {
        const answer = await fetch(`${world.urls[round % 2]}/v1/search?q=${name}-before&n=100`);
        expect(answer.status).toBe(200);
        expect(searchAnswer.parse(await answer.json()).num_results).toBeGreaterThanOrEqual(20);
        seen.searches += 1;
      }
    })();
    try {
      for (let round = 0; round < 3; round++) {
        const { status, stderr, stdout } = await world.verb(['projections', 'rebuild', name]);
        expect({ status, stderr: stderr.replaceAll(/\d/g, '') }).toMatchObject({ status: 0 });
        expect(stdout).toContain('in use');
      }
    } finally {
      stopping.abort();
      await Promise.all([...writers, reader]);
    }
    expect(Math.min(seen.writes, seen.searches)).toBeGreaterThan(3);
    expect(await targets()).not.toEqual(before);
    await world.searchable();
    expect(await world.verb(['verify'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 differences/) });
  },
  90_000,
);

test('a rebuild that was begun is gone on with, or dropped; that of mails is refused', async () => {
  const begin = `insert into es.projections (name, version, position) select 'tables_next', ${tablesProjection.version}, 0`;
  await world.query(`select es.begin_rebuild()`);
  await world.query(begin);
  expect((await world.verb(['projections', 'rebuild', 'tables', '--discard'])).status).toBe(0);
  expect(await world.query(`select from es.projections where name = 'tables_next'`)).toEqual([]);
  await world.query(`select es.begin_rebuild()`);
  await world.query(begin);
  const resumed = await world.verb(['projections', 'rebuild', 'tables']);
  expect(resumed).toMatchObject({ status: 0, stderr: 'going on at position 0\n' });
  const refused = await world.verb(['projections', 'rebuild', 'mail']);
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('would go out again') });
});

test('the program of tomorrow builds its own beside the one of today and takes its place; no mail goes out twice', async () => {
  await world.searchable();
  const mailsBefore = (await world.mails()).length;
  const tomorrow = await runProjector(
    parseEnvironment({ ...world.environment, HEALTH_PORT: '', PUBLIC_URL: world.urls[0] }),
    createLog({ name: 'tomorrow', level: 'silent' }),
    {
      tables: { ...tablesProjection, version: tablesProjection.version + 1 },
      search: { ...searchProjection, version: searchProjection.version + 1 },
      mail: { ...mailProjection, version: mailProjection.version + 1 },
    },
  );
  try {
    await until('its tables and its index are in use', async () => {
      await push(`during-${randomUUID().slice(0, 8)}`);
      const rows = await world.query<{ name: string; version: number }>('select name, version from es.projections');
      const versionOf = (wanted: string) => rows.find(({ name }) => name === wanted)?.version;
      return (
        versionOf('tables') === tablesProjection.version + 1 && versionOf('search') === searchProjection.version + 1
      );
    });
    await push('after-tomorrow');
    await world.searchable();
    expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
    // Today's process stands by and is well.
    expect((await ready(health)).status).toBe(200);
    // Mail stays with the process of today while there is one; then it is handed over as it is.
    await world.createAccount();
    await world.projectors[0]?.kill('SIGTERM');
    await until('the mails are those of tomorrow', async () => {
      const rows = await world.query(`select from es.projections where name = 'mail' and version = $1`, [
        mailProjection.version + 1,
      ]);
      return rows.length === 1;
    });
    await world.createAccount();
    expect((await world.mails()).length).toBe(mailsBefore + 2);
  } finally {
    await tomorrow.stop();
    await world.query(`update es.projections set version = version - 1, fence = fence + 1, held_until = '-infinity'`);
    await world.projectors[0]?.start();
  }
}, 60_000);

test('what cannot be delivered is listed, counted and tried again when somebody asks', async () => {
  await push('poisoned');
  await world.searchable();
  const [row] = await world.query<{ id: string }>(
    `select repository_id as id from read.repositories where name = 'poisoned'`,
  );
  await world.query(
    `insert into es.projection_failures (projection, position, subject, reason, attempts) values ('search', 1, $1, 'refused', 5)`,
    [row?.id],
  );
  expect((await world.verb(['projections', 'failures'])).stdout).toMatch(/search .* set aside +refused/);
  expect(await metrics(health)).toMatch(/docket_projection_failures\{projection="search"\} 1/);
  expect(await world.verb(['projections', 'retry', 'all'])).toMatchObject({ stdout: '1 failure is tried again now\n' });
  await until('it is delivered', async () => (await world.query('select from es.projection_failures')).length === 0);
  expect(await world.verb(['projections', 'retry', '99'])).toMatchObject({ status: 1 });
});

test('a document that Meilisearch itself refuses is set aside, listed and delivered when it is right; the others go on', async () => {
  await push('refused');
  await world.searchable();
  const nested = `${'['.repeat(200)}1${']'.repeat(200)}`;
  const [row] = await world.query<{ id: string }>(
    `update read.repositories set state = jsonb_set(state, '{description}', $1::jsonb) where name = 'refused'
     returning repository_id as id`,
    [nested],
  );
  // The page that it is on once more: the mark in the index is ahead of it, as after a projector that died in between.
  await world.query(`update es.projections set position = position - 1 where name = 'search'`);
  await until('it is noted', async () => (await world.query('select from es.projection_failures')).length === 1);
  await push('beside-it');
  await world.searchable();
  const found = searchAnswer.parse(await (await fetch(`${world.urls[0]}/v1/search?q=beside-it`)).json());
  expect(found.results[0]?.name).toContain('beside-it');
  const listed = (await world.verb(['projections', 'failures'])).stdout;
  expect(listed).toContain(row?.id);
  expect(listed).toContain('recursion limit exceeded');
  expect(await metrics(health)).toMatch(/docket_projection_failures\{projection="search"\} 1/);
  // Uses up all of its tries.
  await world.query('update es.projection_failures set attempts = 5, retry_at = null');
  expect((await world.verb(['projections', 'failures'])).stdout).toContain('set aside');
  await world.query(
    `update read.repositories set state = jsonb_set(state, '{description}', '""') where name = 'refused'`,
  );
  expect(await world.verb(['projections', 'retry', 'all'])).toMatchObject({ status: 0 });
  await until('it is delivered', async () => (await world.query('select from es.projection_failures')).length === 0);
  expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
});

test('a follower that halts says so in /readyz, in the list and in the metrics, and goes on when it was put right', async () => {
  await push('halting');
  await world.projected();
  const move = (by: number) =>
    world.query(`update read.repositories set version = version + $1 where name = 'halting'`, [by]);
  await move(-1);
  await push('halting', world.urls[0], 'after-the-gap');
  const reason = async () => (await ready(health)).body.checks.find(({ name }) => name === 'tables')?.reason;
  await until('it stands still', async () => (await reason())?.includes('stands still until somebody looks'));
  expect((await ready(health)).status).toBe(503);
  expect((await world.verb(['projections'])).stdout).toMatch(/^tables .* halted .*goes from version \d+ to \d+/m);
  expect(await metrics(health)).toMatch(/docket_projection_halted\{projection="tables"\} 1/);
  // The event that it cannot apply is in the log, and so it is read all the same.
  expect((await fetch(`${world.urls[0]}/v1/repositories/${owner.name}/halting/images`)).status).toBe(200);
  await move(1);
  await until('it is well again', async () => (await ready(health)).status === 200);
  expect((await world.verb(['projections'])).stdout).toMatch(/^tables .* at the end /m);
  expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
});

test('requests that were accepted are finished after SIGTERM', async () => {
  const [url = ''] = world.urls;
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  let said = '';
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const body = JSON.stringify([{ id: 'drained' }]);
  const authorization = `Basic ${Buffer.from(`${owner.name}:${owner.password}`).toString('base64')}`;
  socket.write(
    `PUT /v1/repositories/${owner.name}/drained/ HTTP/1.1\r\nHost: docket\r\nAuthorization: ${authorization}\r\n` +
      `Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  await until('the head is there', () => said.includes('100 Continue'));
  const ended = world.apis[0]?.kill('SIGTERM');
  await until('it takes no new ones', async () =>
    fetch(`${url}/livez`).then(
      () => false,
      () => true,
    ),
  );
  socket.write(body);
  await until('the answer', () => said.includes('HTTP/1.1 200 OK'));
  socket.end();
  expect(await ended).toBe(0);
  await world.apis[0]?.start();
});

test('an event of a newer version is waited before, not stumbled over: others see why, and all before it is there', async () => {
  await push('last-of-today');
  await world.projected();
  await world.query(
    `select es.append(array['repository-' || gen_random_uuid()], array[0], array[gen_random_uuid()], array[null], array[null],
       array[null], array[1], array[1], array['RepositoryRenamed'], array[1]::smallint[], array['{}'],
       array['{"actor": null, "request_id": "r", "correlation_id": "r", "causation_id": "r"}'])`,
  );
  await until('it waits', async () => {
    const { body } = await ready(health);
    return body.checks.find(({ name }) => name === 'tables')?.reason?.includes('RepositoryRenamed');
  });
  expect(world.projectors[0]?.running).toBe(true);
  expect((await world.verb(['projections'])).stdout).toMatch(/^tables .* waiting .*RepositoryRenamed: not known/m);
  // Reads of a repository are as fresh as the log all the same.
  await push('while-waiting');
  expect((await fetch(`${world.urls[1]}/v1/repositories/${owner.name}/while-waiting/images`)).status).toBe(200);
});

async function push(name: string, url = world.urls[0] ?? '', image = `image-of-${name}`): Promise<void> {
  const { status } = await fetch(`${url}/v1/repositories/${owner.name}/${name}/`, {
    method: 'PUT',
    headers: {
      Authorization: `Basic ${Buffer.from(`${owner.name}:${owner.password}`).toString('base64')}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify([{ id: image }]),
  });
  expect(status).toBe(200);
}

async function ready(url = ''): Promise<{ status: number; body: z.infer<typeof readiness> }> {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, body: readiness.parse(await answer.json()) };
}

async function metrics(url = ''): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

async function targets(): Promise<unknown> {
  return world.query(
    `select target, (select oid from pg_namespace where nspname = 'read') as tables from es.projections where name = 'search'`,
  );
}
