/** Two API processes and what may happen to them: races, a database that goes away, connections that are cut, the end. */
import { connect } from 'node:net';

import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';

import { cutting } from '../support/cutting.ts';
import { Connection, written } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { announce, push, readImages, remove, repositoryOf } from '../support/repository.ts';
import type { Repository } from '../support/repository.ts';
import { arranged, basic, bodyOf, firstImage, fresh, get, headersWith, staged, wantsToken } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { challenge, openly, whole, wholly } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let stage: Stage;

/** Only a superuser sees what the others are doing, and may cut their connections. */
let superuser: pg.Client;

beforeAll(async () => {
  world = await createWorld({ api: 2 });
  stage = await staged(world);
  const url = new URL(inject('stack').superuserUrl);
  url.pathname = new URL(world.databaseUrls.owner).pathname;
  superuser = await connected(url.href);
});

afterAll(async () => {
  await superuser?.end();
  await world?.stop();
});

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

function put(repository: Repository, part: '/' | '/images', ids: readonly string[], by = repository.pusher) {
  const body = JSON.stringify(ids.map((id) => ({ id })));
  const headers = headersWith(basic(by), wantsToken);
  return stage.send({ method: 'PUT', target: `${repository.path}${part}`, headers, body });
}

interface Logged {
  readonly version: number;
  readonly type: string;
  readonly data: { readonly images?: readonly { readonly id: string }[] };
}

async function logOf({ fullName }: Repository): Promise<readonly Logged[]> {
  return world.query(
    `select e.version, e.type, e.data from es.events e
     join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
     join directory.namespaces n on n.id = r.namespace_id
     where n.name || '/' || r.name = $1 order by e.position`,
    [fullName],
  );
}

const expectNoGaps = (log: readonly Logged[]) => {
  expect(log.map(({ version }) => version)).toEqual(log.map((_, index) => index + 1));
};

const statusesOf = (answers: readonly Answer[]) => [...new Set(answers.map(({ status }) => status))];

describe('two processes and many clients on one repository', () => {
  test('create it once, and every push of theirs is in it', async () => {
    const repository = repositoryOf({ ...stage, owner: stage.owner }, 'user');
    const ids = Array.from({ length: 16 }, (_, index) => `image-${index}`);
    const answers = await Promise.all(ids.map((id) => put(repository, '/', [id])));
    expect(statusesOf(answers)).toEqual([200]);
    const log = await logOf(repository);
    expectNoGaps(log);
    expect(log.map(({ type }) => type)).toEqual(['RepositoryCreated', ...ids.map(() => 'PushOpened')]);
    const images = bodyOf(arranged(await readImages(repository), 200));
    expect(images).toEqual(expect.arrayContaining(ids.map((id) => ({ id, checksum: '' }))));
  });

  test('may push, complete and delete at once: nobody sees an error of ours, and the log is a story that can be true', async () => {
    const repository = repositoryOf(stage, 'user');
    const attempt = (index: number): Promise<Answer> => {
      switch (index % 4) {
        case 0:
          return put(repository, '/', [`image-${index}`]);
        case 1:
          return put(repository, '/images', [`image-${index}`]);
        case 2:
          return remove(repository, basic(index % 8 === 2 ? repository.pusher : world.admin));
        default:
          return readImages(repository);
      }
    };
    const answers: Answer[] = [];
    for (let round = 0; round < 5; round++) {
      answers.push(...(await Promise.all(Array.from({ length: 24 }, (_, index) => attempt(index)))));
    }
    expect([200, 202, 204, 404]).toEqual(expect.arrayContaining(statusesOf(answers)));
    const log = await logOf(repository);
    expectNoGaps(log);
    let status = 'absent';
    for (const { type } of log) {
      const [from, to] = steps[type] ?? ['unknown', 'unknown'];
      expect({ type, status }).toEqual({ type, status: expect.stringMatching(from) as string });
      status = to ?? status;
    }
    // Still a repository like any other.
    const ids = log.length.toString();
    arranged(await put(repository, '/', [ids]), 200);
    const images = bodyOf(arranged(await readImages(repository), 200));
    expect(images).toEqual(expect.arrayContaining([{ id: ids, checksum: '' }]));
  });

  /** In which status each event may be, and where it leads. */
  const steps: Readonly<Record<string, readonly [string, string?]>> = {
    RepositoryCreated: ['absent|deleted', 'active'],
    PushOpened: ['active'],
    ImagesAdded: ['active'],
    PushCompleted: ['active'],
    DeletionRequested: ['active', 'deleting'],
    DeletionAuthorized: ['deleting'],
    RepositoryDeleted: ['deleting', 'deleted'],
  };
});

/** Long enough for some appends between. */
const cutsMin = 6;
const roundsMax = 100;

describe('the database', () => {
  const unavailable = [
    503,
    { error: 'the database is not available; try again in a moment' },
    { 'retry-after': '1' },
  ] as const;

  test('is away: all that needs it is 503 and says when to come again, what does not goes on; it heals by itself', async () => {
    const repository = repositoryOf(stage, 'user');
    const { path, fullName } = repository;
    const token = await announce(repository, [firstImage]);
    const by = basic(stage.owner);
    const body = (value: unknown) => JSON.stringify(value);
    const registration = { username: fresh('person_'), email: 'person@example.org', password: 'a password' };
    const requests: [string, string, string | null, string | null][] = [
      ['GET', '/v1/users', by, null],
      ['POST', '/v1/users', null, body(registration)],
      ['PUT', `/v1/users/${stage.owner.name}`, by, body({ password: 'a password' })],
      ['PUT', `${path}/`, by, body([firstImage])],
      ['PUT', `${path}/images`, by, '[]'],
      ['PUT', `${path}/images`, token, '[]'],
      ['GET', `${path}/images`, null, null],
      ['GET', `${path}/images`, token, null],
      ['PUT', `${path}/auth`, token, null],
      ['DELETE', `${path}/`, by, null],
      ['GET', `${path}/layer/abc/access`, token, null],
    ];
    await world.database.stop();
    try {
      for (const [method, target, authorization, sent] of requests) {
        // Both processes are asked.
        for (let time = 0; time < 2; time++) {
          const answer = await stage.send({ method, target, headers: headersWith(authorization), body: sent });
          const told = method === 'GET' && authorization === null ? openly(...unavailable) : wholly(...unavailable);
          expect({ method, target, ...whole(answer) }).toEqual({ method, target, ...told });
        }
      }
      expect(await get(stage, `/v2/repositories/${fullName}/history`, by)).toMatchObject({
        status: 503,
        body: '{"message":"the database is not available; try again in a moment"}',
      });
      expect(await get(stage, '/v1/search?q=x')).toMatchObject({ status: 500 });
      expect(await get(stage, '/v1/_ping')).toMatchObject({ status: 200, body: 'true' });
      expect(whole(await get(stage, '/v1/users', null))).toEqual(
        openly(401, { error: 'a name and password are needed' }, challenge),
      );
    } finally {
      await world.database.start();
    }
    await until('both processes answer again', async () => {
      const answers = [await get(stage, '/v1/users', by), await get(stage, '/v1/users', by)];
      return answers.every(({ status }) => status === 200);
    });
    arranged(await put(repository, '/images', []), 204);
    expect(world.apis.map(({ running }) => running)).toEqual([true, true]);
  });

  test('cuts the connection of a push that it is working on: the push is in the log once, and the client is told so', async () => {
    const repository = repositoryOf(stage, 'user');
    await push(repository);
    const before = (await logOf(repository)).length;
    const release = await holdingStream(repository);
    const pushing = put(repository, '/', ['cut-off']);
    const blocked = () => backends('docket api log', `and wait_event_type = 'Lock'`);
    try {
      const waiting = await until('the append waits', async () => (await blocked())[0]);
      expect(await terminate([waiting])).toBe(1);
      await until('it was sent again', async () => (await blocked()).some((pid) => pid !== waiting));
    } finally {
      await release();
    }
    expect(await pushing).toMatchObject({ status: 200 });
    const log = await logOf(repository);
    expectNoGaps(log);
    expect(log.slice(before).map(({ type, data }) => [type, data.images])).toEqual([
      ['PushOpened', [{ id: 'cut-off' }]],
    ]);
  });

  test.each([
    { connections: 'over which group commits go', application: 'docket api log', count: 4, each: 1 },
    // One repository: what both processes change has the stream to itself, in a transaction.
    { connections: 'over which transactions go', application: 'docket api', count: 1, each: 8 },
  ])(
    'cuts connections $connections again and again: every push that was acknowledged is in the log once',
    async (cut) => {
      const repositories = Array.from({ length: cut.count }, () => repositoryOf(stage, 'user'));
      for (const repository of repositories) await push(repository);
      let acknowledgements = 0;
      const cuts = cutting(
        async () => terminate(await backends(cut.application, '')),
        () => acknowledgements,
      );
      const enough = () => cuts.count() >= cutsMin && acknowledgements > 0;
      const sent: { readonly repository: Repository; readonly id: string; readonly answer: Answer }[] = [];
      await Promise.all(
        repositories.flatMap((repository) =>
          Array.from({ length: 25 }, async (_, index) => {
            for (let round = 0; round < cut.each || (!enough() && round < roundsMax); round++) {
              const id = `${repository.name}-${index}-${round}`;
              const answer = await put(repository, '/', [id]);
              sent.push({ repository, id, answer });
              if (answer.status === 200) acknowledgements++;
            }
          }),
        ),
      );
      await cuts.end();
      expect(enough()).toBe(true);
      expect([200, 503]).toEqual(expect.arrayContaining(statusesOf(sent.map(({ answer }) => answer))));
      const acknowledged = sent.filter(({ answer }) => answer.status === 200);
      for (const repository of repositories) {
        const log = await logOf(repository);
        expectNoGaps(log);
        const announced = log.flatMap(({ data }) => data.images ?? []).map(({ id }) => id);
        const own = acknowledged.filter((one) => one.repository === repository).map(({ id }) => id);
        expect(own.filter((id) => announced.filter((other) => other === id).length !== 1)).toEqual([]);
      }
    },
  );

  /** Connections of both processes. */
  async function backends(application: string, condition: string): Promise<number[]> {
    const { rows } = await superuser.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where application_name = $1 and datname = current_database() ${condition}`,
      [application],
    );
    return rows.map(({ pid }) => pid);
  }

  async function terminate(pids: readonly number[]): Promise<number> {
    const { rowCount } = await superuser.query('select from unnest($1::int[]) as pid where pg_terminate_backend(pid)', [
      pids,
    ]);
    return rowCount ?? 0;
  }

  /** Nothing can be appended to the stream until the answer is called. */
  async function holdingStream({ fullName }: Repository): Promise<() => Promise<void>> {
    const client = await connected(world.databaseUrls.owner);
    await client.query('begin');
    await client.query(
      `select pg_advisory_xact_lock(1163087698, hashtext('repository-' || r.repository_id))
       from directory.repository_names r join directory.namespaces n on n.id = r.namespace_id
       where n.name || '/' || r.name = $1`,
      [fullName],
    );
    return () => client.end();
  }
});

describe('a process that is told to end', () => {
  const opened: Connection[] = [];

  afterEach(async () => {
    for (const connection of opened) connection.close();
    opened.length = 0;
    for (const api of world.apis) if (!api.running) await api.start();
  });

  test('finishes what it accepted, on a connection that the client would keep, takes nothing new and ends well', async () => {
    const [api] = world.apis;
    if (api === undefined) throw new Error('the world has no API process');
    const repository = repositoryOf(stage, 'user');
    const { url } = api;
    const body = '[{"id": "slowly-sent"}]';
    const headers = headersWith(basic(stage.owner), ['Content-Length', String(body.length)]);
    const slow = new Connection(url);
    const idle = new Connection(url);
    opened.push(slow, idle);
    idle.send(written('GET /v1/_ping HTTP/1.1', headersWith(null), null));
    expect(await idle.answer()).toMatchObject({ status: 200 });
    const [before] = (await superuser.query<{ now: Date }>('select clock_timestamp() as now')).rows.map(
      ({ now }) => now,
    );
    slow.send(written(`PUT ${repository.path}/ HTTP/1.1`, headers, body.slice(0, 5)));
    await until('the request is being worked on', async () => {
      const { rowCount } = await superuser.query(
        `select from pg_stat_activity where application_name = 'docket api' and datname = current_database()
         and query_start > $1`,
        [before],
      );
      return rowCount !== null && rowCount > 0;
    });
    const began = performance.now();
    const ended = api.kill('SIGTERM');
    await idle.ended();
    await until('nobody is let in any more', () => refused(url));
    slow.send(body.slice(5));
    expect(await slow.answer()).toMatchObject({ status: 200, body: '""' });
    await slow.ended();
    expect(await ended).toBe(0);
    // Much less than the time after which what is open is cut.
    expect(performance.now() - began).toBeLessThan(5_000);
    expect((await logOf(repository)).map(({ type }) => type)).toEqual(['RepositoryCreated', 'PushOpened']);
  });

  function refused(url: string): Promise<boolean> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve) => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.once('connect', () => {
        socket.destroy();
        resolve(false);
      });
      socket.once('error', () => resolve(true));
    });
  }
});
