/** Clients that do not wait for answers, do not read them, or take for ever to ask: what they get, and what others notice. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as elapsed } from 'node:timers/promises';

import { connectionsMax } from '@docket/shared/limits';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { quantile } from '../bench/harness.ts';
import { pingedDuring, residentBytes, sendPipelined } from '../bench/pipelined.ts';
import { Connection, exchange, valuesOf, written } from '../support/exchange.ts';
import { readImages, repositoryOf } from '../support/repository.ts';
import { arranged, basic, bodyOf, staged } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const megabyte = 2 ** 20;
const smallest = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

let world: System;
let stage: Stage;
let url: string;

beforeAll(async () => {
  world = await createWorld();
  stage = await staged(world);
  url = world.urls[0] ?? '';
});

afterAll(() => world?.stop());

async function connected<Result>(use: (connection: Connection) => Promise<Result>): Promise<Result> {
  const connection = new Connection(url);
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

const host = ['Host', 'index.docker.io'] as const;

test('thirty requests that are sent in one breath are done one after the other and answered in their order', async () => {
  const repository = repositoryOf(stage, 'user');
  const common = [host, ['Authorization', basic(stage.owner)]] as const;
  const lists = Array.from({ length: 15 }, (_, index) => JSON.stringify([{ id: `image-${index}` }]));
  const seen = await connected(async (connection) => {
    connection.send(
      lists
        .flatMap((list) => [
          written(`PUT ${repository.path}/ HTTP/1.1`, [...common, ['Content-Length', String(list.length)]], list),
          written(`GET ${repository.path}/images HTTP/1.1`, common, null),
        ])
        .join(''),
    );
    const answers: unknown[] = [];
    for (const _ of lists) {
      arranged(await connection.answer(), 200);
      answers.push(bodyOf(await connection.answer()));
    }
    return answers;
  });
  const images = lists.map((_, index) => expect.objectContaining({ id: `image-${index}` }));
  expect(seen).toEqual(images.map((image, index) => expect.arrayContaining(images.slice(0, index).concat(image))));
});

test('a hundred requests, more than may wait, are all answered, also in pieces that end anywhere', async () => {
  const count = 100;
  const text = Array.from({ length: count }, (_, index) => written(`GET /v1/${index} HTTP/1.1`, [host], null)).join('');
  for (const pieceLength of [text.length, 1_000, 97]) {
    const bodies = await connected(async (connection) => {
      for (let at = 0; at < text.length; at += pieceLength) connection.send(text.slice(at, at + pieceLength));
      const answers: string[] = [];
      while (answers.length < count) answers.push((await connection.answer()).body);
      return answers;
    });
    expect(bodies).toEqual(Array.from({ length: count }, (_, index) => `{"error":"there is nothing at /v1/${index}"}`));
  }
});

test.each(['length', 'chunks'])(
  'a body of a megabyte is told by its %s from the request behind it',
  async (framing) => {
    const repository = repositoryOf(stage, 'user');
    const list = `[{"id":"large"}${' '.repeat(megabyte)}]`;
    const [header, body] =
      framing === 'length'
        ? ([['Content-Length', String(list.length)], list] as const)
        : ([['Transfer-Encoding', 'chunked'], `${list.length.toString(16)}\r\n${list}\r\n0\r\n\r\n`] as const);
    const statuses = await connected(async (connection) => {
      connection.send(
        written(`PUT ${repository.path}/ HTTP/1.1`, [host, header, ['Authorization', basic(stage.owner)]], body) +
          written('GET /v1/_ping HTTP/1.1', [host], null).repeat(3),
      );
      const seen: number[] = [];
      while (seen.length < 4) seen.push((await connection.answer()).status);
      return seen;
    });
    expect(statuses).toEqual([200, 200, 200, 200]);
    expect(bodyOf(await readImages(repository))).toEqual([{ id: 'large', checksum: '' }]);
  },
);

test.each([
  ['Upgrade', 'h2c'],
  ['Expect', 'the-unexpected'],
])(
  'who asks for what there is not (%s: %s) is answered as if it had not, and so are the requests behind',
  async (...header) => {
    const count = 60;
    const statuses = await connected(async (connection) => {
      const headers = [host, header, ...(header[0] === 'Upgrade' ? [['Connection', 'upgrade'] as const] : [])];
      connection.send(written('GET /v1/_ping HTTP/1.1', headers, null).repeat(count));
      const seen: number[] = [];
      while (seen.length < count) seen.push((await connection.answer()).status);
      return seen;
    });
    expect(new Set(statuses)).toEqual(new Set([200]));
  },
);

test('twenty thousand requests on one connection do not keep others waiting', async () => {
  const pid = world.apis[0]?.pid ?? 0;
  // A process that has just begun is slow and grows by itself.
  await sendPipelined(url, smallest, 1_000);
  const before = await pingedDuring(url, pid, () => elapsed(2_000));
  const residentBefore = residentBytes(pid);
  const during = await pingedDuring(url, pid, () => sendPipelined(url, smallest, 20_000));
  // Where all of it is parsed at once they wait until all of it is answered, a minute or so.
  expect(quantile(during.pingMs, 0.99)).toBeLessThan(500 + 5 * quantile(before.pingMs, 0.99));
  expect(during.residentBytesMax - residentBefore).toBeLessThan(100 * megabyte);
}, 180_000);

test('who does not read the answers is not read either, and holds no more than a connection may', async () => {
  const pid = world.apis[0]?.pid ?? 0;
  const residentBefore = residentBytes(pid);
  const request = written('GET /v1/_ping HTTP/1.1', [host, ['X-Padding', 'x'.repeat(1_000)]], null);
  const perWrite = 64;
  const writes = 1_000;
  const socket = await opened();
  socket.pause();
  let taken = 0;
  for (let count = 0; count < writes; count += 1) {
    socket.write(request.repeat(perWrite), () => {
      taken += 1;
    });
  }
  let seen = -1;
  let since = performance.now();
  await until(
    'nothing more is taken',
    () => {
      if (taken !== seen) [seen, since] = [taken, performance.now()];
      return performance.now() - since > 3_000;
    },
    60_000,
  );
  // What the systems of both sides hold for a connection is some megabytes; 64 are sent.
  expect((taken * perWrite * request.length) / megabyte).toBeLessThan(32);
  expect(residentBytes(pid) - residentBefore).toBeLessThan(64 * megabyte);
  expect((await fetch(`${url}/v1/_ping`)).status).toBe(200);
  socket.destroy();
}, 120_000);

test.each([
  ['goes away', 3_000],
  // Heard when what was asked before it has been read.
  ['says that it has nothing more to ask', 60],
] as const)('who %s in the middle leaves no connection behind', async (how, count) => {
  const before = await connections();
  const sockets = await Promise.all(Array.from({ length: 50 }, opened));
  for (const socket of sockets) {
    socket.write(smallest.repeat(count));
    socket.resume();
  }
  if (how === 'goes away') {
    await until('all of them are taken', async () => (await connections()) >= before + sockets.length / 2);
  }
  for (const socket of sockets) {
    if (how === 'goes away') socket.destroy();
    else socket.end();
  }
  await until('all of them are gone', async () => (await connections()) < before + sockets.length / 2);
  expect((await fetch(`${url}/v1/_ping`)).status).toBe(200);
  expect(world.apis[0]?.complaints).not.toContain('MaxListenersExceededWarning');
});

test('a body that trickles and a head that never ends are refused in JSON, and a slow link is waited for', async () => {
  const repository = repositoryOf(stage, 'user');
  const list = `[{"id":"slow"}${' '.repeat(60_000)}]`;
  const headers = [host, ['Content-Length', String(list.length)], ['Authorization', basic(stage.owner)]] as const;
  const head = written(`PUT ${repository.path}/ HTTP/1.1`, headers, null);
  const sent = async (bytes: number, everyMs: number, connection: Connection) => {
    connection.send(head);
    let at = 0;
    const sending = setInterval(() => {
      connection.send(list.slice(at, at + bytes));
      at += bytes;
      if (at >= list.length) clearInterval(sending);
    }, everyMs);
    try {
      return await connection.answer();
    } finally {
      clearInterval(sending);
    }
  };
  await Promise.all([
    connected(async (connection) => {
      const refused = await sent(10, 500, connection);
      expect(refused).toMatchObject({ status: 408, body: '{"error":"the body comes too slowly"}' });
      expect(valuesOf(refused, 'Connection')).toEqual(['close']);
      await connection.ended();
    }),
    connected(async (connection) => {
      connection.send('GET /v1/_ping HTTP/1.1\r\nHo');
      const refused = await connection.answer();
      expect(refused).toMatchObject({ status: 408, body: '{"error":"the request took too long"}' });
      await connection.ended();
    }),
    // 2 kB/s: a third of what a modem does.
    connected(async (connection) => arranged(await sent(1_000, 500, connection), 200)),
  ]);
  expect(bodyOf(await readImages(repository))).toEqual([{ id: 'slow', checksum: '' }]);
}, 120_000);

test('when there are as many connections as may be, those that are idle make room', async () => {
  const before = await connections();
  const sockets: Socket[] = [];
  while (sockets.length <= connectionsMax) {
    const some = await Promise.all(Array.from({ length: 64 }, opened));
    sockets.push(...some);
    for (const socket of some) socket.write(written('GET /v1/_ping HTTP/1.1', [host], null));
    await Promise.all(some.map(answeredOrClosed));
  }
  const fresh = await until('somebody new is answered', () =>
    exchange(url, { method: 'GET', target: '/v1/_ping', headers: [host], body: null }),
  );
  expect(fresh.status).toBe(200);
  await until('idle ones were closed', async () => (await connections()) < before + connectionsMax / 2);
  for (const socket of sockets) socket.destroy();
}, 120_000);

function answeredOrClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('data', () => resolve());
    socket.once('close', () => resolve());
  });
}

function opened(): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => resolve(socket));
    socket.on('error', reject);
  });
}

/** The sockets of the process: those from clients, and its own to the engines, of which there may be more at any time. */
async function connections(): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nodejs_active_resources\{type="TCPSocketWrap"\} (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
}
