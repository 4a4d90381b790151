/** What a browser is told, and what a page of another site may have it do: nothing that changes anything, whatever the browser knows. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { apiService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { Connection, exchange, valuesOf } from '../support/exchange.ts';
import type { Answer, Header } from '../support/exchange.ts';
import { endpoints } from '../support/mounted-routes.ts';
import { basic, fresh, wantsToken } from '../support/stage.ts';
import { challenge, whole, wholly } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { Account, System } from '../support/world.ts';

let world: System;
let person: Account;
let url: string;
/** Behind a proxy that names the host, and one that does not. */
let proxied: Service;

beforeAll(async () => {
  world = await createWorld();
  [url = ''] = world.urls;
  person = await world.createAccount();
  proxied = apiService({
    ...world.environment,
    PUBLIC_URL: 'https://hub.example.org',
    TRUSTED_PROXIES: 'loopback',
  });
  await proxied.start();
}, 120_000);

afterAll(async () => {
  await proxied?.kill();
  await world?.stop();
});

const host: Header = ['Host', 'index.docker.io'];
const evil: Header = ['Origin', 'https://evil.example'];
const sentence = 'a page of another site may not have a browser do this';

/** As a form of another page sends it, with the password that the browser was told for this host. */
function posted(orgname: string, headers: readonly Header[], at = url): Promise<Answer> {
  return exchange(at, {
    method: 'POST',
    target: '/v2/orgs',
    headers: [host, ['Content-Type', 'text/plain'], ['Authorization', basic(person)], ...headers],
    body: JSON.stringify({ orgname }),
  });
}

async function exists(orgname: string): Promise<boolean> {
  const rows = await world.query('select from directory.namespaces where name = $1', [orgname]);
  return rows.length > 0;
}

describe('a page of another site', () => {
  const changing = endpoints.filter(({ method }) => method !== 'GET');

  test.each(changing)('has nobody do $method $path', async ({ method, path }) => {
    const { count: before } = (await world.query<{ count: string }>('select count(*) from es.events'))[0] ?? {};
    const answer = await exchange(url, {
      method,
      target: path.replaceAll(/\{[^}]*\}/g, person.name),
      headers: [host, ['Authorization', basic(world.admin)], evil, ['Sec-Fetch-Site', 'cross-site']],
      body: '{}',
    });
    const body = path.startsWith('/v1/') ? { error: sentence } : { message: sentence };
    expect(whole(answer)).toEqual(wholly(403, body));
    expect((await world.query('select count(*) from es.events'))[0]).toEqual({ count: before });
  });

  test.each<[string, readonly Header[]]>([
    ['of another host of the same domain', [['Sec-Fetch-Site', 'same-site']]],
    ['that an older browser names', [evil]],
    ['that nobody may know', [['Origin', 'null']]],
  ])('%s is refused as well', async (_what, headers) => {
    const orgname = fresh('org_');
    expect(whole(await posted(orgname, headers))).toEqual(wholly(403, { message: sentence }));
    expect(await exists(orgname)).toBe(false);
  });

  test.each<[string, readonly Header[]]>([
    [
      'a page of this host',
      [
        ['Sec-Fetch-Site', 'same-origin'],
        ['Origin', 'http://index.docker.io'],
      ],
    ],
    ['the person in front of the browser', [['Sec-Fetch-Site', 'none']]],
    ['a page of this host in an older browser', [['Origin', 'http://index.docker.io']]],
    ['no browser', []],
  ])('is not %s', async (_what, headers) => {
    const orgname = fresh('org_');
    expect(whole(await posted(orgname, headers))).toEqual(wholly(201, { orgname }));
    expect(await exists(orgname)).toBe(true);
  });

  test('may be read from, as every page may be linked to', async () => {
    const answer = await exchange(url, {
      method: 'GET',
      target: '/v1/search?q=',
      headers: [host, evil, ['Sec-Fetch-Site', 'cross-site']],
      body: null,
    });
    expect(answer.status).toBe(200);
  });

  test('is told from the page at the public address, and at the host that a trusted proxy names', async () => {
    const at = (origin: string): Header[] => [
      ['X-Forwarded-Host', 'other.example'],
      ['Origin', origin],
    ];
    const statuses = [];
    for (const origin of ['https://hub.example.org', 'https://other.example', 'http://index.docker.io', evil[1]]) {
      statuses.push((await posted(fresh('org_'), at(origin), proxied.url)).status);
    }
    expect(statuses).toEqual([201, 201, 403, 403]);
    // What a stranger says of the host counts for nothing.
    expect((await posted(fresh('org_'), at('https://other.example'))).status).toBe(403);
  });
});

describe('nobody on the way keeps', () => {
  async function keeping(method: string, target: string, headers: readonly Header[] = [], body: string | null = null) {
    const answer = await exchange(url, { method, target, headers: [host, ...headers], body });
    expect(valuesOf(answer, 'X-Content-Type-Options')).toEqual(['nosniff']);
    return { status: answer.status, keeping: valuesOf(answer, 'Cache-Control') };
  }
  const never = ['no-store'];

  test('what was answered to somebody in particular, or to a command, or is a token', async () => {
    const credentials: Header = ['Authorization', basic(person)];
    const login = JSON.stringify({ username: person.name, password: person.password });
    const path = `/v1/repositories/${person.name}/app`;
    expect(await keeping('PUT', `${path}/`, [credentials], '[]')).toEqual({ status: 200, keeping: never });
    expect(await keeping('GET', '/v1/users', [credentials])).toEqual({ status: 200, keeping: never });
    expect(await keeping('GET', '/v1/search?q=', [credentials])).toEqual({ status: 200, keeping: never });
    expect(await keeping('GET', `${path}/images`, [wantsToken])).toEqual({ status: 200, keeping: never });
    expect(await keeping('GET', '/v2/namespaces', [['Authorization', 'Bearer a.b.c']])).toEqual({
      status: 401,
      keeping: never,
    });
    expect(await keeping('POST', '/v2/users/login', [], login)).toEqual({ status: 200, keeping: never });
    expect(await keeping('POST', '/v2/users/login', [], login.replace(':"', ':"x'))).toEqual({
      status: 401,
      keeping: never,
    });
    expect(await keeping('GET', '/v1/users/confirm/a-link')).toEqual({ status: 404, keeping: never });
  });

  test('and what everybody is told says nothing of that', async () => {
    for (const target of ['/v1/_ping', '/v1/search?q=', '/openapi.json', `/v2/namespaces/${person.name}`]) {
      expect(await keeping('GET', target)).toEqual({ status: 200, keeping: ['private, no-cache'] });
    }
    expect(await keeping('GET', '/nothing/here')).toEqual({ status: 404, keeping: ['private, no-cache'] });
  });

  test('and no browser guesses what an answer is, not even that to what is no HTTP', async () => {
    const connection = new Connection(url);
    connection.send('hello\r\n\r\n');
    const answer = await connection.answer();
    connection.close();
    expect(answer.status).toBe(400);
    expect(valuesOf(answer, 'X-Content-Type-Options')).toEqual(['nosniff']);
    const live = await fetch(`${url}/livez`);
    expect([live.status, live.headers.get('X-Content-Type-Options')]).toEqual([200, 'nosniff']);
  });
});

describe('an access token', () => {
  async function proof(authorization: string): Promise<ReturnType<typeof whole>> {
    return whole(
      await exchange(url, {
        method: 'GET',
        target: `/v1/repositories/${person.name}/app/images`,
        headers: [host, ['Authorization', authorization]],
        body: null,
      }),
    );
  }
  async function tokenFor(who: Account): Promise<string> {
    const answer = await exchange(url, {
      method: 'PUT',
      target: `/v1/repositories/${person.name}/app/`,
      headers: [host, ['Authorization', basic(who)], wantsToken],
      body: '[]',
    });
    return `Token ${valuesOf(answer, 'X-Docker-Token')[0]}`;
  }
  const ended = wholly(401, { error: 'the token is not valid, or no longer' }, challenge);

  test('ends with the password that it was given for, in every process', async () => {
    const token = await tokenFor(person);
    expect(await proof(token)).toEqual(wholly(200, []));
    const password = fresh('another-');
    const answer = await exchange(proxied.url, {
      method: 'PUT',
      target: `/v1/users/${person.name}`,
      headers: [host, ['Authorization', basic(person)]],
      body: JSON.stringify({ password }),
    });
    expect(answer.status).toBe(204);
    person = { ...person, password };
    expect(await proof(token)).toEqual(ended);
    expect(await proof(await tokenFor(person))).toEqual(wholly(200, []));
  });
});
