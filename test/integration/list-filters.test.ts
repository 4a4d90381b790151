/** Lists are filtered and ordered as they are asked to be, or say that they cannot: a filter that is ignored gives everything. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hub } from '../support/hub.ts';
import type { Hub } from '../support/hub.ts';
import { fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account, System } from '../support/world.ts';

let world: System;
let ask: Hub;
let owner: Account;
let friend: Account;
let list: string;
let tags: string;

const names = ['redis', 'redis-stack', 'Redis_old', 'predis', 'mongo', 'mysql', '1.0'];
/** Its name is known to the owner alone. */
const hidden = 'redis-secret';

beforeAll(async () => {
  world = await createWorld({ api: 2 });
  ask = hub(world.urls);
  [owner, friend] = await Promise.all([world.createAccount(), world.createAccount()]);
  await Promise.all(world.projectors.map((projector) => projector.kill()));
  list = `/v2/repositories/${owner.name}`;
  for (const name of names) await create({ name });
  await create({ name: hidden, is_private: true });
  for (const Tag of ['7.0', '7.2', '7.2-alpine', 'latest', 'RC1', '7.0'])
    await push('redis', [{ id: fresh('id'), Tag }]);
  await push('redis', [
    { id: fresh('id'), Tag: 'b-of-one-push' },
    { id: fresh('id'), Tag: 'a-of-one-push' },
  ]);
  tags = `${list}/redis/tags`;
}, 120_000);

afterAll(() => world?.stop());

async function create(body: object): Promise<void> {
  expect((await ask('POST', list, { as: owner, body })).status).toBe(201);
}

async function push(name: string, body: readonly object[]): Promise<void> {
  expect((await ask('PUT', `/v1/repositories/${owner.name}/${name}/`, { as: owner, body })).status).toBe(200);
}

interface Page {
  readonly count: number;
  readonly next: string | null;
  readonly previous: string | null;
  readonly names: readonly string[];
}

async function page(target: string, as?: Account): Promise<Page> {
  const { status, body } = await ask('GET', target, { as });
  expect(`${target} ${status}`).toBe(`${target} 200`);
  const { count, next, previous, results } = Object(body);
  return { count, next, previous, names: results.map(({ name }: { readonly name: string }) => name) };
}

const all = (...found: string[]) => ({ count: found.length, next: null, previous: null, names: found });

/** As the log has what the read model does not hold yet, and as the read model has it. */
const moments: readonly [string, () => Promise<void>][] = [
  ['while no projector runs', async () => undefined],
  [
    'when the read model has it all',
    async () => {
      for (const projector of world.projectors) await projector.start();
      await world.projected();
    },
  ],
];

describe.each(moments)('%s', (_when, moment) => {
  beforeAll(moment, 60_000);

  describe('repositories', () => {
    test('are those with the text in their name, in whatever case', async () => {
      const found = all('Redis_old', 'predis', 'redis', 'redis-stack');
      for (const name of ['redis', 'REDIS', 'eDi'])
        expect(await page(`${list}?ordering=name&name=${name}`)).toEqual(found);
      expect(await page(`${list}/?ordering=name&name=_`)).toEqual(all('Redis_old'));
      expect(await page(`${list}?name=.`)).toEqual(all('1.0'));
      for (const name of ['%25', '%5C', '.*', 'aaa', 'redis%20'])
        expect(await page(`${list}?name=${name}`)).toEqual(all());
      expect((await page(`${list}?name=`)).count).toBe(names.length);
    });

    test('are neither told nor counted where they are hidden from the asker', async () => {
      expect(await page(`${list}?name=secret`)).toEqual(all());
      expect(await page(`${list}?name=secret`, friend)).toEqual(all());
      expect(await page(`${list}?name=secret`, owner)).toEqual(all(hidden));
      expect((await page(`${list}?name=redis`, owner)).count).toBe(5);
    });

    test('keep filter and order on the way through the pages, and each comes once', async () => {
      const seen: string[] = [];
      const ends: (string | null)[] = [];
      let target: string | null = `${list}?name=Redis&ordering=-name&page_size=3`;
      while (target !== null) {
        const { names: here, count, next, previous }: Page = await page(target, owner);
        expect(count).toBe(5);
        seen.push(...here);
        ends.push(previous);
        target = next === null ? null : next.replace('http://index.docker.io', '');
      }
      expect(seen).toEqual(['redis-stack', hidden, 'redis', 'predis', 'Redis_old']);
      expect(ends).toEqual([null, `http://index.docker.io${list}?name=Redis&ordering=-name&page_size=3&page=1`]);
    });
  });

  describe('tags', () => {
    test('are those with the text in their name, in whatever case', async () => {
      expect(await page(`${tags}?name=7.2`)).toEqual(all('7.2', '7.2-alpine'));
      expect(await page(`${tags}?name=rc`)).toEqual(all('RC1'));
      expect(await page(`${tags}?name=nothing`)).toEqual(all());
    });

    const byName = ['7.0', '7.2', '7.2-alpine', 'RC1', 'a-of-one-push', 'b-of-one-push', 'latest'];
    const byDate = ['7.2', '7.2-alpine', 'latest', 'RC1', '7.0', 'a-of-one-push', 'b-of-one-push'];

    test('are in the order that is asked for', async () => {
      expect(await page(tags)).toEqual(all(...byName));
      expect(await page(`${tags}?ordering=name`)).toEqual(all(...byName));
      expect(await page(`${tags}?ordering=-name`)).toEqual(all(...byName.toReversed()));
      expect(await page(`${tags}?ordering=last_updated`)).toEqual(all(...byDate));
      expect(await page(`${tags}?ordering=-last_updated`)).toEqual(all(...byDate.toReversed()));
    });

    test('keep filter and order on the way through the pages', async () => {
      const first = await page(`${tags}?ordering=-last_updated&name=7&page_size=2`);
      expect(first).toEqual({
        count: 3,
        next: `http://index.docker.io${tags}?ordering=-last_updated&name=7&page_size=2&page=2`,
        previous: null,
        names: ['7.0', '7.2-alpine'],
      });
      expect((await page(first.next?.replace('http://index.docker.io', '') ?? '')).names).toEqual(['7.2']);
    });
  });
});

describe('what cannot be honoured is refused with 400, and says what there is', () => {
  const known = 'page, page_size';
  test.each<[string, string, string]>([
    ['actor', 'history', 'page_size, before'],
    ['type', 'history', 'page_size, before'],
    ['page', 'history', 'page_size, before'],
    ['q', 'tags', `${known}, name, ordering`],
    ['is_private', '', `${known}, name, ordering`],
    ['name', 'stars', known],
  ])('%s of a repository or list: %s', async (parameter, what, there) => {
    const target = what === '' ? list : `${list}/redis/${what}`;
    const message = `no parameter "${parameter}" is known here; there are ${there}`;
    const { status, body } = await ask('GET', `${target}?page_size=1&${parameter}=x`);
    expect({ status, body }).toEqual({ status: 400, body: { message, fields: { [parameter]: [message] } } });
  });

  test('on commands too, and in the catalog in the words of registries', async () => {
    expect(await ask('DELETE', `${list}/redis?dry_run=true`, { as: owner })).toMatchObject({
      status: 400,
      body: { message: 'no parameter "dry_run" is known here; there are none' },
    });
    expect((await ask('GET', `${list}/redis`)).status).toBe(200);
    expect(await ask('GET', '/v2/_catalog?name=redis')).toMatchObject({
      status: 400,
      body: { errors: [{ code: 'UNKNOWN', message: 'no parameter "name" is known here; there are n, last' }] },
    });
  });

  test('after who may not ask was told so', async () => {
    expect((await ask('GET', `${list}/${hidden}/tags?colour=red`)).status).toBe(404);
    expect((await ask('GET', '/v2/namespaces?colour=red')).status).toBe(401);
  });

  test.each(['pull_count', '-pull_count', 'Name', ''])('ordering=%s', async (ordering) => {
    for (const target of [list, tags]) {
      expect(await ask('GET', `${target}?ordering=${ordering}`)).toMatchObject({
        status: 400,
        body: { message: 'ordering: must be one of name, -name, last_updated, -last_updated' },
      });
    }
  });

  test('and a filter that no name could have', async () => {
    for (const name of ['x'.repeat(256), '%00']) {
      expect(await ask('GET', `${list}?name=${name}`)).toMatchObject({
        status: 400,
        body: { fields: { name: [expect.any(String)] } },
      });
    }
  });
});

test('clients of the first protocol and of registries may add what others understand', async () => {
  for (const target of [
    '/v1/search?q=redis&limit=5',
    '/v1/_ping?x=1',
    `/v1/repositories/${owner.name}/redis/images?x=1`,
  ]) {
    expect((await ask('GET', target)).status).toBe(200);
  }
  const login = '/v2/?account=sam&client_id=docker&offline_token=true&service=index.example&scope=registry:catalog:*';
  expect((await ask('GET', login, { as: owner })).status).toBe(200);
});
