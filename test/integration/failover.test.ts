/** A primary and its standby: what each answers, what clients are told while there is no primary, and when it is noticed that there is. */
import { randomBytes } from 'node:crypto';
import { setTimeout as elapsed } from 'node:timers/promises';

import { frozen } from '@docket/infra/frozen';
import { isConnectionLoss } from '@docket/store/connect';
import { readAfter, readSafePosition } from '@docket/store/log/read';
import { appendAll } from '@docket/store/log/append';
import { isReadOnly } from '@docket/store/primary';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { command, openStore } from '../support/append-commands.ts';
import { apiService, runDocket } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { asked, onPort, startPostgresPair } from '../support/postgres-pair.ts';
import type { PostgresPair } from '../support/postgres-pair.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { cutting } from '../support/cutting.ts';
import { until } from '../support/until.ts';
import { withoutLimits } from '../support/world.ts';

const manyAtOnce = 200;
/**
 * Two seconds until a server that stands still is given up, and a few milliseconds while it is (docs/figures.md). Without a breaker they
 * are 3 s for a connection, and 65 s for an answer. Beside it what as many requests take that need nothing of the database.
 */
const refusedMsMax = 3_000;
const noticedMsMax = 10_000;
const cutsMin = 6;
const roundsMax = 50;
const unavailable = { error: 'the database is not available; try again in a moment' };
const readiness = z.object({
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), reason: z.string().optional() })),
});

const password = randomBytes(8).toString('hex');
const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;

let pair: PostgresPair;
/** Where the processes find the database; it leads to the one or the other. */
let address: { readonly host: string; port: number };
let line: TcpProxy;
let api: Service;

beforeAll(async () => {
  pair = await startPostgresPair();
  address = { host: '127.0.0.1', port: pair.primary.port };
  line = await tcpProxy(address);
  const urls = pair.primary.urls();
  const environment = {
    DATABASE_URL: onPort(urls.api, line.port),
    PROJECTOR_DATABASE_URL: onPort(urls.projector, line.port),
    MIGRATION_DATABASE_URL: onPort(urls.owner, line.port),
    TOKEN_KEYS: `test:${randomBytes(32).toString('hex')}`,
    DOCKET_DATA_DIR: pair.dataDirectory,
    PASSWORD_COST: '4',
    LOG_LEVEL: 'silent',
    ...withoutLimits,
  };
  await runDocket(['user', 'create', 'admin', '--email', 'admin@example.org', '--admin'], {
    ...environment,
    DOCKET_PASSWORD: password,
  });
  api = apiService(environment);
  await api.start();
});

afterAll(async () => {
  await api?.kill();
  await line?.stop();
  await pair?.stop();
});

interface Answered {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: unknown;
  readonly ms: number;
}

async function sent(path: string, init: RequestInit = {}): Promise<Answered> {
  const started = performance.now();
  const answer = await fetch(`${api.url}${path}`, { ...init, headers: { authorization } });
  const body: unknown = await answer.json();
  return {
    status: answer.status,
    retryAfter: answer.headers.get('Retry-After'),
    body,
    ms: performance.now() - started,
  };
}

/** The account that asks is read from the database, whatever was asked before. */
function read(): Promise<Answered> {
  return sent('/v1/users');
}

function push(repository: string, image: string): Promise<Answered> {
  return sent(`/v1/repositories/${repository}/`, { method: 'PUT', body: JSON.stringify([{ id: image }]) });
}

function register(username: string): Promise<Answered> {
  const body = JSON.stringify({ username, password: 'a password', email: `${username}@example.org` });
  return sent('/v1/users', { method: 'POST', body });
}

function atOnce(send: (index: number) => Promise<Answered>): Promise<readonly Answered[]> {
  return Promise.all(Array.from({ length: manyAtOnce }, (_, index) => send(index)));
}

/** Many at once, while the time is taken that as many take that need nothing of the database. */
async function expectAllRefused(send: (index: number) => Promise<Answered>): Promise<void> {
  const pings = await atOnce(() => sent('/v1/_ping'));
  const answers = await atOnce(send);
  expect(answers.filter(({ status }) => status !== 503)).toEqual([]);
  expect(new Set(answers.map(({ retryAfter }) => retryAfter))).toEqual(new Set(['1']));
  expect(answers.filter(({ body }) => JSON.stringify(body) !== JSON.stringify(unavailable))).toEqual([]);
  expect(slowestMs(answers)).toBeLessThan(refusedMsMax + 4 * slowestMs(pings));
}

function slowestMs(answers: readonly Answered[]): number {
  return Math.max(...answers.map(({ ms }) => ms));
}

async function databaseCheck() {
  const answer = await fetch(`${api.url}/readyz`);
  const { checks } = readiness.parse(await answer.json());
  return { status: answer.status, ...checks.find(({ name }) => name === 'database') };
}

/** Once one is answered, so are all that come after it. */
async function expectRecovered(): Promise<void> {
  await until('a request is answered', async () => (await read()).status === 200, noticedMsMax);
  const answers = await atOnce((index) => (index % 10 === 0 ? push(`recovered-${index}`, 'one') : read()));
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  expect(await databaseCheck()).toMatchObject({ status: 200, ok: true });
}

describe('the log on a standby', () => {
  test('is neither read to its end nor appended to: both say so with the code of a server that takes no writes', async () => {
    expect((await push('replicated', 'one')).status).toBe(200);
    await pair.replayed();
    const standby = new pg.Client({ connectionString: onPort(pair.primary.urls().api, pair.standbyPort) });
    await standby.connect();
    try {
      const { rows } = await standby.query<{ there: boolean }>('select count(*) > 0 as there from es.events');
      expect(rows).toEqual([{ there: true }]);
      const refusal = (name: string) => ({
        code: '25006',
        message: `${name} needs the primary, and this server is a standby`,
      });
      await expect(standby.query('select es.safe_position()')).rejects.toMatchObject(refusal('es.safe_position'));
      await expect(standby.query('select * from es.read_after(0, 10)')).rejects.toMatchObject(
        refusal('es.safe_position'),
      );
      // One that has nothing to write either: by itself, and not because of a table.
      await expect(
        standby.query(
          `select * from es.append('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')`,
        ),
      ).rejects.toMatchObject(refusal('es.append'));
    } finally {
      await standby.end();
    }
  });

  test('a connection to it is a lost one, and not used again', async () => {
    const { database, pool, stop } = openStore(onPort(pair.primary.urls().api, pair.standbyPort), 1);
    try {
      expect(await isReadOnly(database)).toBe(true);
      expect(pool.totalCount).toBe(1);
      for (const statement of [
        () => readSafePosition(database),
        () => readAfter(database, 0n, 10),
        () => appendAll(database, [command()]),
        () => database.transaction().execute((transaction) => readSafePosition(transaction)),
      ]) {
        const error: unknown = await statement().catch((refused: unknown) => refused);
        expect(error).toMatchObject({ code: '25006' });
        expect(isConnectionLoss(error)).toBe(true);
        expect(pool.totalCount).toBe(0);
      }
    } finally {
      await stop();
    }
  });
});

describe('while the database is well', () => {
  test('one broken connection harms nobody, and neither do many', async () => {
    const superuser = pair.primary.superuserUrl('docket');
    for (let round = 0; round < 5; round++) {
      await atOnce(read);
      await asked(
        superuser,
        `select count(pg_terminate_backend(pid)) as yes from pg_stat_activity where application_name = 'docket api watch'`,
      );
      const answers = await atOnce(read);
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    }
  });

  test('connections that are cut in the middle of a transaction: nobody is told that the name is taken which is his', async () => {
    const registrations: { readonly name: string; readonly status: number }[] = [];
    const done = () => registrations.filter(({ status }) => status === 201).map(({ name }) => name);
    const cuts = cutting(
      async () =>
        (await asked<number>(
          pair.primary.superuserUrl('docket'),
          `select count(pg_terminate_backend(pid))::int as yes from pg_stat_activity
           where application_name = 'docket api' and state <> 'idle'`,
        )) ?? 0,
      () => done().length,
    );
    const enough = () => cuts.count() >= cutsMin && done().length > 0;
    for (let round = 0; round < 5 || (!enough() && round < roundsMax); round++) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const name = `cut_${round}_${index}`;
          registrations.push({ name, status: (await register(name)).status });
        }),
      );
    }
    await cuts.end();
    expect(enough()).toBe(true);
    expect(registrations.filter(({ status }) => status !== 201 && status !== 503)).toEqual([]);
    const names = await asked<string[]>(
      pair.primary.superuserUrl('docket'),
      `select array_agg(name) as yes from directory.accounts where name like 'cut%'`,
    );
    expect(names).toEqual(expect.arrayContaining(done()));
  });

  test('a full pool whose statements all wait harms nobody', async () => {
    const holder = new pg.Client({ connectionString: pair.primary.urls().owner });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query('lock table directory.accounts in access exclusive mode');
      const answers = atOnce(read);
      await until('every connection waits for the table', async () => {
        const { rows } = await holder.query<{ waiting: number }>(
          `select count(*)::int as waiting from pg_locks where not granted and relation = 'directory.accounts'::regclass`,
        );
        return (rows[0]?.waiting ?? 0) >= 16;
      });
      // Several times as long as a server that answers nobody is waited for.
      await elapsed(1_000);
      expect(await sent('/v1/_ping')).toMatchObject({ status: 200 });
      await holder.query('rollback');
      expect((await answers).filter(({ status }) => status !== 200)).toEqual([]);
    } finally {
      await holder.end();
    }
  });
});

describe('while there is no primary', () => {
  test('because it was stopped: many at once are refused at once, and served again as soon as it is there', async () => {
    await line.stop();
    try {
      await expectAllRefused(read);
      await expectAllRefused((index) => push(`refused-${index}`, 'one'));
      expect(await databaseCheck()).toMatchObject({
        status: 503,
        ok: false,
        reason: expect.stringMatching(/ECONNREFUSED/),
      });
    } finally {
      await line.start();
    }
    await expectRecovered();
  });

  test('because it stands still: those who wait for it are refused, and those who come after them', async () => {
    await expectRecovered();
    const thaw = await frozen(pair.primary);
    try {
      await expectAllRefused(read);
      await expectAllRefused((index) => push(`frozen-${index}`, 'one'));
      expect(await databaseCheck()).toMatchObject({ status: 503, ok: false });
    } finally {
      thaw();
    }
    await expectRecovered();
  });

  test('because the only server is read-only: 503 and never 500, whether it reads or writes', async () => {
    await asked(pair.primary.superuserUrl('postgres'), 'alter database docket set default_transaction_read_only = on');
    // Connections that were there before may write.
    await line.stop();
    await line.start();
    try {
      await until('it is noticed', async () => {
        await push('read-only', 'one');
        const { status, reason } = await databaseCheck();
        return status === 503 && reason === 'the server is read-only';
      });
      await expectAllRefused(read);
      expect(await databaseCheck()).toMatchObject({ status: 503, ok: false });
    } finally {
      await asked(pair.primary.superuserUrl('postgres'), 'alter database docket reset default_transaction_read_only');
    }
    await expectRecovered();
  });
});

describe('the standby takes the place of the primary', () => {
  test('commands sent meanwhile are stored once or refused with 503, and nothing is started again', async () => {
    const writers = 16;
    const stopping = new AbortController();
    const statuses = new Set<number>();
    const acknowledged: string[] = [];
    const registered: { readonly name: string; readonly status: number }[] = [];
    const writing = Array.from({ length: writers }, async (_, writer) => {
      for (let round = 0; !stopping.signal.aborted; round++) {
        if (round % 4 === 3) {
          registered.push({
            name: `user_${writer}_${round}`,
            status: (await register(`user_${writer}_${round}`)).status,
          });
          continue;
        }
        const image = `image-${writer}-${round}`;
        // Repositories that are new, that one writer changes, and that all do.
        const repository = [`fresh-${writer}-${round}`, `own-${writer}`, 'common'][round % 3] ?? '';
        const { status } = await push(repository, image);
        statuses.add(status);
        if (status === 200) acknowledged.push(image);
      }
    });
    const until200 = (count: number) =>
      until(`${count} pushes are acknowledged`, () => acknowledged.length >= count, noticedMsMax * 3);
    await until200(50);
    // It sends what it has to the standby before it ends.
    await pair.primary.stop();
    address.port = pair.standbyPort;
    const { pid } = api;
    await until('somebody is refused', () => statuses.has(503));
    await pair.promote();
    await until200(acknowledged.length + 100);
    stopping.abort();
    await Promise.all(writing);
    expect(statuses).toEqual(new Set([200, 503]));
    expect(api.pid).toBe(pid);
    const promoted = new pg.Client({ connectionString: onPort(pair.primary.urls().owner, pair.standbyPort) });
    await promoted.connect();
    try {
      const { rows } = await promoted.query<{ image: string; times: number }>(
        `select image->>'id' as image, count(*)::int as times
         from es.events, jsonb_array_elements(data->'images') as image where type = 'PushOpened' group by 1`,
      );
      const times = new Map(rows.map((row) => [row.image, row.times]));
      expect(acknowledged.filter((image) => times.get(image) !== 1)).toEqual([]);
      expect(rows.filter((row) => row.image.startsWith('image-') && row.times !== 1)).toEqual([]);
    } finally {
      await promoted.end();
    }
    expect(registered.filter(({ status }) => status !== 201 && status !== 503)).toEqual([]);
    await expectRecovered();
  });
});
