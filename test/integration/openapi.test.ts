/** The document that describes the API, held to what is mounted and to what the running processes answer. */
import { v2Prefixes } from '@docket/shared/v2-prefixes';
import { methods as httpMethods } from '@docket/api/http/operation';
import { routeOf } from '@docket/api/http/paths';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { exchange, valuesOf } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { endpoints, managementEndpoints, mountedRoutes } from '../support/mounted-routes.ts';
import { Description } from '../support/openapi-document.ts';
import { basic, fresh, tokenOf } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let owner: Account;
let inactive: Account;
let api: string;
let description: Description;

beforeAll(async () => {
  world = await createWorld();
  [api = ''] = world.urls;
  owner = await world.createAccount();
  inactive = await world.createAccount(fresh('asleep_'), { active: false });
  await world.importRepositories([{ name: 'redis', description: 'in memory', star_count: 7 }]);
  await world.searchable();
  description = new Description(await (await fetch(`${api}/openapi.json`)).json());
}, 120_000);

afterAll(() => world?.stop());

type Headers = Readonly<Record<string, string>>;

/** Sends it, and holds the answer to the document. */
async function ask(method: string, target: string, headers: Headers = {}, body: string | null = null): Promise<Answer> {
  const answer = await exchange(api, {
    method,
    target,
    headers: Object.entries({ Host: 'index.docker.io', ...headers }),
    body,
  });
  const faults = description.faults({
    method,
    target,
    status: answer.status,
    contentType: valuesOf(answer, 'Content-Type')[0] ?? null,
    body: answer.body,
  });
  expect(faults).toEqual([]);
  return answer;
}

const as = (who: Pick<Account, 'name' | 'password'>): Headers => ({ Authorization: basic(who) });
const wrong: Headers = { Authorization: 'Basic bm9ib2R5Ondyb25n' };
const wish: Headers = { 'X-Docker-Token': 'true' };
const astray: Headers = { ...wish, Host: 'evil.example' };

describe('the document', () => {
  test('has schemas that are schemas, and points to nothing that is not there', () => {
    for (const methods of Object.values(description.document.paths)) {
      for (const operation of Object.values(methods)) {
        for (const { schema } of operation?.parameters ?? []) description.check(schema);
        const bodies = [operation?.requestBody, ...Object.values(operation?.responses ?? {})];
        for (const body of bodies) if (body?.content) description.check(body.content['application/json'].schema);
      }
    }
    expect(Object.keys(description.document.components.schemas)).toContain('SearchAnswer');
  });

  test('names each operation once, and every parameter of a path', () => {
    const ids = Object.values(description.document.paths).flatMap((methods) =>
      Object.values(methods).map((operation) => operation?.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    for (const [path, methods] of Object.entries(description.document.paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values(methods)) {
        const named = operation?.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
        expect(named).toEqual(inPath);
      }
    }
  });

  test('holds every route that is mounted, with every method, and no other', async () => {
    const told = description.operations.map(({ method, path }) => `${method} ${path}`);
    expect(told.toSorted()).toEqual(endpoints.map(({ method, path }) => `${method} ${path}`).toSorted());
    const routes = new Set(description.operations.map(({ path }) => routeOf(path)));
    // A route takes every method and tells them apart itself; the next test asks it.
    expect([...routes].toSorted()).toEqual((await mountedRoutes(world.environment)).toSorted());
  });

  test('says of each path exactly the methods that it has: all others are answered 405, with the list', async () => {
    for (const path of Object.keys(description.document.paths)) {
      const target = path
        .replace('{namespace}', 'someone')
        .replace('{repo_name}', 'something')
        .replace('{image_id}', 'abc')
        .replace('{username}', 'someone')
        .replace('{token}', 'none');
      const described = new Set(
        description.operations.filter((operation) => operation.path === path).map(({ method }) => method),
      );
      for (const method of httpMethods) {
        const answer = await ask(method, target, {}, method === 'GET' ? null : '');
        const { status } = answer;
        expect(`${method} ${target}: ${status === 405}`).toBe(`${method} ${target}: ${!described.has(method)}`);
        if (status !== 405) continue;
        expect(valuesOf(answer, 'Allow').flatMap((value) => value.split(', '))).toEqual(
          httpMethods.filter((name) => described.has(name)),
        );
        // The error has the form of the protocol that the path belongs to.
        const sentence = path.startsWith('/v2/') ? 'message' : 'error';
        expect(JSON.parse(answer.body)).toHaveProperty(sentence, expect.stringContaining('may be used here'));
      }
    }
  });

  test('describes no path below /v2/ that the proxy would take to the registry', () => {
    const paths = Object.keys(description.document.paths).filter((path) => path.startsWith('/v2/') && path !== '/v2/');
    for (const path of paths) {
      expect(v2Prefixes.filter((prefix) => path === prefix || path.startsWith(`${prefix}/`))).toHaveLength(1);
    }
  });
});

test('every answer of a walk through the whole API is as described', async () => {
  // Accounts.
  await ask('GET', '/v1/_ping');
  await ask('GET', '/_ping/');
  await ask('GET', '/openapi.json');
  await ask('GET', '/v1/users', as(owner));
  await ask('GET', '/v1/users/');
  await ask('GET', '/v1/users', as(inactive));
  const name = fresh('walk_');
  const account = { username: name, password: 'walking', email: `${name}@example.org` };
  await ask('POST', '/v1/users', {}, JSON.stringify(account));
  await ask('POST', '/v1/users/', {}, JSON.stringify(account));
  await ask('POST', '/v1/users', {}, JSON.stringify({ ...account, username: 'X' }));
  await ask('POST', '/v1/users', {}, 'no JSON');
  await ask('POST', '/v1/users', { 'Sec-Fetch-Site': 'cross-site' }, JSON.stringify(account));
  await ask('POST', '/v1/users', {}, `"${'x'.repeat(70_000)}"`);
  const key = { 'Idempotency-Key': fresh('key-') };
  const other = fresh('walk_');
  await ask('POST', '/v1/users', key, JSON.stringify({ ...account, username: other, email: `${other}@example.org` }));
  const changed = await ask('POST', '/v1/users', key, JSON.stringify({ ...account, username: fresh('walk_') }));
  expect(changed.status).toBe(422);
  const { link } = await until('the mail', async () => (await world.mails()).find(({ to }) => to === account.email));
  await ask('HEAD', new URL(link).pathname);
  await ask('GET', new URL(link).pathname);
  await ask('GET', '/v1/users/confirm/none');
  const mail = (address: string) => JSON.stringify({ email: address });
  await ask('PUT', `/v1/users/${owner.name}/`, as(owner), mail(`${fresh('more')}@example.org`));
  await ask('PUT', `/v1/users/${owner.name}`, as(owner), mail('none'));
  await ask('PUT', `/v1/users/${owner.name}`, as(owner), mail(account.email));
  await ask('PUT', `/v1/users/${owner.name}`, wrong, mail('a@example.org'));
  await ask('PUT', `/v1/users/${inactive.name}`, as(owner), mail('a@example.org'));
  await ask('PUT', '/v1/users/nobody_here', as(world.admin), mail('a@example.org'));
  await ask('PUT', `/v1/users/${owner.name}`, as(owner), `"${'x'.repeat(70_000)}"`);

  // A repository of each form, from its first push to its end.
  for (const [form, who] of [
    [`${owner.name}/${fresh('app-')}`, owner],
    [fresh('official-'), world.admin],
  ] as const) {
    const path = `/v1/repositories/${form}`;
    const images = '[{"id":"aaaa","checksum":"sha256:1","Tag":"latest"}]';
    await ask('GET', `${path}/images`);
    await ask('PUT', `${path}/images`, as(who), '[]');
    await ask('DELETE', `${path}/`, as(who));
    await ask('PUT', `${path}/`, {}, images);
    await ask('PUT', `${path}/`, as(inactive), images);
    await ask('PUT', `${path}/`, as(who), '{}');
    await ask('PUT', path, { ...as(who), ...wish }, images);
    await ask('PUT', path, { ...as(who), ...astray }, images);
    await ask('GET', `${path}/images`, astray);
    await ask('DELETE', path, { ...as(who), ...astray });
    await ask('PUT', `${path}/images`, { ...as(who), 'X-Docker-Endpoints': 'https://index.example/v1/' }, '[]');
    await ask('PUT', `${path}/images`, wrong, '[]');
    await ask('PUT', `${path}/images`, as(inactive), '[]');
    await ask('PUT', `${path}/images`, as(who), '[{"id":"{"}]');
    const read = { Authorization: tokenOf(await ask('GET', `${path}/images`, wish)) };
    await ask('GET', `${path}/images/`, wrong);
    await ask('GET', `${path}/images`, as(inactive));
    await ask('GET', `${path}/layer/aaaa/access`, read);
    await ask('GET', `${path}/layer/aaaa/access`);
    await ask('GET', `${path}/layer/aaaa/access`, as(inactive));
    await ask('GET', `${path}/layer/%22/access`, read);
    await ask('PUT', `${path}/auth`, read, '');
    await ask('PUT', `${path}/auth`, {}, '');
    const repeated = { ...as(who), 'Idempotency-Key': fresh('key-') };
    await ask('PUT', path, repeated, images);
    expect((await ask('PUT', path, repeated, '[{"id":"bbbb"}]')).status).toBe(422);
    await ask('DELETE', path, as(inactive));
    await ask('DELETE', path);
    await ask('DELETE', path, as(who), 'no JSON');
    await ask('DELETE', path, as(who), `"${'x'.repeat(70_000)}"`);
    const removal = { Authorization: tokenOf(await ask('DELETE', path, { ...as(who), ...wish })) };
    await ask('PUT', `${path}/auth`, read, '');
    await ask('PUT', `${path}/auth`, removal, '');
    await ask('DELETE', path, as(who));
    await ask('GET', `${path}/layer/aaaa/access`, removal);
    const names = form.includes('/') ? form : `library/${form}`;
    await ask('GET', `/v2/repositories/${names}/history?page_size=2`, as(who));
    await ask('GET', `/v2/repositories/${names}/history`);
  }

  // What tells of the repositories.
  await ask('GET', '/v1/search?q=redis');
  await ask('GET', '/v1/search?q=redis', { 'User-Agent': 'docker/0.6.0 go/go1.1.1' });
  const [etag = ''] = valuesOf(await ask('GET', '/v1/search?q='), 'ETag');
  expect((await ask('GET', '/v1/search?q=', { 'If-None-Match': etag })).status).toBe(304);
  await ask('GET', '/v1/search', wrong);
  await ask('GET', '/v1/search', as(inactive));
  await ask('GET', '/v2/_catalog?n=1');
  await ask('GET', '/v2/_catalog?n=x');
  await ask('GET', '/v2/_catalog', wrong);
  await ask('GET', '/v2/_catalog', as(inactive));
  await ask('GET', '/v2/', as(owner));
  await ask('GET', '/v2');
  await ask('GET', '/v2/', as(inactive));
  await ask('GET', '/v2/', { 'User-Agent': 'docker/1.9.1 go/go1.4.3' });
  await ask('GET', '/v2/repositories/library/redis/history?page_size=1');
  await ask('GET', '/v2/repositories/library/redis/history?before=x');
  await ask('GET', '/v2/repositories/library/redis/history', wrong);
  await ask('GET', '/v2/repositories/library/redis/history', as(inactive));

  // While the database is away.
  await world.database.stop();
  try {
    for (const { method, path, statuses } of description.operations) {
      if (statuses.includes(503))
        await ask(method, path.replaceAll(/\{\w+\}/g, 'some'), as(owner), method === 'GET' ? null : '[]');
    }
  } finally {
    await world.database.start();
  }

  /** Few operations are asked for these: the same code answers them for all, or another setting would be needed, as for quotas. */
  const rare = /40[059]|413|422|429|500|503|POST \/v1\/users 401/;
  /** The test of rights asks these as every kind of caller, and holds the answers to the document as well. */
  const elsewhere = managementEndpoints.map(({ method, path }) => `${method} ${path} `);
  const unseen = description.operations.flatMap(({ method, path, statuses }) =>
    statuses.map((status) => `${method} ${path} ${status}`).filter((pair) => !description.seen.has(pair)),
  );
  const here = unseen.filter((pair) => !elsewhere.some((operation) => pair.startsWith(operation)));
  expect(here.filter((pair) => !rare.test(pair))).toEqual([]);
}, 120_000);
