/** Search without a search engine: Postgres answers, in the same form, and shows nothing that may not be seen. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import { push, readImages, repositoryOf, requestDeletion } from '../support/repository.ts';
import { arranged, bodyOf, get, staged } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { openly, whole } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let stage: Stage;

const crowd = Array.from({ length: 60 }, (_, index) => ({
  name: `crowded/box-${String(index).padStart(2, '0')}`,
  description: 'one of a crowd',
  star_count: index,
}));
const special = [
  { name: 'redis', description: 'A store of keys and values', star_count: 100, pull_count: 1_000 },
  { name: 'cachers/redis-proxy', description: 'stands before a redis', star_count: 500 },
  { name: 'cachers/memory', description: 'like redis, and 100% sure', star_count: 3 },
  { name: 'writers/under_score', description: 'a_b', star_count: 1 },
  { name: 'writers/underXscore', description: 'aXb', star_count: 1 },
  { name: 'writers/slashes', description: String.raw`C:\temp and "quotes" and 'more'`, star_count: 1 },
  { name: 'writers/whale', description: 'carries 🐳 and smiles 😀', star_count: 1 },
];

beforeAll(async () => {
  world = await createWorld({ api: 2, environment: { MEILISEARCH_URL: '', MEILISEARCH_API_KEY: '' } });
  stage = await staged(world);
  await world.importRepositories([...crowd, ...special]);
  await world.projected();
});

afterAll(() => world?.stop());

interface Found {
  readonly names: unknown;
  readonly total: unknown;
}

async function search(query: string): Promise<Found> {
  const answer = arranged(await get(stage, `/v1/search?${query}`), 200);
  expect(valuesOf(answer, 'X-Docket-Search')).toEqual(['postgres']);
  const body: unknown = bodyOf(answer);
  if (typeof body !== 'object' || body === null || !('results' in body) || !('num_results' in body)) {
    throw new Error(`not an answer to a search: ${answer.body}`);
  }
  const results: unknown[] = Array.isArray(body.results) ? body.results : [];
  return { names: results.map(nameOf), total: body.num_results };
}

function nameOf(found: unknown): unknown {
  return typeof found === 'object' && found !== null && 'name' in found ? found.name : undefined;
}

const term = (text: string) => `q=${encodeURIComponent(text)}`;

test('the answer has the form of the seed and says who gave it', async () => {
  expect(whole(await get(stage, '/v1/search?q=redis&n=2'))).toEqual(
    openly(
      200,
      {
        query: 'redis',
        num_results: 3,
        num_pages: 2,
        page: 1,
        page_size: 2,
        results: [
          result('redis', 'A store of keys and values', 100, true),
          result('cachers/redis-proxy', 'stands before a redis', 500, false),
        ],
      },
      { etag: expect.stringMatching(/^"[\w-]{27}"$/) as string, 'x-docket-search': 'postgres' },
    ),
  );
});

function result(name: string, description: string, star_count: number, is_official: boolean) {
  return { name, description, star_count, is_official, is_trusted: false, is_automated: false };
}

test.each<[string, readonly string[]]>([
  ['redis', ['redis', 'cachers/redis-proxy', 'cachers/memory']],
  ['REDIS', ['redis', 'cachers/redis-proxy', 'cachers/memory']],
  ['library/redis', ['redis', 'cachers/redis-proxy', 'cachers/memory']],
  ['redis:latest', ['redis', 'cachers/redis-proxy', 'cachers/memory']],
  ['keys store', ['redis']],
  ['keys nothing', []],
  ['cachers/', ['cachers/redis-proxy', 'cachers/memory']],
  ['cachers/memory', ['cachers/memory']],
  ['cachers/memory:1.0', ['cachers/memory']],
  ['absent_/', []],
  ['proxy', ['cachers/redis-proxy']],
  ['100%', ['cachers/memory']],
  ['%', ['cachers/memory']],
  ['a_b', ['writers/under_score']],
  ['under_score', ['writers/under_score']],
  ['\\', ['writers/slashes']],
  ['C:\\temp', ['writers/slashes']],
  ['"quotes"', ['writers/slashes']],
  [`'more'`, ['writers/slashes']],
  [`'; drop table read.repositories; --`, []],
  ['🐳', ['writers/whale']],
  ['smiles 😀', ['writers/whale']],
  ['$1', []],
  ['(', []],
  ['x'.repeat(1000), []],
  ['%'.repeat(1000), []],
  ['\uFFFD', []],
])('%j finds %j', async (text, names) => {
  expect(await search(term(text))).toEqual({ names, total: names.length });
});

test.each(['%00', 'redis%00', '%00redis', 're%00dis', '%00%00', 'cachers%00/', '%ff', '%c3', '%', '%zz', '%ED%A0%80'])(
  'q=%s is answered like any other term',
  async (raw) => {
    const [one, other] = [await get(stage, `/v1/search?q=${raw}`), await get(stage, `/v1/search?q=${raw}`)];
    expect(one).toMatchObject({ status: 200 });
    expect(whole(other)).toEqual(whole(one));
  },
);

test('pages have no gap, no repetition and the same totals, with the exact name first or without', async () => {
  for (const [query, total] of [
    ['q=crowd', 60],
    ['q=crowded/', 60],
    ['q=crowded/box-30', 1],
    ['q=', 67],
  ] as const) {
    for (const size of [1, 7, 25, 100]) {
      const seen: unknown[] = [];
      for (let page = 1; page <= Math.ceil(total / size) + 1; page++) {
        const { names, total: said } = await search(`${query}&n=${size}&page=${page}`);
        expect(said).toBe(total);
        if (Array.isArray(names)) seen.push(...names);
      }
      expect({ query, size, seen: seen.length, different: new Set(seen).size }).toEqual({
        query,
        size,
        seen: total,
        different: total,
      });
    }
  }
});

test('the most popular stand first, and the page far behind the last is empty', async () => {
  expect(await search('q=crowded/&n=3')).toEqual({
    names: ['crowded/box-59', 'crowded/box-58', 'crowded/box-57'],
    total: 60,
  });
  expect(await search('q=crowded/&n=100&page=999999999')).toEqual({ names: [], total: 60 });
});

test('a repository that is being deleted is shown no more from the acknowledgement on', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  await world.projected();
  const { owner } = stage;
  const terms = [term(repository.fullName), term(repository.name), term(`${owner.name}/`), term(owner.name)];
  for (const query of terms) expect(await search(query)).toMatchObject({ names: [repository.fullName] });
  await withoutProjector(async () => {
    await requestDeletion(repository);
    for (const query of terms) expect(await search(query)).toMatchObject({ names: [] });
  });
  await world.projected();
  for (const query of terms) expect(await search(query)).toEqual({ names: [], total: 0 });
});

test('a repository that is made private is shown no more from the event on', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  await world.projected();
  const terms = [term(repository.fullName), term(repository.name)];
  for (const query of terms) expect(await search(query)).toMatchObject({ names: [repository.fullName] });
  await withoutProjector(async () => {
    await makePrivate(repository.name);
    for (const query of terms) expect(await search(query)).toMatchObject({ names: [] });
    expect(await readImages(repository)).toMatchObject({ status: 404 });
  });
  await world.projected();
  for (const query of terms) expect(await search(query)).toEqual({ names: [], total: 0 });
});

/** What the projector does not know yet must not depend on its speed. */
async function withoutProjector(work: () => Promise<void>): Promise<void> {
  const pids = world.projectors.map(({ pid }) => pid);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
}

async function makePrivate(name: string): Promise<void> {
  const id = randomUUID();
  const rows = await world.query<{ outcome: string }>(
    `select a.outcome from directory.repository_names r
     cross join lateral (select max(version) as version from es.events where stream_id = 'repository-' || r.repository_id) v
     cross join lateral es.append(array['repository-' || r.repository_id], array[v.version], array[$2::uuid],
       array[null::text], array[null::text], array[null::text], array[1], array[1], array['VisibilityChanged'],
       array[1::smallint], array[$3::text], array[$4::text]) a
     where r.name = $1`,
    [
      name,
      id,
      JSON.stringify({ is_private: true }),
      JSON.stringify({ actor: null, request_id: id, correlation_id: id, causation_id: id }),
    ],
  );
  expect(rows).toEqual([{ outcome: 'appended' }]);
}
