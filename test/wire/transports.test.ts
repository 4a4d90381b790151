/** What stands between clients and the index, or is written by hand, frames requests in ways of its own. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { commonWorld } from '../support/common-world.ts';
import { Connection, valuesOf, written } from '../support/exchange.ts';
import { readImages, repositoryOf } from '../support/repository.ts';
import { arranged, basic, bodyOf, staged } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await staged(await commonWorld());
});

afterAll(() => stage?.world.stop());

let turns = 0;

/** Connects to the processes in turn. */
async function connected<Result>(use: (connection: Connection) => Promise<Result>): Promise<Result> {
  turns += 1;
  const connection = new Connection(stage.world.urls[turns % stage.world.urls.length] ?? '');
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

test('who waits to be told to go on before sending a body is told, and answered after it', async () => {
  const repository = repositoryOf(stage, 'user');
  await connected(async (connection) => {
    const headers = [
      ['Host', 'index.docker.io'],
      ['Content-Length', String(body.length)],
      ['Authorization', basic(stage.owner)],
      ['Expect', '100-continue'],
    ] as const;
    connection.send(written(`PUT ${repository.path}/ HTTP/1.1`, headers, null));
    expect((await connection.answer()).status).toBe(100);
    connection.send(body);
    arranged(await connection.answer(), 200);
  });
  expect(bodyOf(await readImages(repository))).toEqual(images);
});

test('a body of no type, and of a wrong one, is read as what it is', async () => {
  const repository = repositoryOf(stage, 'user');
  for (const type of [[], [['Content-Type', 'application/x-www-form-urlencoded'] as const]]) {
    await connected(async (connection) => {
      const headers = [
        ['Host', 'index.docker.io'],
        ['Content-Length', String(body.length)],
        ['Authorization', basic(stage.owner)],
        ...type,
      ] as const;
      connection.send(written(`PUT ${repository.path}/ HTTP/1.1`, headers, body));
      arranged(await connection.answer(), 200);
    });
  }
  expect(bodyOf(await readImages(repository))).toEqual(images);
});

test('headers that came twice, as after a redirection that was followed by hand, count once', async () => {
  const { path } = repositoryOf(stage, 'user');
  const answer = await connected(async (connection) => {
    const twice = [
      ['Authorization', basic(stage.owner)],
      ['X-Docker-Token', 'true'],
      ['Content-Type', 'application/json'],
    ] as const;
    const headers = [['Host', 'index.docker.io'], ['Content-Length', String(body.length)], ...twice, ...twice] as const;
    connection.send(written(`PUT ${path}/ HTTP/1.1`, headers, body));
    return connection.answer();
  });
  expect([answer.status, valuesOf(answer, 'X-Docker-Token').length]).toEqual([200, 1]);
});

test.each(['http://index.docker.io', 'https://index.docker.io:443', 'HTTP://INDEX.docker.io'])(
  'a whole address in the request line (%s) is the path behind it, also without a host beside it',
  async (origin) => {
    const { path } = repositoryOf(stage, 'user');
    const statuses = await connected(async (connection) => {
      const authorization = ['Authorization', basic(stage.owner)] as const;
      const host = ['Host', 'index.docker.io'] as const;
      const length = ['Content-Length', String(body.length)] as const;
      connection.send(written(`PUT ${origin}${path}/ HTTP/1.1`, [host, length, authorization], body));
      connection.send(written(`GET ${origin}${path}/images?x=1 HTTP/1.1`, [host], null));
      connection.send(written(`GET ${origin}/v1/_ping HTTP/1.0`, [['Connection', 'close']], null));
      return [
        (await connection.answer()).status,
        (await connection.answer()).status,
        (await connection.answer()).status,
      ];
    });
    expect(statuses).toEqual([200, 200, 200]);
  },
);

test('who says that the connection is over gets it closed behind the answer, whatever that is', async () => {
  const { path } = repositoryOf(stage, 'user');
  for (const line of ['GET /v1/_ping HTTP/1.1', `PUT ${path}/ HTTP/1.1`, 'GET /v1/nothing HTTP/1.1']) {
    await connected(async (connection) => {
      connection.send(
        written(
          line,
          [
            ['Host', 'index.docker.io'],
            ['Content-Length', '2'],
            ['Connection', 'close'],
          ],
          '[]',
        ),
      );
      expect(valuesOf(await connection.answer(), 'Connection')).toEqual(['close']);
      await connection.ended();
    });
  }
});

test('a whole push may be sent in one breath: its parts are done one after the other', async () => {
  const repository = repositoryOf(stage, 'user');
  const { path } = repository;
  const common = [
    ['Host', 'index.docker.io'],
    ['Authorization', basic(stage.owner)],
  ] as const;
  const statuses = await connected(async (connection) => {
    connection.send(
      [
        written(`PUT ${path}/ HTTP/1.1`, [...common, ['Content-Length', String(body.length)]], body),
        written(`GET ${path}/images HTTP/1.1`, common, null),
        written(`PUT ${path}/images HTTP/1.1`, [...common, ['Transfer-Encoding', 'chunked']], '2\r\n[]\r\n0\r\n\r\n'),
        written(`GET ${path}/images HTTP/1.1`, common, null),
      ].join(''),
    );
    const seen: [number, unknown][] = [];
    for (let count = 0; count < 4; count += 1) {
      const answer = await connection.answer();
      seen.push([answer.status, bodyOf(answer)]);
    }
    return seen;
  });
  expect(statuses).toEqual([
    [200, ''],
    [200, images],
    [204, undefined],
    [200, images],
  ]);
});

test('a body that says its length in two ways is refused in JSON, and the connection is over', async () => {
  const { path } = repositoryOf(stage, 'user');
  await connected(async (connection) => {
    const headers = [
      ['Host', 'index.docker.io'],
      ['Content-Length', '4'],
      ['Transfer-Encoding', 'chunked'],
    ] as const;
    connection.send(written(`PUT ${path}/ HTTP/1.1`, headers, '0\r\n\r\n'));
    const answer = await connection.answer();
    expect(answer).toMatchObject({ status: 400, body: '{"error":"this is not HTTP"}' });
    await connection.ended();
  });
});

test('a client that goes in the middle of its body leaves nothing behind', async () => {
  const repository = repositoryOf(stage, 'user');
  await connected(async (connection) => {
    const headers = [
      ['Host', 'index.docker.io'],
      ['Content-Length', '1000'],
      ['Authorization', basic(stage.owner)],
    ] as const;
    connection.send(written(`PUT ${repository.path}/ HTTP/1.1`, headers, body));
  });
  expect((await readImages(repository)).status).toBe(404);
});
