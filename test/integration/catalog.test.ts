/** The catalog: who sees which names, in which order, over how many pages, and that a name is never shown longer than it may be. */
import { catalogStatement } from '@docket/api/catalog/queries';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { openStore } from '../support/append-commands.ts';
import { apiService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { appendHistories } from '../support/repository-histories.ts';
import { basic } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account, Credentials } from '../support/world.ts';
import type { System } from '../support/world.ts';

const body = z.strictObject({ repositories: z.array(z.string()) });
const refused = z.object({
  message: z.string(),
  errors: z.array(z.strictObject({ code: z.string(), message: z.string(), detail: z.null() })),
});

let world: System;
/** Over the same database; nobody searches there without an account. */
let closed: Service;
let owner: Account;
let stranger: Account;
let api: string;

beforeAll(async () => {
  world = await createWorld();
  [api = ''] = world.urls;
  closed = apiService({ ...world.environment, ANONYMOUS_SEARCH: 'off' });
  await closed.start();
  owner = await world.createAccount();
  stranger = await world.createAccount();
  const names = [
    'redis',
    'nginx',
    'Zoo',
    'alpine',
    'team/web',
    'team/Web',
    'team/web-2',
    'team_/web',
    'team2/x',
    'abcd/y',
  ];
  await world.importRepositories([...names, ...many].map((name) => ({ name })));
}, 120_000);

afterAll(async () => {
  await closed?.kill();
  await world?.stop();
});

const library = ['library/Zoo', 'library/alpine', 'library/nginx', 'library/redis'];
const many = Array.from({ length: 130 }, (_, index) => `crowd/member-${String(index).padStart(3, '0')}`);

interface Page {
  readonly names: readonly string[];
  /** The target of the next page, as the header says it. */
  readonly next: string | undefined;
}

async function ask(target: string, who?: Credentials, url = api): Promise<Response> {
  return fetch(`${url}${target}`, who ? { headers: { Authorization: basic(who) } } : {});
}

async function page(target: string, who?: Credentials, url = api): Promise<Page> {
  const answer = await ask(target, who, url);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Docker-Distribution-Api-Version')).toBe('registry/2.0');
  const { repositories } = body.parse(await answer.json());
  const link = answer.headers.get('Link');
  return {
    names: repositories,
    next: link === null ? undefined : /^<(\/v2\/_catalog\?\S+)>; rel="next"$/.exec(link)?.[1],
  };
}

async function everything(target: string, who?: Credentials, url = api): Promise<string[]> {
  const names: string[] = [];
  for (let next: string | undefined = target; next !== undefined;) {
    const found: Page = await page(next, who, url);
    names.push(...found.names);
    next = found.next;
  }
  return names;
}

async function push(name: string): Promise<string> {
  const fullName = `${owner.name}/${name}`;
  const headers = { Authorization: basic(owner), 'X-Docker-Token': 'true' };
  const answer = await fetch(`${api}/v1/repositories/${fullName}/`, { method: 'PUT', headers, body: '[]' });
  expect(answer.status).toBe(200);
  return fullName;
}

/** There is no request for it yet, so the event comes into the log as the API would append it. */
async function makePrivate(fullName: string): Promise<void> {
  const [row] = await world.query<{ repository_id: string; version: number }>(
    `select x.repository_id, (select max(version) from es.events where stream_id = 'repository-' || x.repository_id) as version
       from directory.repository_names x join directory.namespaces n on n.id = x.namespace_id
       where n.name || '/' || x.name = $1`,
    [fullName],
  );
  if (!row) throw new Error(`there is no repository ${fullName}`);
  const opened = openStore(world.databaseUrls.api, 1);
  try {
    const events = [{ type: 'VisibilityChanged', data: { is_private: true } }] as const;
    await appendHistories(opened.database, [{ repositoryId: row.repository_id, after: row.version, events }]);
  } finally {
    await opened.stop();
  }
}

describe('the pages', () => {
  test('name every repository in full and once, in the order of their bytes', async () => {
    const names = await everything('/v2/_catalog?n=7');
    expect(names).toEqual(names.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))));
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !name.startsWith('crowd/'))).toEqual([
      'abcd/y',
      ...library,
      'team/Web',
      'team/web',
      'team/web-2',
      'team2/x',
      'team_/web',
    ]);
    expect(names.filter((name) => name.startsWith('crowd/'))).toEqual(many);
  });

  test('lead on by a link whose words are the last name and the size', async () => {
    const { next } = await page('/v2/_catalog?n=1');
    expect(next).toBe('/v2/_catalog?last=abcd%2Fy&n=1');
  });

  test('hold a hundred names unless told, and the last has no link', async () => {
    const first = await page('/v2/_catalog');
    expect(first.names).toHaveLength(100);
    const second = await page(first.next ?? '');
    expect(second.names).toHaveLength(40);
    expect(second.next).toBeUndefined();
    expect(await page('/v2/_catalog?n=140')).toMatchObject({ next: undefined });
  });

  test.each([
    ['team/web', ['team/web-2', 'team2/x', 'team_/web']],
    ['team/nothing-of-the-kind', ['team/web', 'team/web-2', 'team2/x', 'team_/web']],
    ['team', ['team/Web', 'team/web', 'team/web-2', 'team2/x', 'team_/web']],
    ['team-a/web', ['team/Web', 'team/web', 'team/web-2', 'team2/x', 'team_/web']],
    ['team2/', ['team2/x', 'team_/web']],
    ['teamZ', ['team_/web']],
    ['zzzz', []],
    ["it's \u{1F433}/x", [...library, 'team/Web', 'team/web', 'team/web-2', 'team2/x', 'team_/web']],
  ])('begin behind "%s", whether there is such a name or not', async (last, expected) => {
    const { names } = await page(`/v2/_catalog?n=1000&last=${encodeURIComponent(last)}`);
    expect(names.filter((name) => !name.startsWith('crowd/'))).toEqual(expected);
  });

  test('hold nothing when nothing is asked for, and at most a thousand', async () => {
    expect(await page('/v2/_catalog?n=0')).toEqual({ names: [], next: undefined });
    expect((await page('/v2/_catalog?n=999999999')).names).toHaveLength(140);
  });

  test.each(['n=-1', 'n=many', 'n=1.5', 'n=', `last=${'x'.repeat(513)}`, 'last=%00'])(
    'are refused for ?%s with an error that names the field',
    async (query) => {
      const answer = await ask(`/v2/_catalog?${query}`);
      expect(answer.status).toBe(400);
      const said = refused.extend({ fields: z.record(z.string(), z.array(z.string())) }).parse(await answer.json());
      expect(Object.keys(said.fields)).toEqual([query.slice(0, query.indexOf('='))]);
      expect(said.errors).toEqual([{ code: 'PAGINATION_NUMBER_INVALID', message: said.message, detail: null }]);
    },
  );
});

describe('who asks', () => {
  test('sees private names when they are theirs, and all of them as an admin', async () => {
    const hidden = await push('hidden');
    await makePrivate(hidden);
    await world.projected();
    const seenBy = async (who?: Credentials) => (await everything('/v2/_catalog', who)).includes(hidden);
    expect(await seenBy()).toBe(false);
    expect(await seenBy(stranger)).toBe(false);
    expect(await seenBy(owner)).toBe(true);
    expect(await seenBy(world.admin)).toBe(true);
  });

  test('is told 401 when the credentials are wrong, never shown what nobody in particular may see', async () => {
    const answer = await ask('/v2/_catalog', { ...owner, password: 'wrong' });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('WWW-Authenticate')).toBe('Basic realm="docket"');
    expect(refused.parse(await answer.json()).errors[0]).toMatchObject({ code: 'UNAUTHORIZED' });
  });

  test('must be somebody where search is not for everybody (row 44, podman)', async () => {
    const answer = await ask('/v2/_catalog', undefined, closed.url);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('WWW-Authenticate')).toBe('Basic realm="docket"');
    expect(answer.headers.get('Docker-Distribution-Api-Version')).toBe('registry/2.0');
    expect(refused.parse(await answer.json())).toMatchObject({
      message: 'the catalog needs a name and password here',
      errors: [{ code: 'UNAUTHORIZED' }],
    });
    expect((await everything('/v2/_catalog', owner, closed.url)).length).toBeGreaterThanOrEqual(140);
    expect((await ask('/v1/search?q=redis', undefined, closed.url)).status).toBe(401);
  });

  test('is shown nothing more by a token, which is for one repository', async () => {
    const fullName = await push('tokened');
    await makePrivate(fullName);
    const answer = await fetch(`${api}/v1/repositories/${fullName}/images`, {
      headers: { Authorization: basic(owner), 'X-Docker-Token': 'true' },
    });
    const headers = { Authorization: `Token ${answer.headers.get('X-Docker-Token') ?? ''}` };
    const { repositories } = body.parse(await (await fetch(`${api}/v2/_catalog?n=1000`, { headers })).json());
    expect(repositories).not.toContain(fullName);
    expect(repositories).toContain('library/redis');
    expect((await fetch(`${closed.url}/v2/_catalog`, { headers })).status).toBe(401);
  });
});

describe('while the projector stands still', () => {
  test('a new name is there at once; one that is deleted or made private is gone from the answer on', async () => {
    const [deleted, hidden] = [await push('to-be-deleted'), await push('to-be-hidden')];
    await world.projected();
    await Promise.all(world.projectors.map((projector) => projector.kill()));
    try {
      const born = await push('born');
      expect(await everything('/v2/_catalog?n=3')).toEqual(expect.arrayContaining([born, deleted, hidden]));
      const removal = await fetch(`${api}/v1/repositories/${deleted}/`, {
        method: 'DELETE',
        headers: { Authorization: basic(owner) },
      });
      expect(removal.status).toBe(202);
      await makePrivate(hidden);
      for (const who of [undefined, stranger, owner]) {
        const names = await everything('/v2/_catalog?n=3', who);
        expect(names).toContain(born);
        expect(names).not.toContain(deleted);
        expect(names.includes(hidden)).toBe(who === owner);
      }
    } finally {
      await Promise.all(world.projectors.map((projector) => projector.start()));
    }
  });
});

test('a page is read through the indexes: a namespace of thousands costs no more than its part of the page', async () => {
  await world.query(
    `insert into directory.repository_names (namespace_id, name, repository_id)
       select id, 'bulk-' || number, gen_random_uuid() from directory.namespaces, generate_series(1, 20000) as number
       where name = 'crowd'`,
  );
  /** The number of names of the other namespaces, at the most. */
  const allNames = 200;
  try {
    await world.query('analyze directory.repository_names');
    const place = { namespace: 'crowd', name: 'bulk-5' };
    const nobody = { id: null, isAdmin: false };
    const opened = openStore(world.databaseUrls.api, 1);
    const statement = catalogStatement(nobody, place, 101).compile(opened.database);
    await opened.stop();
    const plan = await world.query<{ 'QUERY PLAN': string }>(
      `explain (analyze) ${statement.sql}`,
      statement.parameters,
    );
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('repository_names_catalog');
    expect(text).not.toContain('Seq Scan on repository_names');
    const [, rows, loops] = /repository_names_catalog on .*actual time=\S+ rows=([\d.]+) loops=(\d+)/.exec(text) ?? [];
    expect(Number(rows) * Number(loops)).toBeLessThanOrEqual(101 + allNames);
  } finally {
    await world.query(`delete from directory.repository_names where name like 'bulk-%'`);
  }
});
