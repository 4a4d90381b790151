/** A name is in small letters, and is found however it is typed: keyboards write the first letter large, and nobody else can be meant. */
import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hub } from '../support/hub.ts';
import type { Hub } from '../support/hub.ts';
import { arranged, basic, fresh, get, inTurn } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { openly, whole } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { Account, System } from '../support/world.ts';

let world: System;
let stage: Pick<Stage, 'send'>;
let ask: Hub;
let owner: Account;
let friend: Account;

beforeAll(async () => {
  world = await createWorld();
  stage = { send: inTurn(world.urls) };
  ask = hub(world.urls);
  [owner, friend] = await Promise.all([world.createAccount(), world.createAccount()]);
}, 120_000);

afterAll(() => world?.stop());

const large = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);
const typed = ({ name, password }: Account) => ({ name: large(name), password });

describe('whoever types a capital in the name', () => {
  test.each(['/v1/users', '/v2/', '/v2/namespaces', '/v1/search?q=x'])('is let in at %s', async (path) => {
    expect((await get(stage, path, basic(typed(owner)))).status).toBe(200);
    expect((await get(stage, path, basic({ ...typed(owner), password: 'another' }))).status).toBe(401);
  });

  test('begins a session, and another with its refresh token', async () => {
    const login = await ask('POST', '/v2/users/login?refresh_token=true', {
      body: { username: large(owner.name), password: owner.password },
    });
    expect(login.status).toBe(200);
    for (const secret of [owner.password, Object(login.body).refresh_token]) {
      const { status, body } = await ask('POST', '/v2/auth/token', { body: { identifier: large(owner.name), secret } });
      expect(status).toBe(200);
      const session = `Bearer ${Object(body).access_token}`;
      expect(await ask('GET', '/v2/namespaces', { as: session })).toMatchObject({
        body: { results: [{ name: owner.name }] },
      });
    }
  });

  test('changes the own account', async () => {
    const account = await world.createAccount();
    const password = randomBytes(8).toString('hex');
    const path = `/v1/users/${large(account.name)}/`;
    expect((await ask('PUT', path, { as: typed(account), body: { password } })).status).toBe(204);
    expect((await get(stage, '/v1/users', basic({ name: account.name, password }))).status).toBe(200);
    expect((await ask('PUT', path, { as: typed(friend), body: { password } })).status).toBe(403);
  });

  test('pushes as the account of that name', async () => {
    const path = `/v1/repositories/${owner.name}/${fresh('pushed-')}/`;
    expect((await ask('PUT', path, { as: typed(owner), body: [] })).status).toBe(200);
  });
});

describe('a name with a capital names', () => {
  test('a collaborator', async () => {
    const name = fresh('shared-');
    const repository = `/v2/repositories/${owner.name}/${name}`;
    expect(
      (await ask('POST', `/v2/repositories/${owner.name}`, { as: owner, body: { name, is_private: true } })).status,
    ).toBe(201);
    const path = `${repository}/collaborators/${large(friend.name)}`;
    expect(await ask('PUT', path, { as: owner, body: { permission: 'read' } })).toMatchObject({
      status: 200,
      body: { user: friend.name, permission: 'read' },
    });
    expect((await ask('GET', repository, { as: friend })).status).toBe(200);
    expect((await ask('DELETE', path, { as: owner })).status).toBe(204);
    expect((await ask('GET', repository, { as: friend })).status).toBe(404);
  });

  test('an organization and its members, who may leave by it', async () => {
    const orgname = fresh('org_');
    expect((await ask('POST', '/v2/orgs', { as: owner, body: { orgname } })).status).toBe(201);
    const path = `/v2/orgs/${large(orgname)}`;
    const membership = `${path}/members/${large(friend.name)}`;
    expect(await ask('PUT', membership, { as: owner, body: { role: 'member' } })).toMatchObject({
      status: 200,
      body: { username: friend.name, role: 'member' },
    });
    expect(await ask('GET', path, { as: friend })).toMatchObject({ status: 200, body: { orgname, role: 'member' } });
    expect(await ask('GET', `${path}/members`, { as: friend })).toMatchObject({ body: { count: 2 } });
    expect((await ask('DELETE', membership, { as: friend })).status).toBe(204);
  });

  test('a namespace in the paths of /v2', async () => {
    const name = fresh('described-');
    const space = large(owner.name);
    const body = { name, namespace: space };
    const made = await ask('POST', `/v2/namespaces/${space}/repositories`, { as: owner, body });
    expect(made).toMatchObject({ status: 201, body: { namespace: owner.name, name } });
    const path = `/v2/repositories/${space}/${name}`;
    for (const each of [
      path,
      `/v2/repositories/${owner.name}/${name}`,
      `/v2/namespaces/${space}/repositories/${name}`,
    ]) {
      expect(await ask('GET', each)).toMatchObject({ status: 200, body: { namespace: owner.name, name } });
    }
    expect(await ask('GET', `/v2/namespaces/${space}`)).toMatchObject({ status: 200, body: { name: owner.name } });
    expect(await ask('GET', `${path}/history`)).toMatchObject({ status: 200 });
    expect(await ask('GET', `/v2/repositories/${space}?page_size=100`)).toMatchObject({
      body: { results: expect.arrayContaining([expect.objectContaining({ name, namespace: owner.name })]) },
    });
    expect((await ask('DELETE', path, { as: owner })).status).toBe(202);
  });

  test('no repository of the first protocol, whose paths are as the client wrote them', async () => {
    const name = fresh('first-');
    const path = (space: string) => `/v1/repositories/${space}/${name}/images`;
    arranged(
      await stage.send({
        method: 'PUT',
        target: `/v1/repositories/${owner.name}/${name}/`,
        headers: [
          ['Host', 'index.example'],
          ['Authorization', basic(owner)],
        ],
        body: '[]',
      }),
      200,
    );
    expect((await get(stage, path(owner.name))).status).toBe(200);
    expect(whole(await get(stage, path(large(owner.name))))).toEqual(
      openly(400, { error: 'namespace must be 4 to 30 characters out of a-z, 0-9 and _', field: 'namespace' }),
    );
  });

  test('the admin of an import and the namespace of its names', async () => {
    const space = fresh('space_');
    const words = ['import', '--as', 'Admin', '--namespace', large(space), '--format', 'names', '-'];
    expect(await world.verb(words, 'tool\n')).toMatchObject({ status: 0 });
    expect((await get(stage, `/v1/repositories/${space}/tool/images`)).status).toBe(200);
  });
});

describe('a name that is to be made', () => {
  const rule = 'must be 4 to 30 characters out of a-z, 0-9 and _';

  test('is refused with a capital, unless it is known: docker up to 1.10 asks so before it logs in', async () => {
    const register = (username: string) =>
      ask('POST', '/v1/users', { body: { username, password: 'a password', email: `${fresh('mail')}@example.org` } });
    const known = await register(large(owner.name));
    expect(known).toMatchObject({ status: 400, text: '"Username or email already exists"' });
    expect(await register(large(fresh('person_')))).toMatchObject({
      status: 400,
      body: { error: `username: ${rule}`, field: 'username' },
    });
  });

  test('is refused of an organization and at the console', async () => {
    expect(await ask('POST', '/v2/orgs', { as: owner, body: { orgname: large(fresh('org_')) } })).toMatchObject({
      status: 400,
      body: { message: `orgname: ${rule}` },
    });
    const made = await world.verb(['user', 'create', 'Samuel', '--email', 'sam@example.org'], 'a password\n');
    expect(made).toEqual({ status: 1, stdout: '', stderr: `docket user create: name ${rule}\n` });
  });
});
