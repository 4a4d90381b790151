/** Everything through a pgbouncer in transaction mode: no session is anybody's for longer than a transaction, and nobody can listen. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';

import { pgbouncerProgram, startPgbouncer } from '../support/pgbouncer.ts';
import type { Pgbouncer } from '../support/pgbouncer.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';

const historyAnswer = z.object({ results: z.array(z.object({ type: z.string() })) });
const searchAnswer = z.object({ results: z.array(z.object({ name: z.string() })) });

describe.skipIf(pgbouncerProgram === undefined)('through pgbouncer in transaction mode', () => {
  let pooler: Pgbouncer;
  let world: System;
  let owner: Account;

  beforeAll(async () => {
    const { urls } = inject('stack');
    pooler = await startPgbouncer(pgbouncerProgram ?? '', [urls.projector, urls.api]);
    world = await createWorld({ projectors: 2, poolerPort: pooler.port, environment: { LOG_LEVEL: 'silent' } });
    owner = await world.createAccount();
  });

  afterAll(async () => {
    await world.stop();
    await pooler.stop();
  });

  test('what is pushed is read at once, is in the history, and is found by the search', async () => {
    // More at once than there are sessions: named statements of one would be met by another.
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        await push(`pooled-${index}`, [`first-${index}`]);
        await push(`pooled-${index}`, [`second-${index}`]);
        const images = await get(`/v1/repositories/${owner.name}/pooled-${index}/images`);
        expect([images.status, await images.json()]).toMatchObject([
          200,
          [{ id: `first-${index}` }, { id: `second-${index}` }],
        ]);
      }),
    );
    const history = await get(`/v2/repositories/${owner.name}/pooled-7/history`, authorization());
    expect(history.status).toBe(200);
    const types = historyAnswer.parse(await history.json()).results.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['RepositoryCreated', 'PushOpened']));
    await world.searchable();
    const found = await get('/v1/search?q=pooled-33');
    expect(searchAnswer.parse(await found.json()).results[0]?.name).toBe(`${owner.name}/pooled-33`);
    expect(await world.verb(['verify'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 differences/) });
  });

  test('it is the pooler that they speak with, and nobody listens', async () => {
    const pools = await pooler.show('pools');
    expect(pools.filter(({ user, pool_mode }) => user !== 'pgbouncer' && pool_mode !== 'transaction')).toEqual([]);
    const sessions = await world.query<{ application_name: string }>(
      `select application_name from pg_stat_activity where datname = current_database() and application_name like 'docket%'`,
    );
    // Fewer sessions than the pools of three processes have connections.
    expect(sessions.length).toBeGreaterThan(0);
    expect(sessions.length).toBeLessThanOrEqual(12);
    expect(sessions.filter(({ application_name }) => application_name === 'docket listen')).toEqual([]);
  });

  test('after kill -9 of the projector that works another one goes on, the tables within 2 s, search and mail within 5 s', async () => {
    const [row] = await world.query<{ holder: string }>(`select holder from es.projections where name = 'search'`);
    const victim = world.projectors.find(({ pid }) => row?.holder.includes(` ${pid} `));
    if (victim === undefined) throw new Error(`nobody holds the search index: ${row?.holder}`);
    const stopping = new AbortController();
    const writing = (async () => {
      for (let round = 0; !stopping.signal.aborted; round++) await push(`load-${round}`, ['load']);
    })();
    try {
      await victim.kill('SIGKILL');
      await push('after-the-kill', ['after']);
      await past('after-the-kill', 'tables', 2_000);
      await past('after-the-kill', 'search', 5_000);
      await past('after-the-kill', 'mail', 5_000);
    } finally {
      stopping.abort();
      await writing;
      await victim.start();
    }
    await world.searchable();
    expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
  });

  test.each(['tables', 'search'])('%s are built anew', async (name) => {
    const stopping = new AbortController();
    const writing = (async () => {
      for (let round = 0; !stopping.signal.aborted; round++) {
        await push(`while-${name}-${round}`, ['image']);
        expect((await get(`/v1/repositories/${owner.name}/pooled-1/images`)).status).toBe(200);
      }
    })();
    try {
      const rebuilt = await world.verb(['projections', 'rebuild', name]);
      expect(rebuilt).toMatchObject({ status: 0, stdout: expect.stringContaining('in use') });
    } finally {
      stopping.abort();
      await writing;
    }
    await world.searchable();
    expect(await world.verb(['verify'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 differences/) });
  });

  test('lines that are cut are there again by themselves', async () => {
    await world.database.stop();
    await world.database.start();
    await until('the API takes a push', () => push('after-the-cut', ['after']).then(() => true));
    await past('after-the-cut', 'tables', 2_000);
    await past('after-the-cut', 'search', 5_000);
    expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
  });

  async function past(name: string, projection: string, ms: number): Promise<void> {
    await until(
      `${projection} is past the push of ${name}`,
      async () => {
        const rows = await world.query(
          `select from es.projections p where p.name = $1 and p.position >= (
             select max(e.position) from es.events e
             join directory.repository_names n on e.stream_id = 'repository-' || n.repository_id where n.name = $2)`,
          [projection, name],
        );
        return rows.length === 1;
      },
      ms,
    );
  }

  async function push(name: string, images: readonly string[]): Promise<void> {
    const { status } = await fetch(`${world.urls[0]}/v1/repositories/${owner.name}/${name}/`, {
      method: 'PUT',
      headers: { ...authorization(), 'Content-Type': 'application/json' },
      body: JSON.stringify(images.map((id) => ({ id }))),
    });
    expect(status).toBe(200);
  }

  function authorization() {
    return { Authorization: `Basic ${Buffer.from(`${owner.name}:${owner.password}`).toString('base64')}` };
  }

  function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`${world.urls[0]}${path}`, { headers });
  }
});
