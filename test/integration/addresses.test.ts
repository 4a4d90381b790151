/** What clients are told of where Docket is: everywhere the same, whatever stands between, and never a host that a stranger made up. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { apiService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { exchange, valuesOf } from '../support/exchange.ts';
import { hub } from '../support/hub.ts';
import { rows } from '../support/rights-rows.ts';
import { arranged, basic, bodyOf, fresh } from '../support/stage.ts';
import { openly, whole, wholly } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { Account, Credentials, System } from '../support/world.ts';

let world: System;
let owner: Account;
let others: readonly Account[];
/** One process for each environment, over the same database. */
const services = new Map<string, Service>();
const organization = fresh('org_');
const repository = `${organization}/app`;

beforeAll(async () => {
  world = await createWorld();
  owner = await world.createAccount();
  others = [await world.createAccount(), await world.createAccount()];
  const ask = hub(world.urls);
  const done = async (method: string, target: string, body?: unknown, as: Credentials = owner) => {
    const { status, text } = await ask(method, target, { as, body });
    if (status >= 300) throw new Error(`${method} ${target}: ${status} ${text}`);
  };
  // Every list has three entries, so that its second page has one before and one after.
  await done('POST', '/v2/orgs', { orgname: organization });
  await done('POST', '/v2/orgs', { orgname: fresh('org_') });
  for (const name of ['app', 'web', 'worker']) await done('PUT', `/v1/repositories/${organization}/${name}/`, []);
  const images = ['one', 'two', 'three'].map((name) => ({ id: `image-${name}`, Tag: name }));
  await done('PUT', `/v1/repositories/${repository}/`, images);
  for (const { name } of others) {
    await done('PUT', `/v2/orgs/${organization}/members/${name}`, { role: 'member' });
  }
  for (const who of [owner, ...others]) {
    await done('POST', `/v2/repositories/${repository}/stars`, undefined, who);
    await done('PUT', `/v2/repositories/${repository}/collaborators/${who.name}`, { permission: 'read' });
  }
  for (const id of ['bad-1', 'bad-2', 'bad-3']) {
    await done('PUT', `/v2/takedowns/images/${id}`, { reason: 'it mines coins' }, world.admin);
  }
  await world.projected();
}, 120_000);

afterAll(async () => {
  await Promise.all([...services.values()].map((service) => service.kill()));
  await world?.stop();
});

async function serviceWith(environment: Readonly<Record<string, string>>): Promise<string> {
  const [usual = ''] = world.urls;
  const key = JSON.stringify(environment);
  if (key === '{}') return usual;
  const running = services.get(key);
  if (running) return running.url;
  const service = apiService({ ...world.environment, ...environment });
  services.set(key, service);
  await service.start();
  return service.url;
}

type Headers = Readonly<Record<string, string>>;

function send(url: string, method: string, target: string, as: Credentials | undefined, headers: Headers) {
  const authorization = as === undefined ? {} : { Authorization: basic(as) };
  const given = Object.entries({ ...authorization, ...headers });
  return exchange(url, { method, target, headers: given, body: method === 'GET' ? null : '[]' });
}

const publicUrl = { PUBLIC_URL: 'https://hub.example.org/docket/' };
const trusting = { TRUSTED_PROXIES: 'loopback' };
const forwarded = {
  'X-Forwarded-Host': 'hub.example',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Port': '8443',
  'X-Forwarded-Prefix': '/outer/docket',
};

interface Situation {
  readonly environment: Readonly<Record<string, string>>;
  readonly headers: Headers;
  /** What stands before the paths of links. */
  readonly base: string;
  readonly prefix: string;
  /** Undefined: clients are sent nowhere. */
  readonly registry: string | undefined;
}

const situations: Readonly<Record<string, Situation>> = {
  'PUBLIC_URL, behind a proxy that passes nothing on': {
    environment: publicUrl,
    headers: { Host: '127.0.0.1:18214' },
    base: 'https://hub.example.org/docket',
    prefix: '/docket',
    registry: 'hub.example.org',
  },
  'PUBLIC_URL, whatever a trusted proxy says': {
    environment: { ...publicUrl, ...trusting },
    headers: { Host: 'evil.example', ...forwarded },
    base: 'https://hub.example.org/docket',
    prefix: '/docket',
    registry: 'hub.example.org',
  },
  'PUBLIC_URL with a port and no path': {
    environment: { PUBLIC_URL: 'http://hub.example.org:8080' },
    headers: { Host: 'evil.example' },
    base: 'http://hub.example.org:8080',
    prefix: '',
    registry: 'hub.example.org:8080',
  },
  'a trusted proxy': {
    environment: trusting,
    headers: { Host: '10.0.0.1:8080', ...forwarded },
    base: 'https://hub.example:8443/outer/docket',
    prefix: '/outer/docket',
    registry: 'hub.example:8443',
  },
  'a trusted proxy that takes a path away and names no host': {
    environment: trusting,
    headers: { Host: 'evil.example', 'X-Forwarded-Prefix': '/docket' },
    base: '/docket',
    prefix: '/docket',
    registry: undefined,
  },
  'a trusted proxy that lets through what a client made up': {
    environment: trusting,
    headers: { Host: 'localhost', ...forwarded, 'X-Forwarded-Prefix': '//evil.example' },
    base: 'https://hub.example:8443',
    prefix: '',
    registry: 'hub.example:8443',
  },
  'a proxy that nobody trusts': {
    environment: {},
    headers: { Host: 'localhost:8080', ...forwarded },
    base: 'http://localhost:8080',
    prefix: '',
    registry: 'localhost:8080',
  },
  'a host that PUBLIC_HOSTS names': {
    environment: { PUBLIC_HOSTS: 'hub.example.org,other.example.org:5000' },
    headers: { Host: 'other.example.org:5000' },
    base: 'http://other.example.org:5000',
    prefix: '',
    registry: 'other.example.org:5000',
  },
  'any host, where PUBLIC_HOSTS says so': {
    environment: { PUBLIC_HOSTS: '*' },
    headers: { Host: 'any.example' },
    base: 'http://any.example',
    prefix: '',
    registry: 'any.example',
  },
  'a host that nobody knows': {
    environment: {},
    headers: { Host: 'evil.example' },
    base: '',
    prefix: '',
    registry: undefined,
  },
};

const lists = [
  '/v2/namespaces',
  `/v2/repositories/${organization}`,
  `/v2/namespaces/${organization}/repositories`,
  `/v2/repositories/${repository}/tags`,
  `/v2/namespaces/${organization}/repositories/app/tags`,
  `/v2/repositories/${repository}/stars`,
  `/v2/repositories/${repository}/collaborators`,
  `/v2/orgs/${organization}/members`,
  '/v2/takedowns',
];

describe.each(Object.entries(situations))('%s', (_, { environment, headers, base, prefix }) => {
  let url: string;

  beforeAll(async () => {
    url = await serviceWith(environment);
  });

  const read = async (target: string, as: Credentials) =>
    Object(bodyOf(arranged(await send(url, 'GET', target, as, headers), 200)));

  test.each(lists)('is where the pages of %s lead', async (path) => {
    const as = path === '/v2/takedowns' ? world.admin : owner;
    const { count, next, previous } = await read(`${path}?page=2&page_size=1`, as);
    expect({ count, next, previous }).toEqual({
      count: 3,
      next: `${base}${path}?page=3&page_size=1`,
      previous: `${base}${path}?page=1&page_size=1`,
    });
  });

  test('is where the history and the catalog go on, and what the document says', async () => {
    const history = `/v2/repositories/${repository}/history`;
    const { results, next } = await read(`${history}?page_size=1`, owner);
    expect(next).toBe(`${base}${history}?page_size=1&before=${results[0].position}`);
    const catalog = arranged(await send(url, 'GET', '/v2/_catalog?n=1', owner, headers), 200);
    const { repositories } = Object(bodyOf(catalog));
    const last = new URLSearchParams({ last: repositories[0] }).toString();
    expect(valuesOf(catalog, 'Link')).toEqual([`<${prefix}/v2/_catalog?${last}&n=1>; rel="next"`]);
    expect((await read('/openapi.json', owner)).servers).toEqual([{ url: base === '' ? '/' : base }]);
  });
});

describe.each(Object.entries(situations).filter(([, { registry }]) => registry !== undefined))(
  '%s',
  (_, { environment, headers, registry }) => {
    test('is the registry that clients are sent to', async () => {
      const url = await serviceWith(environment);
      const wish = { ...headers, 'X-Docker-Token': 'true' };
      const path = `/v1/repositories/${owner.name}/${fresh('pushed-')}`;
      const answers = [
        arranged(await send(url, 'PUT', `${path}/`, owner, wish), 200),
        arranged(await send(url, 'GET', `${path}/images`, undefined, wish), 200),
        arranged(await send(url, 'DELETE', `${path}/`, owner, wish), 202),
      ];
      for (const answer of answers) expect(valuesOf(answer, 'X-Docker-Endpoints')).toEqual([registry]);
    });
  },
);

describe.each(Object.entries(situations).filter(([, { registry }]) => registry === undefined))(
  '%s',
  (_, { environment, headers }) => {
    test('is no registry, and what asks for one is refused before anything is done', async () => {
      const url = await serviceWith(environment);
      const wish = { ...headers, 'X-Docker-Token': 'true' };
      const name = fresh('refused-');
      const path = `/v1/repositories/${owner.name}/${name}`;
      expect(whole(await send(url, 'PUT', `${path}/`, owner, wish))).toEqual(wholly(421, unknownHost));
      expect(await world.query('select 1 from directory.repository_names where name = $1', [name])).toEqual([]);
      // Who asks for no token is told of no registry, and may push.
      arranged(await send(url, 'PUT', `${path}/`, owner, headers), 200);
      expect(whole(await send(url, 'GET', `${path}/images`, undefined, wish))).toEqual(openly(421, unknownHost));
      expect(whole(await send(url, 'DELETE', `${path}/`, owner, wish))).toEqual(wholly(421, unknownHost));
      arranged(await send(url, 'GET', `${path}/images`, undefined, headers), 200);
      // Who may not do it at all is told that first.
      const [stranger] = others;
      expect((await send(url, 'PUT', `${path}/`, stranger, wish)).status).toBe(403);
      expect((await send(url, 'PUT', `${path}/`, undefined, wish)).status).toBe(401);
    });
  },
);

const unknownHost = {
  error:
    'Docket does not know the host that this request names, and sends nobody to a registry there; whoever runs it names the host in PUBLIC_URL or PUBLIC_HOSTS, or the registries in REGISTRY_ENDPOINTS',
};

test('where REGISTRY_ENDPOINTS is set, every host will do', async () => {
  const url = await serviceWith({ REGISTRY_ENDPOINTS: 'registry.example.org', ...publicUrl });
  const target = `/v1/repositories/${owner.name}/${fresh('pushed-')}/`;
  const answer = await send(url, 'PUT', target, owner, { Host: 'evil.example', 'X-Docker-Token': 'true' });
  expect(valuesOf(arranged(answer, 200), 'X-Docker-Endpoints')).toEqual(['registry.example.org']);
});

describe('no operation of the API', () => {
  /** Asked first: what is deleted later is still there then. */
  const asked = rows
    .filter((row) => !row.isNone)
    .toSorted((left, right) => Number(left.method !== 'GET') - Number(right.method !== 'GET'));

  const filled = (target: string, name: string) =>
    target
      .replaceAll('$namespace', organization)
      .replaceAll('$member', others[0]?.name ?? '')
      .replaceAll(/\$(reader|stranger)/g, others[1]?.name ?? '')
      .replaceAll('$', `${organization}/${name}`);

  /** With their headers, as one text each. */
  async function answers(environment: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, string>> {
    const url = await serviceWith(environment);
    const name = fresh('swept-');
    arranged(await send(url, 'PUT', `/v1/repositories/${organization}/${name}/`, owner, { Host: 'localhost' }), 200);
    const told = new Map<string, string>();
    const wish = { Host: 'evil.example', ...forwarded, 'X-Docker-Token': 'true' };
    for (const { method, target, body } of asked) {
      for (const as of [world.admin, undefined]) {
        const text = body === undefined ? null : JSON.stringify(body);
        const authorization = as === undefined ? {} : { Authorization: basic(as) };
        const headers = Object.entries({ ...wish, ...authorization });
        const answer = await exchange(url, { method, target: filled(target, name), headers, body: text });
        expect(valuesOf(answer, 'Cache-Control')).toEqual([expect.stringMatching(/no-cache|no-store/)]);
        told.set(`${method} ${target} as ${as?.name ?? 'nobody'}`, JSON.stringify([answer.headers, answer.body]));
      }
    }
    return told;
  }

  const made = /evil\.example|hub\.example(?!\.org)|outer/;

  test.each([{}, publicUrl, { ...publicUrl, ...trusting }])(
    'gives a host back that a stranger made up, with %j',
    async (environment) => {
      const told = await answers(environment);
      expect(told.size).toBe(2 * asked.length);
      expect([...told].filter(([, text]) => made.test(text))).toEqual([]);
    },
  );
});
