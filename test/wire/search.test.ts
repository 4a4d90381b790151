/** Rows 10, 37a to 45: `search` in the words of each generation, through several processes in turn. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import type { Header } from '../support/exchange.ts';
import { arranged, basic, bodyOf, fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';
import {
  docker053,
  docker067,
  docker091,
  docker10,
  docker112,
  docker13,
  docker16,
  docker1809,
  docker19,
  docker2010,
  docker28,
  podman4,
} from './clients.ts';
import { spoken } from './script.ts';
import type { Speaker } from './script.ts';

let world: System;
let owner: Account;
const space = fresh('searched_');
const word = 'wirefish';

beforeAll(async () => {
  world = await createWorld({ api: 2 });
  owner = await world.createAccount();
  await world.importRepositories([
    { name: `${space}/${word}`, description: 'Swims.', star_count: 7 },
    { name: `${space}/${word}-tools`, description: 'For those that swim.' },
    { name: `library/${word}`, description: 'The official one.', star_count: 900, pull_count: 12 },
  ]);
  await world.searchable();
});

afterAll(() => world?.stop());

const wish: Header = ['X-Docker-Token', 'true'];
let turns = 0;

async function searched(by: Speaker, query: string, headers: readonly Header[] = []): Promise<unknown> {
  turns += 1;
  const url = world.urls[turns % world.urls.length] ?? '';
  const answer = arranged(
    await spoken(url, by, { says: `GET /v1/search${query}`, headers, host: 'index.docker.io' }),
    200,
  );
  expect(valuesOf(answer, 'Content-Type')).toEqual(['application/json']);
  return bodyOf(answer);
}

const result = (name: string, description: string, star_count: number) => ({
  name,
  description,
  star_count,
  is_official: !name.includes('/'),
  is_trusted: false,
  is_automated: false,
});
const all = [
  result(word, 'The official one.', 900),
  result(`${space}/${word}`, 'Swims.', 7),
  result(`${space}/${word}-tools`, 'For those that swim.', 0),
];
const found = (query: string, results: readonly object[], pageSize = 25) => ({
  query,
  num_results: results.length,
  num_pages: Math.ceil(results.length / pageSize),
  page: 1,
  page_size: pageSize,
  results,
});

describe.each([docker053, docker067])('$name', (client) => {
  test('knows texts alone, and gets no others', async () => {
    const texts = all.map(({ name, description }) => ({ name, description }));
    expect(await searched(client, `?q=${word}`)).toEqual(found(word, texts));
  });
});

describe.each([docker091, docker10, docker13, docker16, docker19])('$name', (client) => {
  test('searches with nobody’s name, with an account’s and with an empty token', async () => {
    expect(await searched(client, `?q=${word}`, [wish])).toEqual(found(word, all));
    expect(await searched(client, `?q=${word}`, [['Authorization', basic(owner)], wish])).toEqual(found(word, all));
    expect(await searched(client, `?q=${word}`, [['Authorization', 'Token '], wish])).toEqual(found(word, all));
  });

  test('is told that its credentials are wrong', async () => {
    const headers = [['Authorization', basic({ name: owner.name, password: 'wrong' })] as const];
    const request = { says: `GET /v1/search?q=${word}`, headers, host: 'index.docker.io' };
    const answer = await spoken(world.urls[0] ?? '', client, request);
    expect([answer.status, valuesOf(answer, 'WWW-Authenticate')]).toEqual([401, ['Basic realm="auth required",Token']]);
  });
});

describe.each([docker112, docker1809, docker2010, docker28])('$name', (client) => {
  test('says how many it wants, and gets as many', async () => {
    expect(await searched(client, `?n=25&q=${word}`, [wish])).toEqual(found(word, all));
    expect(await searched(client, `?n=1&q=${word}`, [wish])).toEqual({
      ...found(word, all, 1),
      results: all.slice(0, 1),
    });
  });

  test('is nobody with an empty name and an empty password', async () => {
    const nobody: Header = ['Authorization', 'Basic Og=='];
    expect(await searched(client, `?n=25&q=${word}`, [nobody, wish])).toEqual(found(word, all));
  });

  test('asks for a namespace, and gets what is in it', async () => {
    expect(await searched(client, `?n=25&q=${space}%2F`)).toEqual(found(`${space}/`, all.slice(1)));
  });

  test('asks for one with its tag, and gets that one first', async () => {
    const query = `${space}/${word}-tools:latest`;
    const answer = await searched(client, `?n=25&q=${encodeURIComponent(query)}`);
    expect(answer).toMatchObject({ query, results: expect.arrayContaining(all.slice(2)) });
    expect(answer).toHaveProperty('results.0.name', `${space}/${word}-tools`);
  });

  test('lists everything when no word is given', async () => {
    expect(await searched(client, '?n=25&q=')).toMatchObject({ query: '', num_results: 3 });
  });
});

describe('podman 4', () => {
  test('asks for the second version, and searches after the challenge without credentials', async () => {
    const challenge = await spoken(world.urls[0] ?? '', podman4, {
      says: 'GET /v2/',
      headers: [],
      host: 'index.docker.io',
    });
    expect(challenge.status).toBe(401);
    expect(await searched(podman4, `?n=25&q=${word}`)).toEqual(found(word, all));
  });

  test('asks for more than there may be, and gets what may be', async () => {
    expect(await searched(podman4, `?n=5000&q=${word}`)).toEqual(found(word, all, 100));
  });
});
