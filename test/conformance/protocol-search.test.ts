/** What clients rely on beyond the published text when they search. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { valuesOf } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { deleteWholly, push, repositoryOf, requestDeletion } from '../support/repository.ts';
import { arranged, bodyOf, fresh, headersWith, staged } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import { alreadyExists, expectCommonForm, usualError } from './scenario.ts';

const many = Array.from({ length: 120 }, (_, index) => ({
  name: `crowd/member-${index}`,
  description: 'one of a crowd',
  star_count: index,
}));

const catalogue = [
  { name: 'library/redis', description: 'A key and value store that lives in memory', star_count: 900 },
  { name: 'nginx', description: 'A web server', star_count: 800, pull_count: 1_000_000 },
  { name: 'bitnami/redis', description: 'Another redis', star_count: 90 },
  { name: 'someone/redis', description: 'A redis of somebody', star_count: 9 },
  { name: 'someone/redis-exporter', description: 'Metrics of redis' },
  { name: 'someone/unrelated', description: 'Nothing of the kind', star_count: 5 },
];

const ladder = [100, 0, 10_000, 10, 1000].map((stars) => ({
  name: `ladder/step-${stars}`,
  description: 'one step of several',
  star_count: stars,
}));

let stage: Stage;

beforeAll(async () => {
  stage = await staged(await createWorld({ api: 2 }));
  await stage.world.importRepositories([...many, ...catalogue, ...ladder]);
  await stage.world.searchable();
});

afterAll(() => stage?.world.stop());

const page = z.strictObject({
  query: z.string(),
  num_results: z.int(),
  num_pages: z.int(),
  page: z.int(),
  page_size: z.int(),
  results: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      star_count: z.int(),
      is_official: z.boolean(),
      is_trusted: z.boolean(),
      is_automated: z.boolean(),
    }),
  ),
});

function ask(query: string, agent?: string): Promise<Answer> {
  const headers = [['Host', 'index.docker.io'] as const];
  const more = agent === undefined ? [] : [['User-Agent', agent] as const];
  return stage.send({ method: 'GET', target: `/v1/search${query}`, headers: [...headers, ...more], body: null });
}

/** Answered by the search engine: the fallback must not be what these tests see. */
async function search(query: string, agent?: string) {
  const answer = arranged(await ask(query, agent), 200);
  expect(valuesOf(answer, 'X-Docket-Search')).toEqual(['meilisearch']);
  expectCommonForm(answer);
  return page.parse(bodyOf(answer));
}

function names({ results }: z.infer<typeof page>): string[] {
  return results.map(({ name }) => name);
}

test.each([
  ['n=3&q=crowd', 3],
  ['q=crowd&n=100', 100],
  ['n=101&q=crowd', 100],
  ['n=50000&q=crowd', 100],
])('row 37a (docker, podman): %s brings %s results at most', async (query, size) => {
  const found = await search(`?${query}`);
  expect(found).toMatchObject({ query: 'crowd', num_results: 120, page: 1, page_size: size });
  expect(found.results).toHaveLength(size);
});

test('row 38 (documentation of 1.6): the pages of an answer hold every result once', async () => {
  const seen: string[] = [];
  for (let number = 1; number <= 3; number += 1) {
    const found = await search(`?q=crowd&n=50&page=${number}`);
    expect(found).toMatchObject({ num_results: 120, num_pages: 3, page: number, page_size: 50 });
    seen.push(...names(found));
  }
  expect(new Set(seen)).toEqual(new Set(many.map(({ name }) => name)));
  expect(seen).toHaveLength(120);
  expect(await search('?q=crowd&n=50&page=4')).toMatchObject({ num_results: 120, page: 4, results: [] });
});

test('row 38 (documentation of 1.6): the exact name on top of the first page shifts no other page', async () => {
  const whole = names(await search('?q=redis&n=100'));
  expect(whole.length).toBeGreaterThanOrEqual(4);
  for (const size of [1, 2, 3]) {
    const seen: string[] = [];
    for (let number = 1; number <= Math.ceil(whole.length / size); number += 1) {
      const found = await search(`?q=redis&n=${size}&page=${number}`);
      expect(found).toMatchObject({ num_results: whole.length, num_pages: Math.ceil(whole.length / size) });
      seen.push(...names(found));
    }
    expect(seen).toEqual(whole);
  }
});

test.each(['', '&n=', '&n=0', '&n=-5', '&n=many', '&n=NaN', '&n=1e1', '&n=2.5', '&n=0x10', '&n[]=3', '&n=%00'])(
  'row 38 (clients): of a size such as "%s" the default holds, which is 25',
  async (nonsense) => {
    const found = await search(`?q=crowd${nonsense}`);
    expect(found).toMatchObject({ page: 1, page_size: 25 });
    expect(found.results).toHaveLength(25);
  },
);

test.each(['&page=', '&page=0', '&page=-1', '&page=first', '&page=1.5', '&page[]=2', '&page=%F0%9F%90%B3'])(
  'row 38 (clients): of a page such as "%s" the default holds, which is 1',
  async (nonsense) => {
    expect(await search(`?q=crowd&n=5${nonsense}`)).toMatchObject({ page: 1, page_size: 5 });
  },
);

test('row 38 (clients): a page beyond all bounds is empty and no error', async () => {
  expect(await search('?q=crowd&page=99999999999999999999')).toMatchObject({ num_results: 120 });
});

test('row 39 (docker): a result says its name, its description, its stars and three times yes or no', async () => {
  const { results } = await search('?q=redis');
  expect(results[0]).toEqual({
    name: 'redis',
    description: 'A key and value store that lives in memory',
    star_count: 900,
    is_official: true,
    is_trusted: false,
    is_automated: false,
  });
  expect(results.find(({ name }) => name === 'someone/redis')).toMatchObject({ star_count: 9, is_official: false });
});

test.each(['docker/0.5.3', 'docker/0.6.7 go/go1.1.2 git-commit/cb48ecc kernel/3.8.0-19-generic'])(
  'row 39 (%s): a client that dies on numbers is told names and descriptions only',
  async (agent) => {
    const body = bodyOf(arranged(await ask('?q=nginx', agent), 200));
    expect(body).toMatchObject({ query: 'nginx', num_results: 1 });
    expect(body).toMatchObject({ results: [{ name: 'nginx', description: 'A web server' }] });
    const lists = z.object({ results: z.array(z.record(z.string(), z.string())) }).parse(body).results;
    for (const result of lists) expect(Object.keys(result).toSorted()).toEqual(['description', 'name']);
  },
);

test.each(['docker/0.7.0', 'docker/0.60.0', 'docker/1.0.0', 'docker/28.0.1', 'mydocker/0.6.0'])(
  'row 39 (%s): to other clients all is told',
  async (agent) => {
    expect((await search('?q=nginx', agent)).results[0]).toMatchObject({ name: 'nginx', star_count: 800 });
  },
);

test('row 40 (published text): official repositories are named bare, and found under either name', async () => {
  for (const term of ['nginx', 'library/nginx', 'library%2Fnginx']) {
    expect(names(await search(`?q=${term}`))[0]).toBe('nginx');
  }
});

test.each(['', '?', '?q=', '?q=%20', '?n=25', '?q=%2F'])(
  'row 41 (docker search host/): no term, as in "%s", lists all',
  async (query) => {
    expect(await search(query)).toMatchObject({ num_results: many.length + catalogue.length + ladder.length });
  },
);

test('row 41 (docker): a namespace with its slash lists it', async () => {
  for (const term of ['someone/', 'someone%2F']) {
    const found = await search(`?q=${term}`);
    expect(names(found).toSorted()).toEqual(['someone/redis', 'someone/redis-exporter', 'someone/unrelated']);
  }
  expect(names(await search('?q=library/')).toSorted()).toEqual(['nginx', 'redis']);
});

test.each(['someone/redis:latest', 'someone%2Fredis%3A6.2-alpine', 'someone/redis'])(
  'row 41 (docker): %s means the repository, which comes first',
  async (term) => {
    expect(names(await search(`?q=${term}`))[0]).toBe('someone/redis');
  },
);

test('row 41 (docker): a bare name with a tag means the official repository', async () => {
  expect(names(await search('?q=redis:7'))[0]).toBe('redis');
});

test('row 41 (Octopus): a term that comes twice is one term', async () => {
  const found = await search('?q=nginx&q=nginx');
  expect(found).toMatchObject({ query: 'nginx', num_results: 1 });
});

test.each(['%00', '%22', '%5C', '%27%3B--', '*', 'a'.repeat(2000), '%F0%9F%90%B3', '%FF%FE', '+', '%25'])(
  'row 41 (clients): no term is an error: %s',
  async (term) => {
    expect(await search(`?q=${term}`)).toMatchObject({ page: 1 });
  },
);

test('row 42 (docker from 23.0): of equal matches the ones with more stars come first', async () => {
  expect(names(await search('?q=redis')).slice(0, 3)).toEqual(['redis', 'bitnami/redis', 'someone/redis']);
  const byStars = ladder.toSorted((left, right) => right.star_count - left.star_count).map(({ name }) => name);
  expect(names(await search('?q=ladder'))).toEqual(byStars);
});

test('row 37 (published text): the ETag that search alone has spares a client the same answer', async () => {
  const first = arranged(await ask('?q=nginx'), 200);
  const [etag = ''] = valuesOf(first, 'ETag');
  expect(etag).toMatch(/^(W\/)?"[^"]+"$/);
  const headers = [['Host', 'index.docker.io'] as const, ['If-None-Match', etag] as const];
  const again = await stage.send({ method: 'GET', target: '/v1/search?q=nginx', headers, body: null });
  expect(again).toMatchObject({ status: 304, body: '' });
  const other = await stage.send({ method: 'GET', target: '/v1/search?q=redis', headers, body: null });
  expect(other).toMatchObject({ status: 200 });
});

test('row 21 (docker): a name under which an import brought repositories is taken', async () => {
  const body = JSON.stringify({ username: 'crowd', password: 'toto42', email: `${fresh('crowd_')}@dotcloud.com` });
  const answer = await stage.send({ method: 'POST', target: '/v1/users/', headers: headersWith(null), body });
  expect({ status: answer.status, body: answer.body }).toEqual({ status: 400, body: `"${alreadyExists}"` });
});

describe('row 45 (published text): search accepts GET only:', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s is refused', async (method) => {
    const headers = [['Host', 'index.docker.io'] as const];
    for (const target of ['/v1/search', '/v1/search/', '/v1/search?q=nginx']) {
      const answer = await stage.send({ method, target, headers, body: '{}' });
      expect({ status: answer.status, body: bodyOf(answer) }).toEqual({ status: 405, body: usualError });
      expect(valuesOf(answer, 'Allow')).toEqual(['GET']);
      expectCommonForm(answer);
    }
  });
});

test('what is pushed is found, and what is being deleted or deleted is not', async () => {
  const repositories = [1, 2, 3].map(() => repositoryOf(stage, 'user', fresh('needle-')));
  const [kept, deleting, deleted] = repositories;
  if (!kept || !deleting || !deleted) throw new Error('three repositories were made');
  for (const repository of repositories) await push(repository);
  await stage.world.searchable();
  expect(names(await search(`?q=${stage.owner.name}/`)).toSorted()).toEqual(
    repositories.map(({ fullName }) => fullName).toSorted(),
  );
  await requestDeletion(deleting);
  await deleteWholly(deleted);
  await stage.world.searchable();
  expect(names(await search(`?q=${stage.owner.name}/`))).toEqual([kept.fullName]);
  await push(deleted);
  await stage.world.searchable();
  expect(names(await search(`?q=${stage.owner.name}/`)).toSorted()).toEqual(
    [kept.fullName, deleted.fullName].toSorted(),
  );
});
