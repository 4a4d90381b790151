/** What stands between clients and the index, or is written by hand, frames requests in ways of its own. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Connection, valuesOf, written } from '../conformance/exchange.ts';
import { readImages, repositoryOf } from '../conformance/repository.ts';
import { arranged, basic, bodyOf, staged } from '../conformance/stage.ts';
import type { Stage } from '../conformance/stage.ts';
import { createWorld } from '../support/world.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await staged(await createWorld({ api: 1 }));
});

afterAll(() => stage?.world.stop());

async function connected<Result>(use: (connection: Connection) => Promise<Result>): Promise<Result> {
  const connection = new Connection(stage.world.urls[0] ?? '');
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

const body = '[{"id":"abc"}]';
const images = [{ id: 'abc', checksum: '' }];

test('a proxy that speaks HTTP/1.0 gets an answer with its length, and then the end', async () => {
  const { path } = repositoryOf(stage, 'user');
  await connected(async (connection) => {
    const headers = [
      ['Host', 'index.docker.io'],
      ['Connection', 'close'],
      ['Content-Length', String(body.length)],
      ['Authorization', basic(stage.owner)],
      ['X-Docker-Token', 'true'],
    ] as const;
    connection.send(written(`PUT ${path}/ HTTP/1.0`, headers, body));
    const answer = arranged(await connection.answer(), 200);
    expect(valuesOf(answer, 'X-Docker-Token')).toHaveLength(1);
    await connection.ended();
  });
});

test('a client of HTTP/1.0 need not name a host', async () => {
  const answer = await connected(async (connection) => {
    connection.send('GET /v1/_ping HTTP/1.0\r\n\r\n');
    return connection.answer();
  });
  expect(answer).toMatchObject({ status: 200, body: 'true' });
});

test('a body may come in chunks, cut anywhere', async () => {
  const repository = repositoryOf(stage, 'user');
  await connected(async (connection) => {
    const headers = [
      ['Host', 'index.docker.io'],
      ['Transfer-Encoding', 'chunked'],
      ['Authorization', basic(stage.owner)],
    ] as const;
    connection.send(written(`PUT ${repository.path}/ HTTP/1.1`, headers, null));
    for (const part of ['[{"i', 'd":"a', 'bc"', '}]']) connection.send(`${part.length.toString(16)}\r\n${part}\r\n`);
    connection.send('0\r\n\r\n');
    arranged(await connection.answer(), 200);
  });
  expect(bodyOf(await readImages(repository))).toEqual(images);
});

test('requests that are sent before their answers are answered in their order', async () => {
  const repository = repositoryOf(stage, 'user');
  const { path } = repository;
  const common = [
    ['host', 'index.docker.io'],
    ['authorization', basic(stage.owner)],
  ] as const;
  const length = ['content-length', String(body.length)] as const;
  const statuses = await connected(async (connection) => {
    connection.send(
      [
        written(`PUT ${path}/ HTTP/1.1`, [...common, length], body),
        written('GET /v1/users/ HTTP/1.1', common, null),
        written('GET /v1/nothing HTTP/1.1', common, null),
        written('GET /v1/_ping HTTP/1.1', common, null),
      ].join(''),
    );
    const seen: number[] = [];
    for (let count = 0; count < 4; count += 1) seen.push((await connection.answer()).status);
    return seen;
  });
  expect(statuses).toEqual([200, 200, 404, 200]);
  expect(bodyOf(await readImages(repository))).toEqual(images);
});

test('a connection on which something was refused goes on', async () => {
  const { path } = repositoryOf(stage, 'user');
  const headers = [
    ['Host', 'index.docker.io'],
    ['Content-Length', String(body.length)],
  ] as const;
  const statuses = await connected(async (connection) => {
    const seen: number[] = [];
    for (const line of [`PUT ${path}/ HTTP/1.1`, `DELETE ${path}/images HTTP/1.1`, 'POST /v1/search HTTP/1.1']) {
      connection.send(written(line, headers, body));
      seen.push((await connection.answer()).status);
    }
    connection.send(written('GET /v1/_ping HTTP/1.1', [['Host', 'index.docker.io']], null));
    return [...seen, (await connection.answer()).status];
  });
  expect(statuses).toEqual([401, 405, 405, 200]);
});
