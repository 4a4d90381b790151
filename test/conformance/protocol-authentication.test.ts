/** What clients and registries rely on beyond the published text: credentials, tokens and accounts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { commonWorld } from '../support/common-world.ts';
import { valuesOf } from '../support/exchange.ts';
import {
  announce,
  authorize,
  deleteWholly,
  push,
  putImages,
  readImages,
  readToken,
  repositoryOf,
  requestDeletion,
  spendDeletion,
} from '../support/repository.ts';
import {
  arranged,
  basic,
  bodyOf,
  firstImage,
  fresh,
  get,
  headersWith,
  login,
  inTurn,
  secondImage,
  staged,
} from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';
import { alreadyExists, expectCommonForm, notActive, usualError } from './scenario.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await staged(await commonWorld());
});

afterAll(() => stage?.world.stop());

const claims = z.object({ exp: z.number(), iat: z.number() });

function lifeSeconds(token: string): number {
  const payload = /signature=[\w-]+\.([\w-]+)\./.exec(token)?.[1] ?? '';
  const { exp, iat } = claims.parse(JSON.parse(Buffer.from(payload, 'base64url').toString()));
  return exp - iat;
}

test('row 10 (docker 28, and up to 1.7): empty credentials are those of nobody', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  for (const nobody of ['Basic Og==', 'Token ', 'Token']) {
    expect(bodyOf(await readImages(repository, nobody))).toEqual([firstImage]);
    expect(await get(stage, '/v1/search?q=zyzzyva', nobody)).toMatchObject({ status: 200 });
    expect(await putImages(repository, [], nobody)).toMatchObject({ status: 401 });
  }
});

test('row 11 (specification of 1.0): credentials that are given for a public repository must be right', async () => {
  const repository = repositoryOf(stage, 'user');
  const token = await push(repository);
  const other = await push(repositoryOf(stage, 'user'));
  const unusable = [
    basic({ ...stage.owner, password: 'wrong-password' }),
    basic({ name: fresh('nobody_'), password: 'some-password' }),
    'Basic ?',
    token.replace(/signature=\w/, 'signature=_'),
    `Token signature=123abc,repository="${repository.fullName}",access=read`,
  ];
  for (const authorization of unusable) {
    const answer = await readImages(repository, authorization);
    expect({ authorization, status: answer.status }).toEqual({ authorization, status: 401 });
    expectCommonForm(answer);
  }
  const inactive = await readImages(repository, basic(stage.inactive));
  expect({ status: inactive.status, body: bodyOf(inactive) }).toEqual({ status: 403, body: notActive });
  expect(await readImages(repository, other)).toMatchObject({ status: 403 });
});

test('row 12 (docker): each token is a new one, and only who says true gets one', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  const tokens = [];
  for (let count = 0; count < 3; count += 1) tokens.push(await announce(repository, []), await readToken(repository));
  expect(new Set(tokens).size).toBe(tokens.length);
  for (const value of ['false', '', '0']) {
    const answer = await readImages(repository, basic(stage.owner), ['X-Docker-Token', value]);
    expect(valuesOf(arranged(answer, 200), 'X-Docker-Token')).toEqual([]);
  }
});

const spellings: Readonly<Record<string, (text: string) => string>> = {
  'with a scheme': (text) => `Token ${text}`,
  'with two schemes': (text) => `Token Token ${text}`,
  'with a scheme in lower case': (text) => `token ${text}`,
  'with a scheme in upper case': (text) => `TOKEN ${text}`,
  'without a scheme': (text) => text,
  'with blanks after the commas': (text) => `Token ${text.replaceAll(',', ', ')}`,
  'without quotes': (text) => `Token ${text.replaceAll('"', '')}`,
  'with quotes everywhere': (text) => `Token ${text.replaceAll(/=([^",]+)/g, '="$1"')}`,
  'with names in other cases': (text) => `Token ${text.replace('signature', 'Signature').replace('access', 'ACCESS')}`,
  'in another order': (text) => `Token ${text.split(',').toReversed().join(',')}`,
  'as two values that were joined': (text) => `Token ${text},Token ${text}`,
};

test.each(Object.entries(spellings))(
  'row 13 (docker-registry, Quay, docker-index): a token may come back %s',
  async (_, spelled) => {
    const repository = repositoryOf(stage, 'user');
    const token = spelled((await push(repository)).replace(/^Token /, ''));
    expect(bodyOf(await readImages(repository, token))).toEqual([firstImage]);
    expect(await putImages(repository, [secondImage], token)).toMatchObject({ status: 204 });
    expect(bodyOf(await authorize(repository, token))).toBe('OK');
  },
);

test('row 14 (docker-registry): a registry reads signature, repository and access in every token', async () => {
  const repository = repositoryOf(stage, 'user', fresh('with.dots-'));
  const written = await push(repository);
  const tokens = { write: written, read: await readToken(repository), delete: await requestDeletion(repository) };
  for (const [access, token] of Object.entries(tokens)) {
    const pairs = [...token.matchAll(/(\w+)[:=][\s"]?([^",]+)"?/g)].map(([, name, value]) => [name, value]);
    expect(pairs).toEqual([
      ['signature', expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/)],
      ['repository', repository.fullName],
      ['access', access],
    ]);
  }
});

test('row 14a (docker-registry): a token whose text was rewritten proves nothing', async () => {
  const repository = repositoryOf(stage, 'user');
  const victim = repositoryOf(stage, 'user');
  const written = await push(repository);
  await push(victim);
  const read = await readToken(repository);
  const rewritten = [
    read.replace('access=read', 'access=write'),
    read.replace(repository.fullName, victim.fullName),
    read.replace('access=read', 'access=delete'),
    written.replace('access=write', 'access=read'),
    // A registry takes the last of two values, `:` for `=`, and every comma for an end, also one between quotes.
    `${read},access=write`,
    `${read}, access="write"`,
    `${read},access:write`,
    `${read},note="any,access=write"`,
    `${read},note="any,repository=${victim.fullName}"`,
    `${read.replace('access=read', 'access=write')},access=read`,
    `${read},repository="${victim.fullName}"`,
  ];
  const proving: string[] = [];
  for (const token of rewritten) {
    const answers = [await readImages(repository, token), await readImages(victim, token)];
    if (answers.some(({ status }) => status === 200)) proving.push(token.replace(/signature=[\w.-]+/, 'signature=…'));
  }
  expect(proving).toEqual([]);
  expect(await readImages(repository, rewritten[0])).toMatchObject({ status: 401 });
  expect(await readImages(victim, rewritten[1])).toMatchObject({ status: 401 });
});

test('row 15 (docker-registry 0.5 to 0.9): what was announced is in the proof of the token at once, also while deleting', async () => {
  const repository = repositoryOf(stage, 'user');
  const ids: string[] = [];
  for (let count = 0; count < 25; count += 1) {
    ids.push(`image-${count}`);
    const token = await announce(repository, [{ id: `image-${count}` }]);
    const proof = arranged(await readImages(repository, token), 200);
    expect(bodyOf(proof)).toEqual(ids.map((id) => ({ id, checksum: '' })));
  }
  const token = await requestDeletion(repository);
  for (const step of ['before', 'after']) {
    expect({ step, body: bodyOf(await readImages(repository, token)) }).toMatchObject({ body: { length: ids.length } });
    await authorize(repository, token);
  }
});

test('row 16 (docker-registry since 0.7.0): a token serves a whole push, and an hour at least', async () => {
  const repository = repositoryOf(stage, 'user');
  const token = await push(repository);
  expect(lifeSeconds(token)).toBeGreaterThanOrEqual(3600);
  for (let count = 0; count < 30; count += 1) {
    expect(await readImages(repository, token)).toMatchObject({ status: 200 });
  }
  expect(await putImages(repository, [secondImage], token)).toMatchObject({ status: 204 });
});

test('row 17 (docker-registry): a registry asks whether the holder of a token may use a parent image', async () => {
  const repository = repositoryOf(stage, 'user');
  const other = repositoryOf(stage, 'library');
  const token = await push(repository, [firstImage]);
  const elsewhere = { id: fresh('image'), checksum: 'abc' };
  await push(other, [elsewhere]);
  const access = (id: string, authorization: string) =>
    get(stage, `${repository.path}/layer/${id}/access`, authorization);
  for (const [id, answer] of [
    [firstImage.id, { access: true }],
    [fresh('unknown'), { access: false }],
  ] as const) {
    const found = await access(id, token);
    expect({ status: found.status, body: bodyOf(found) }).toEqual({ status: 200, body: answer });
    expectCommonForm(found);
  }
  await expect.poll(async () => bodyOf(await access(elsewhere.id, token))).toEqual({ access: true });
  expect(await access(firstImage.id, token.replace('access=write', 'access=read'))).toMatchObject({ status: 401 });
  await deleteWholly(other);
  await expect.poll(async () => bodyOf(await access(elsewhere.id, token))).toEqual({ access: false });
});

test('row 18 (specification of 1.0): a delete token is spent once, by whichever process is asked', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  const token = await requestDeletion(repository);
  const answers = await Promise.all(Array.from({ length: 8 }, () => authorize(repository, token)));
  const statuses = answers.map(({ status }) => status).toSorted((left, right) => left - right);
  expect(statuses).toEqual([200, 403, 403, 403, 403, 403, 403, 403]);
});

test('row 19 and 20 (docker 1.0): a 401 asks for either kind of credentials in one line, everywhere', async () => {
  const { path } = repositoryOf(stage, 'user');
  const wrong = headersWith(basic({ ...stage.owner, password: 'wrong-password' }));
  for (const [method, target] of [
    ['PUT', `${path}/`],
    ['DELETE', `${path}/`],
    ['PUT', `${path}/images`],
    ['GET', `${path}/images`],
    ['GET', '/v1/users'],
    ['PUT', `/v1/users/${stage.owner.name}/`],
    ['GET', '/v1/search?q=any'],
  ] as const) {
    const answer = await stage.send({ method, target, headers: wrong, body: method === 'PUT' ? '[]' : null });
    expect({ method, target, status: answer.status }).toEqual({ method, target, status: 401 });
    expectCommonForm(answer);
  }
});

/** As docker 0.6 to 1.10 send it; `auth` has no meaning in it. */
function dockerLogin(on: Pick<Stage, 'send'>, account: { name: string; password: string; email: string }) {
  const { name: username, password, email } = account;
  const headers = [
    ['Host', 'index.docker.io'],
    ['Content-Type', 'application/json; charset=utf-8'],
  ] as const;
  const body = JSON.stringify({ username, password, auth: '', email });
  return on.send({ method: 'POST', target: '/v1/users/', headers, body });
}

function someone() {
  const name = fresh('sam_');
  return { name, password: 'toto42', email: `${name}@dotcloud.com` };
}

test('row 21 and 23 (docker 0.3 to 1.10): login registers, or learns by these very bytes that the name is known', async () => {
  const account = someone();
  const created = await dockerLogin(stage, account);
  expect({ status: created.status, body: created.body }).toEqual({ status: 201, body: '"User Created"' });
  for (const again of [account, stage.owner, { ...stage.owner, email: 'none', password: 'x' }]) {
    const known = await dockerLogin(stage, again);
    expect({ status: known.status, body: known.body }).toEqual({ status: 400, body: `"${alreadyExists}"` });
    expect(valuesOf(known, 'Content-Length')).toEqual([String(alreadyExists.length + 2)]);
  }
  expect(await login(stage, stage.owner)).toMatchObject({ status: 200 });
});

describe('row 21 (docker 0.3 to 1.10), where nobody may register', () => {
  let closed: World;

  beforeAll(async () => {
    closed = await createWorld({ projectors: 0, environment: { REGISTRATION: 'closed' } });
  });

  afterAll(() => closed?.stop());

  test('the answer is 401, and the login goes on with GET', async () => {
    const there = { send: inTurn(closed.urls) };
    for (const account of [someone(), { ...someone(), ...closed.admin }, { ...someone(), email: 'none' }]) {
      const answer = await dockerLogin(there, account);
      expect({ status: answer.status, body: bodyOf(answer) }).toEqual({ status: 401, body: usualError });
      expectCommonForm(answer);
    }
    expect(bodyOf(arranged(await login(there, closed.admin), 200))).toBe('OK');
  });
});

test('row 22 (docker 1.11 to 18.09): login is GET /v1/users/ and nothing else', async () => {
  const at = (name: string, password: string) => get(stage, '/v1/users/', basic({ name, password }));
  expect(await at(stage.owner.name, stage.owner.password)).toMatchObject({ status: 200 });
  expect(await at(stage.owner.name, 'wrong-password')).toMatchObject({ status: 401 });
  expect(await at(stage.inactive.name, stage.inactive.password)).toMatchObject({ status: 403 });
});

test.each(['with:a:colon', ':begins', 'ünïcödé-пароль-密码', ' blanks ', '"quoted"'])(
  'row 24 (clients): a password may be %s',
  async (password) => {
    const account = { ...someone(), password };
    arranged(await dockerLogin(stage, account), 201);
    expect(await login(stage, account)).toMatchObject({ status: 403 });
    expect(await login(stage, { ...account, password: `${password}x` })).toMatchObject({ status: 401 });
  },
);

describe('row 16 (docker-registry), where tokens live for a second', () => {
  let brief: Stage;

  beforeAll(async () => {
    brief = await staged(await createWorld({ api: 2, environment: { TOKEN_TTL_SECONDS: '1' } }));
  });

  afterAll(() => brief?.world.stop());

  test('an expired token is good for nothing', async () => {
    const repository = repositoryOf(brief, 'user');
    const token = await announce(repository, []);
    await expect.poll(async () => (await readImages(repository, token)).status, { timeout: 10_000 }).toBe(401);
    expect(await putImages(repository, [firstImage], token)).toMatchObject({ status: 401 });
    expect(await authorize(repository, token)).toMatchObject({ status: 403 });
  });
});

test('tokens of an earlier life prove nothing in the next', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  const earlier = [await readToken(repository), await spendDeletion(repository)];
  await push(repository, [secondImage]);
  for (const token of earlier) expect((await readImages(repository, token)).status).not.toBe(200);
});
