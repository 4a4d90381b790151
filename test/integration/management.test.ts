/** Repositories as people manage them, over two API processes: what one acknowledges the other knows. */
import { createHmac } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { exchange } from '../support/exchange.ts';
import { apiService } from '../support/docket.ts';
import { hub } from '../support/hub.ts';
import type { Hub } from '../support/hub.ts';
import { firstImage, fresh, secondImage, tokenOf } from '../support/stage.ts';
import { basic } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account, Credentials } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let ask: Hub;
let owner: Account;
let friend: Account;
let stranger: Account;

beforeAll(async () => {
  world = await createWorld({ api: 2 });
  ask = hub(world.urls);
  [owner, friend, stranger] = await Promise.all([world.createAccount(), world.createAccount(), world.createAccount()]);
}, 120_000);

afterAll(() => world?.stop());

async function created(fields: object = {}, as: Account = owner): Promise<string> {
  const name = fresh('repo-');
  const answer = await ask('POST', `/v2/namespaces/${as.name}/repositories`, { as, body: { name, ...fields } });
  expect(answer.status).toBe(201);
  return `${as.name}/${name}`;
}

async function pushed(as: Credentials, repository: string, images: readonly object[]): Promise<number> {
  const { status } = await ask('PUT', `/v1/repositories/${repository}/`, { as, body: images });
  return status;
}

async function tokenFor(as: Credentials | undefined, repository: string): Promise<string> {
  const answer = await exchange(world.urls[0] ?? '', {
    method: 'GET',
    target: `/v1/repositories/${repository}/images`,
    headers: [
      ['Host', 'index.docker.io'],
      ['X-Docker-Token', 'true'],
      ...(as ? [['Authorization', basic(as)] as const] : []),
    ],
    body: null,
  });
  return tokenOf(answer);
}

describe('sessions', () => {
  test.each(['/v2/users/login', '/v2/users/login/'])('begin at %s and are sent back as Bearer or JWT', async (path) => {
    const login = await ask('POST', path, { body: { username: owner.name, password: owner.password } });
    expect(login).toMatchObject({ status: 200, body: { token: expect.any(String) } });
    expect(login.body).not.toHaveProperty('refresh_token');
    const { token } = Object(login.body);
    for (const scheme of ['Bearer', 'JWT', 'bearer']) {
      expect(await ask('GET', '/v2/namespaces', { as: `${scheme} ${token}` })).toMatchObject({
        status: 200,
        body: { count: 1, results: [{ name: owner.name, type: 'user', role: 'owner' }] },
      });
    }
    expect((await ask('GET', '/v1/search?q=a', { as: `Bearer ${token}` })).status).toBe(200);
    expect((await ask('GET', '/v1/users', { as: `Bearer ${token}` })).status).toBe(401);
  });

  test('with a wrong password do not begin, in the words that tools look for', async () => {
    const body = { username: owner.name, password: 'not this one' };
    const refused = { status: 401, body: { detail: 'Incorrect authentication credentials' } };
    expect(await ask('POST', '/v2/users/login', { body })).toMatchObject(refused);
    const secret = { identifier: 'nobody_here', secret: 'nothing' };
    expect(await ask('POST', '/v2/auth/token', { body: secret })).toMatchObject(refused);
  });

  test('a refresh token begins another one, of ten minutes, and opens nothing itself', async () => {
    const login = await ask('POST', '/v2/users/login?refresh_token=true', {
      body: { username: owner.name, password: owner.password },
    });
    const { refresh_token: secret } = Object(login.body);
    const again = await ask('POST', '/v2/auth/token', { body: { identifier: owner.name, secret } });
    const { access_token: session } = Object(again.body);
    const [, claims = ''] = String(session).split('.');
    const { iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    expect(exp - iat).toBe(600);
    expect((await ask('GET', '/v2/namespaces', { as: `Bearer ${session}` })).status).toBe(200);
    expect((await ask('GET', '/v2/namespaces', { as: `Bearer ${secret}` })).status).toBe(401);
    const others = { identifier: friend.name, secret };
    expect((await ask('POST', '/v2/auth/token', { body: others })).status).toBe(401);
  });

  test('end with the password that they began with', async () => {
    const account = await world.createAccount();
    const login = await ask('POST', '/v2/users/login', {
      body: { username: account.name, password: account.password },
    });
    const as = `Bearer ${Object(login.body).token}`;
    expect((await ask('GET', '/v2/namespaces', { as })).status).toBe(200);
    const password = 'another one';
    expect((await ask('PUT', `/v1/users/${account.name}/`, { as: account, body: { password } })).status).toBe(204);
    expect((await ask('GET', '/v2/namespaces', { as })).status).toBe(401);
  });

  test('that are made elsewhere open nothing', async () => {
    const claims = { purpose: 'session', jti: 'x', sub: owner.id, exp: 9_999_999_999, credential_version: 1 };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = (header: object, key: string) => {
      const text = `${part(header)}.${part(claims)}`;
      return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
    };
    const forged = [
      `${part({ alg: 'none', kid: 'test' })}.${part(claims)}.`,
      signed({ alg: 'HS256', kid: 'test' }, 'another key of thirty-two characters'),
      signed({ alg: 'HS256', kid: 'other' }, 'another key of thirty-two characters'),
      (await tokenFor(undefined, await created())).replace(/^Token signature=([^,]+),.*$/, '$1'),
    ];
    for (const session of forged) {
      expect((await ask('GET', '/v2/namespaces', { as: `Bearer ${session}` })).status).toBe(401);
    }
  });
});

describe('a repository', () => {
  test('is created, described and read, byte for byte', async () => {
    const readme = '# Title \r\n\t“quotes” \u{1F433} é e\u0301 <b>&amp;</b>\n\n  \\u0041 \u2028 end \n';
    const repository = await created({ description: ' short ', full_description: readme, is_private: false });
    const path = `/v2/repositories/${repository}/`;
    expect(await ask('GET', path)).toMatchObject({
      status: 200,
      body: { description: ' short ', full_description: readme, is_private: false, star_count: 0, status: 1 },
    });
    const changed = `${readme}more`;
    const patched = await ask('PATCH', path, { as: owner, body: { full_description: changed } });
    expect(patched).toMatchObject({ status: 200, body: { description: ' short ', full_description: changed } });
    expect(await ask('GET', path)).toMatchObject({ body: { full_description: changed } });
  });

  test('refuses texts that are too long, and cuts none', async () => {
    const path = `/v2/repositories/${await created()}`;
    const longest = { description: 'é'.repeat(100), full_description: '\u{1F433}'.repeat(25_000) };
    expect((await ask('PATCH', path, { as: owner, body: longest })).status).toBe(200);
    for (const field of ['description', 'full_description'] as const) {
      const body = { [field]: `${longest[field]}x` };
      const { status, body: told } = await ask('PATCH', path, { as: owner, body });
      expect(status).toBe(400);
      expect(told).toMatchObject({ message: expect.any(String), fields: { [field]: [expect.any(String)] } });
    }
    expect(Object((await ask('GET', path)).body).full_description === longest.full_description).toBe(true);
  });

  test('of a name that is there is not created again', async () => {
    const [, name] = (await created()).split('/');
    const answer = await ask('POST', `/v2/repositories/${owner.name}`, { as: owner, body: { name } });
    expect(answer.status).toBe(409);
  });

  test('that two change at once has both changes, and with If-Match one of them is refused', async () => {
    const path = `/v2/repositories/${await created()}`;
    const changes = [{ description: 'one' }, { full_description: 'two' }, { is_private: true }];
    await Promise.all(changes.map((body) => ask('PATCH', path, { as: owner, body })));
    const { body, header } = await ask('GET', path, { as: owner });
    expect(body).toMatchObject(Object.assign({}, ...changes));
    const etag = header('ETag') ?? '';
    const conditional = ['three', 'four'].map((description) =>
      ask('PATCH', path, { as: owner, body: { description }, headers: { 'If-Match': etag } }),
    );
    expect((await Promise.all(conditional)).map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
  });

  test('says who may do what with it to who asks', async () => {
    const path = `/v2/repositories/${await created()}`;
    expect(await ask('GET', path, { as: owner })).toMatchObject({
      body: { can_edit: true, permissions: { read: true, write: true, admin: true } },
    });
    expect(await ask('GET', path)).toMatchObject({
      body: { can_edit: false, permissions: { read: true, write: false, admin: false } },
    });
  });

  test('has the tags that pushes announced, and no other', async () => {
    const repository = await created();
    const path = `/v2/namespaces/${repository.replace('/', '/repositories/')}/tags`;
    expect(await ask('GET', path)).toMatchObject({ status: 200, body: { count: 0, results: [] } });
    await pushed(owner, repository, [
      { id: firstImage.id, Tag: 'latest', checksum: firstImage.checksum },
      { id: firstImage.id, Tag: '1.0' },
      { id: secondImage.id },
    ]);
    const { body } = await ask('GET', `${path}?page_size=1`);
    expect(body).toMatchObject({
      count: 2,
      next: expect.stringContaining('page=2'),
      previous: null,
      results: [{ name: '1.0', images: [{ id: firstImage.id, digest: firstImage.checksum, architecture: null }] }],
    });
    expect(await ask('GET', `${path}/latest`)).toMatchObject({
      status: 200,
      body: { name: 'latest', last_updater_username: owner.name },
    });
    expect(await ask('HEAD', `${path}/latest`)).toMatchObject({ status: 200, body: undefined });
    expect((await ask('GET', `${path}/2.0`)).status).toBe(404);
    await pushed(owner, repository, [{ id: secondImage.id, Tag: 'latest' }]);
    expect(await ask('GET', `${path}/latest`)).toMatchObject({ body: { images: [{ id: secondImage.id }] } });
  });
});

describe('lists', () => {
  async function names(target: string, as?: Account): Promise<unknown[]> {
    const { body } = await ask('GET', target, { as });
    return Object(body).results.map(({ name }: { name: string }) => name);
  }

  test('hold what the asker may read, page by page, in the order that is asked for, at once', async () => {
    const account = await world.createAccount();
    const list = `/v2/repositories/${account.name}/`;
    const repositories: string[] = [];
    for (const name of ['b', 'C', 'a', 'd']) {
      const body = { name, is_private: name === 'd' };
      await ask('POST', `/v2/namespaces/${account.name}/repositories`, { as: account, body });
      repositories.push(name);
    }
    const expected = async () => {
      expect(await names(`${list}?ordering=name`)).toEqual(['C', 'a', 'b']);
      expect(await names(`${list}?ordering=name`, account)).toEqual(['C', 'a', 'b', 'd']);
      expect(await names(`${list}?ordering=-name`, account)).toEqual(['d', 'b', 'a', 'C']);
      expect(await names(`${list}?ordering=last_updated`, account)).toEqual(repositories);
      expect(await names(list, account)).toEqual(repositories.toReversed());
      for (const page of [1, 2, 3, 4, 5]) {
        const query = `?ordering=name&page_size=1&page=${page}`;
        expect(await names(`${list}${query}`, account)).toEqual(['C', 'a', 'b', 'd'].slice(page - 1, page));
      }
    };
    await expected();
    await world.projected();
    await expected();
    const { body } = await ask('GET', `${list}?page_size=2&ordering=name`);
    expect(body).toMatchObject({ count: 3, previous: null });
    expect(Object(body).next).toMatch(
      /^http:\/\/index\.docker\.io\/v2\/repositories\/.*\?page_size=2&ordering=name&page=2$/,
    );
    expect((await ask('GET', '/v2/repositories/nobody_is_here/')).status).toBe(404);
  });

  test('change with the acknowledgement, while the projector stands still as well', async () => {
    const account = await world.createAccount();
    const list = `/v2/namespaces/${account.name}/repositories`;
    for (const name of ['one', 'two', 'three']) await ask('POST', list, { as: account, body: { name } });
    await world.projected();
    const [projector] = world.projectors;
    await projector?.kill('SIGTERM');
    try {
      await ask('PATCH', `/v2/repositories/${account.name}/one`, { as: account, body: { is_private: true } });
      await ask('DELETE', `/v2/repositories/${account.name}/two`, { as: account });
      await ask('POST', list, { as: account, body: { name: 'four' } });
      expect((await ask('GET', `${list}?ordering=name`)).body).toMatchObject({
        count: 2,
        results: [{ name: 'four' }, { name: 'three' }],
      });
      expect(await names(`${list}?ordering=name&page=2&page_size=1`)).toEqual(['three']);
      expect((await ask('GET', list, { as: account })).body).toMatchObject({ count: 3 });
    } finally {
      await projector?.start();
    }
  });
});

describe('a private repository', () => {
  test('is nowhere for those who may not read it, from the acknowledgement on', async () => {
    const repository = await created({ description: 'needle in the hay' });
    await pushed(owner, repository, [{ id: fresh('layer'), Tag: 'latest' }]);
    const token = await tokenFor(undefined, repository);
    const paths = ['', '/tags', '/tags/latest', '/stars', '/history'].map(
      (rest) => `/v2/repositories/${repository}${rest}`,
    );
    const v1 = `/v1/repositories/${repository}`;
    for (const path of [...paths, `${v1}/images`]) expect((await ask('GET', path)).status).toBe(200);
    await world.searchable();
    await ask('PATCH', `/v2/repositories/${repository}`, { as: owner, body: { is_private: true } });

    for (const as of [undefined, stranger]) {
      for (const path of [...paths, `${v1}/images`])
        expect(`${path} ${(await ask('GET', path, { as })).status}`).toBe(`${path} 404`);
      for (const q of [repository, 'needle', `${owner.name}/`]) {
        expect((await ask('GET', `/v1/search?n=100&q=${q}`, { as })).text).not.toContain(`"name":"${repository}"`);
      }
      expect((await ask('GET', '/v1/search?q=needle', { as })).body).toMatchObject({ num_results: 0 });
      const list = await ask('GET', `/v2/repositories/${owner.name}?page_size=100`, { as });
      expect(list.text).not.toContain(repository.split('/')[1]);
      expect((await ask('GET', '/v2/_catalog?n=1000', { as })).text).not.toContain(repository);
    }
    expect((await ask('GET', `${v1}/images`, { as: token })).status).toBe(404);
    expect((await ask('PUT', `${v1}/auth`, { as: token })).status).toBe(404);
    for (const path of [...paths, `${v1}/images`]) expect((await ask('GET', path, { as: owner })).status).toBe(200);
  });

  test('does not lend its layers to those who may not read it', async () => {
    const hidden = await created();
    const open = await created({}, stranger);
    const id = fresh('layer');
    await pushed(owner, hidden, [{ id }]);
    await pushed(stranger, open, [{ id: fresh('other') }]);
    await world.projected();
    const token = await tokenFor(stranger, open);
    const access = () => ask('GET', `/v1/repositories/${open}/layer/${id}/access`, { as: token });
    expect((await access()).body).toEqual({ access: true });
    await ask('PATCH', `/v2/repositories/${hidden}`, { as: owner, body: { is_private: true } });
    expect((await access()).body).toEqual({ access: false });
    await ask('PUT', `/v2/repositories/${hidden}/collaborators/${stranger.name}`, {
      as: owner,
      body: { permission: 'read' },
    });
    await world.projected();
    expect((await access()).body).toEqual({ access: true });
  });
});

describe('grants', () => {
  const collaborator = (repository: string) => `/v2/repositories/${repository}/collaborators/${friend.name}`;

  test('let an account read, write and manage, as long as they are given', async () => {
    const repository = await created({ is_private: true });
    const details = `/v2/repositories/${repository}`;
    const give = (permission: string) => ask('PUT', collaborator(repository), { as: owner, body: { permission } });
    const may = async () => ({
      read: (await ask('GET', `/v1/repositories/${repository}/images`, { as: friend })).status === 200,
      write: (await pushed(friend, repository, [{ id: firstImage.id }])) === 200,
      admin: (await ask('PATCH', details, { as: friend, body: { description: 'by a friend' } })).status === 200,
    });
    expect(await may()).toEqual({ read: false, write: false, admin: false });
    expect(await give('read')).toMatchObject({ status: 200, body: { user: friend.name, permission: 'read' } });
    expect(await may()).toEqual({ read: true, write: false, admin: false });
    const proof = await tokenFor(friend, repository);
    expect((await ask('GET', `/v1/repositories/${repository}/images`, { as: proof })).status).toBe(200);
    await give('write');
    expect(await may()).toEqual({ read: true, write: true, admin: false });
    await give('admin');
    expect(await may()).toEqual({ read: true, write: true, admin: true });
    expect(await ask('GET', `${details}/collaborators`, { as: owner })).toMatchObject({
      body: { count: 1, results: [{ user: friend.name, permission: 'admin' }] },
    });
    expect((await ask('DELETE', collaborator(repository), { as: owner })).status).toBe(204);
    expect(await may()).toEqual({ read: false, write: false, admin: false });
    expect((await ask('GET', `/v1/repositories/${repository}/images`, { as: proof })).status).toBe(404);
    expect((await ask('DELETE', collaborator(repository), { as: owner })).status).toBe(404);
  });

  test('a write token is worth nothing to a registry when the right is taken', async () => {
    const repository = await created();
    await ask('PUT', collaborator(repository), { as: owner, body: { permission: 'write' } });
    const put = await exchange(world.urls[0] ?? '', {
      method: 'PUT',
      target: `/v1/repositories/${repository}/`,
      headers: [
        ['Host', 'index.docker.io'],
        ['X-Docker-Token', 'true'],
        ['Authorization', basic(friend)],
      ],
      body: '[]',
    });
    const token = tokenOf(put);
    const proof = () => ask('GET', `/v1/repositories/${repository}/images`, { as: token });
    expect((await proof()).status).toBe(200);
    await ask('DELETE', collaborator(repository), { as: owner });
    expect((await proof()).status).toBe(403);
  });

  test('are given to accounts that there are', async () => {
    const path = `/v2/repositories/${await created()}/collaborators/nobody_is_here`;
    expect((await ask('PUT', path, { as: owner, body: { permission: 'read' } })).status).toBe(404);
  });
});

describe('an organization', () => {
  test('is owned together, and who leaves loses access at once', async () => {
    const orgname = fresh('org_');
    expect((await ask('POST', '/v2/orgs', { as: owner, body: { orgname } })).status).toBe(201);
    expect((await ask('POST', '/v2/orgs', { as: stranger, body: { orgname } })).status).toBe(409);
    const list = `/v2/namespaces/${orgname}/repositories`;
    expect((await ask('POST', list, { as: owner, body: { name: 'secret', is_private: true } })).status).toBe(201);
    expect((await ask('POST', list, { as: friend, body: { name: 'other' } })).status).toBe(403);
    const membership = `/v2/orgs/${orgname}/members/${friend.name}`;
    const details = `/v2/repositories/${orgname}/secret`;
    expect((await ask('GET', details, { as: friend })).status).toBe(404);
    expect((await ask('PUT', membership, { as: friend, body: { role: 'owner' } })).status).toBe(404);
    expect((await ask('PUT', membership, { as: owner, body: { role: 'member' } })).status).toBe(200);
    expect((await ask('GET', details, { as: friend })).status).toBe(200);
    expect((await ask('GET', list, { as: friend })).body).toMatchObject({ count: 1 });
    expect((await ask('PATCH', details, { as: friend, body: { description: 'x' } })).status).toBe(403);
    expect((await ask('PUT', membership, { as: friend, body: { role: 'owner' } })).status).toBe(403);
    expect(await ask('GET', `/v2/orgs/${orgname}/members`, { as: friend })).toMatchObject({ body: { count: 2 } });
    expect((await ask('GET', `/v2/orgs/${orgname}/members`, { as: stranger })).status).toBe(404);
    expect((await ask('DELETE', membership, { as: friend })).status).toBe(204);
    expect((await ask('GET', details, { as: friend })).status).toBe(404);
    expect((await ask('GET', list, { as: friend })).body).toMatchObject({ count: 0 });
  });

  test('is never without an owner, also when two leave at once', async () => {
    const orgname = fresh('org_');
    await ask('POST', '/v2/orgs', { as: owner, body: { orgname } });
    const leave = (who: Account) => ask('DELETE', `/v2/orgs/${orgname}/members/${who.name}`, { as: who });
    expect((await leave(owner)).status).toBe(409);
    await ask('PUT', `/v2/orgs/${orgname}/members/${friend.name}`, { as: owner, body: { role: 'owner' } });
    const left = await Promise.all([leave(owner), leave(friend)]);
    expect(left.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 409]);
  });
});

describe('stars', () => {
  test('are one of an account, however often and however fast they are given', async () => {
    const repository = await created();
    const stars = `/v2/repositories/${repository}/stars`;
    const given = await Promise.all([owner, friend, owner, friend, owner].map((as) => ask('POST', stars, { as })));
    expect(given.map(({ status }) => status).filter((status) => status !== 204 && status !== 503)).toEqual([]);
    await ask('POST', stars, { as: friend });
    const count = async () => Object((await ask('GET', `/v2/repositories/${repository}`)).body).star_count;
    expect(await count()).toBe(2);
    expect(await ask('GET', stars)).toMatchObject({ body: { count: 2 } });
    for (const _ of [1, 2]) expect((await ask('DELETE', stars, { as: friend })).status).toBe(204);
    expect(await count()).toBe(1);
    expect(await ask('GET', stars)).toMatchObject({ body: { count: 1, results: [{ user: owner.name }] } });
    expect((await ask('POST', stars)).status).toBe(401);
  });

  test('of an earlier life do not count', async () => {
    const repository = await created();
    const stars = `/v2/repositories/${repository}/stars`;
    await ask('POST', stars, { as: friend });
    await ask('DELETE', `/v2/repositories/${repository}`, { as: owner });
    const [, name] = repository.split('/');
    await ask('POST', `/v2/namespaces/${owner.name}/repositories`, { as: owner, body: { name } });
    expect((await ask('GET', stars)).body).toMatchObject({ count: 0 });
    await ask('POST', stars, { as: friend });
    expect((await ask('GET', `/v2/repositories/${repository}`)).body).toMatchObject({ star_count: 1 });
  });
});

describe('a takedown', () => {
  test('of a repository hides it from everybody, and no push brings it back', async () => {
    const repository = await created();
    await pushed(owner, repository, [{ id: firstImage.id }]);
    const takedown = `/v2/takedowns/repositories/${repository}`;
    expect((await ask('PUT', takedown, { as: owner, body: { reason: 'mine' } })).status).toBe(403);
    expect((await ask('PUT', takedown, { as: world.admin, body: {} })).status).toBe(400);
    expect((await ask('PUT', takedown, { as: world.admin, body: { reason: 'it mines coins' } })).status).toBe(200);
    const images = `/v1/repositories/${repository}/images`;
    const details = `/v2/repositories/${repository}`;
    for (const as of [undefined, owner, world.admin]) expect((await ask('GET', images, { as })).status).toBe(404);
    expect((await ask('GET', details)).status).toBe(404);
    expect((await ask('GET', details, { as: owner })).body).toMatchObject({
      status: 0,
      status_description: 'taken down: it mines coins',
    });
    const put = () => ask('PUT', `/v1/repositories/${repository}/`, { as: owner, body: [] });
    expect(await put()).toMatchObject({ status: 403, body: { error: expect.stringContaining('it mines coins') } });
    await ask('DELETE', details, { as: owner });
    expect((await put()).status).toBe(403);
    const name = repository.split('/')[1];
    const again = await ask('POST', `/v2/repositories/${owner.name}`, { as: owner, body: { name } });
    expect(again.status).toBe(403);
    await ask('POST', `${details}/restore`, { as: owner });
    expect((await ask('GET', images, { as: owner })).status).toBe(404);
    expect((await ask('DELETE', takedown, { as: world.admin })).status).toBe(204);
    expect((await ask('GET', images)).status).toBe(200);
    expect((await put()).status).toBe(200);
  });

  test('of an image takes it out of every list, and refuses its pushes with the reason', async () => {
    const bad = fresh('bad');
    const good = fresh('good');
    const repository = await created();
    await pushed(owner, repository, [
      { id: bad, Tag: 'bad' },
      { id: good, Tag: 'good' },
    ]);
    const takedown = `/v2/takedowns/images/${bad}`;
    expect((await ask('PUT', takedown, { as: owner, body: { reason: 'no' } })).status).toBe(403);
    expect((await ask('PUT', takedown, { as: world.admin, body: { reason: 'a private key' } })).status).toBe(200);
    const images = `/v1/repositories/${repository}/images`;
    expect((await ask('GET', images)).body).toEqual([{ id: good, checksum: '' }]);
    expect((await ask('GET', `/v2/repositories/${repository}/tags`)).body).toMatchObject({
      count: 1,
      results: [{ name: 'good' }],
    });
    const token = await tokenFor(owner, repository);
    const access = `/v1/repositories/${repository}/layer/${bad}/access`;
    expect((await ask('GET', access, { as: token })).body).toEqual({ access: false });
    for (const path of [`/v1/repositories/${repository}/`, images, `/v1/repositories/${owner.name}/new/`]) {
      expect(await ask('PUT', path, { as: owner, body: [{ id: bad }] })).toMatchObject({
        status: 403,
        body: { error: expect.stringContaining('a private key') },
      });
    }
    expect(await ask('GET', '/v2/takedowns', { as: world.admin })).toMatchObject({
      body: { results: [{ kind: 'image', name: bad, reason: 'a private key' }] },
    });
    expect((await ask('DELETE', takedown, { as: world.admin })).status).toBe(204);
    expect((await ask('GET', images)).body).toHaveLength(2);
  });
});

describe('a deleted repository', () => {
  test('comes back with everything that it had', async () => {
    const repository = await created({ description: 'kept', full_description: '# Kept', is_private: true });
    const details = `/v2/repositories/${repository}`;
    await pushed(owner, repository, [{ id: firstImage.id, Tag: 'latest', checksum: firstImage.checksum }]);
    await ask('PUT', `${details}/collaborators/${friend.name}`, { as: owner, body: { permission: 'read' } });
    await ask('POST', `${details}/stars`, { as: friend });
    const before = (await ask('GET', details, { as: friend })).body;
    expect((await ask('DELETE', details, { as: owner })).status).toBe(202);
    await world.projected();
    expect((await ask('GET', details, { as: owner })).status).toBe(404);
    expect((await ask('POST', `${details}/restore`, { as: friend })).status).toBe(404);
    expect((await ask('POST', `${details}/restore`, { as: owner })).status).toBe(200);
    const after = (await ask('GET', details, { as: friend })).body;
    expect({ ...Object(after), last_updated: 0 }).toEqual({ ...Object(before), last_updated: 0 });
    expect((await ask('GET', `/v1/repositories/${repository}/images`, { as: friend })).body).toEqual([firstImage]);
    expect((await ask('GET', `${details}/tags/latest`, { as: friend })).status).toBe(200);
    expect((await ask('GET', `${details}/stars`, { as: friend })).body).toMatchObject({ count: 1 });
    expect((await ask('POST', `${details}/restore`, { as: owner })).status).toBe(409);
  });
});

test('after the time for it a deleted repository is not to be had', async () => {
  const impatient = apiService({ ...world.environment, UNDELETE_DAYS: '0' });
  await impatient.start();
  try {
    const request = hub([impatient.url]);
    const name = fresh('gone-');
    const details = `/v2/repositories/${owner.name}/${name}`;
    expect((await request('POST', `/v2/repositories/${owner.name}`, { as: owner, body: { name } })).status).toBe(201);
    expect((await request('DELETE', details, { as: owner })).status).toBe(202);
    expect((await request('POST', `${details}/restore`, { as: owner })).status).toBe(404);
  } finally {
    await impatient.kill();
  }
}, 60_000);
