import { expect, vi } from 'vitest';

import { arranged, basic, bodyOf, fresh, headersWith, login } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import type { Account, Credentials } from '../support/world.ts';
import { alreadyExists, errorOf, errorWithoutField, notActive, scenario, usualError } from './scenario.ts';
import type { Scenario, Scenarios, Trial } from './scenario.ts';

export function userScenarios(): Scenarios {
  return {
    'GET /v1/users': logIn(),
    'POST /v1/users': register(),
    'PUT /v1/users/(username)/': updateAccount(),
  };
}

const wrong = 'wrong-password';

/** What a password may be: each of these is refused in the same way wherever one is chosen. */
const unusablePasswords: readonly (readonly [title: string, password: unknown])[] = [
  ['a password of four characters', 'toto'],
  ['an empty password', ''],
  ['a password that is a number', 123_456],
  ['a password of 73 bytes', 'a'.repeat(73)],
  ['a password of 37 letters that are 74 bytes', 'ü'.repeat(37)],
];

const unusableAddresses: readonly (readonly [title: string, email: unknown])[] = [
  ['an address without an at sign', 'sam.dotcloud.com'],
  ['an address without a host', 'sam@'],
  ['an address without a name', '@dotcloud.com'],
  ['two addresses', 'sam@dotcloud.com, sam@docker.com'],
  ['an address with a line break', 'sam@dotcloud.com\r\nBcc: all@dotcloud.com'],
  ['an empty address', ''],
  ['an address that is a list', ['sam@dotcloud.com']],
];

function logIn(): Scenarios[string] {
  const as = (title: string, authorization: (stage: Stage) => Promise<string> | string | null, answers: unknown) =>
    scenario(title, async (stage) => ({ headers: headersWith(await authorization(stage)), body: null, answers }));
  return {
    200: [
      as('an account', ({ owner }) => basic(owner), 'OK'),
      as('an admin', ({ admin }) => basic(admin), 'OK'),
      as('the scheme in lower case', ({ owner }) => basic(owner).replace('Basic', 'basic'), 'OK'),
    ],
    401: [
      as('no credentials', () => null, usualError),
      as('an empty name and an empty password', () => 'Basic Og==', usualError),
      as('a wrong password', ({ owner }) => basic({ ...owner, password: wrong }), usualError),
      as('no password', ({ owner }) => basic({ ...owner, password: '' }), usualError),
      as('the password and more', ({ owner }) => basic({ ...owner, password: `${owner.password} ` }), usualError),
      as('an unknown name', () => basic({ name: fresh('nobody_'), password: 'some-password' }), usualError),
      as('a name that none can have', () => basic({ name: `no\u0000body`, password: 'some-password' }), usualError),
      as('credentials that are not base64', () => 'Basic ?', usualError),
      as(
        'an inactive account with a wrong password',
        ({ inactive }) => basic({ ...inactive, password: wrong }),
        usualError,
      ),
      as('the password of before it was changed', formerPassword, usualError),
    ],
    403: [
      as('an account that is not active', ({ inactive }) => basic(inactive), notActive),
      as('an account that has just been registered', async (stage) => basic(await registered(stage)), notActive),
    ],
  };
}

async function formerPassword(stage: Stage): Promise<string> {
  const account = await stage.world.createAccount(fresh('changing_'));
  arranged(await login(stage, account), 200);
  arranged(await put(stage, account.name, basic(account), { password: 'the-next-one' }), 204);
  return basic(account);
}

function register(): Scenarios[string] {
  const creates = (title: string, change: () => object, more: Partial<Trial> = {}) =>
    scenario(title, () => {
      const wanted = { ...registration(), ...change() };
      return { headers: headersWith(null), body: JSON.stringify(wanted), answers: 'User Created', ...more };
    });
  const refuses = (title: string, change: object, answers: unknown) =>
    scenario(title, (stage) => {
      const wanted: Record<string, unknown> = { ...registration(), ...change };
      return {
        headers: headersWith(null),
        body: JSON.stringify(wanted),
        answers,
        afterwards: async () => {
          const name = String(wanted['username']);
          const password = String(wanted['password']);
          arranged(await login(stage, { name, password }), 401);
        },
      };
    });
  const plain = (title: string, body: string | null, answers: unknown) =>
    scenario(title, () => ({ headers: headersWith(null), body, answers }));
  const known = (title: string, change: (stage: Stage) => object) =>
    scenario(title, (stage) => ({
      headers: headersWith(null),
      body: JSON.stringify({ ...registration(), ...change(stage) }),
      answers: alreadyExists,
      afterwards: (answer) => expect(answer.body).toBe(`"${alreadyExists}"`),
    }));
  return {
    201: [
      scenario('an account that waits for its address to be confirmed', (stage) => {
        const wanted = registration();
        const account = { name: wanted.username, password: wanted.password };
        return {
          headers: headersWith(null),
          body: JSON.stringify(wanted),
          answers: 'User Created',
          afterwards: async () => {
            expect(bodyOf(arranged(await login(stage, account), 403))).toBe(notActive);
            arranged(await login(stage, { ...account, password: wrong }), 401);
            await confirm(stage, wanted.email);
            arranged(await login(stage, account), 200);
          },
        };
      }),
      creates('a name of four characters', () => ({ username: randomLetters(4) })),
      creates('a name of thirty characters', () => ({ username: `x_${randomLetters(28)}` })),
      creates('a password of five characters', () => ({ password: 'toto4' })),
      creates('a password of 72 bytes', () => ({ password: 'ü'.repeat(36) })),
      creates('fields that nobody knows', () => ({ auth: '', serveraddress: 'https://index.docker.io/v1/' })),
      creates('a content type with a charset', () => ({}), { headers: withType('application/json; charset=utf-8') }),
      creates('a content type of something else', () => ({}), {
        headers: withType('application/x-www-form-urlencoded'),
      }),
      creates('no content type', () => ({}), { headers: withType(null) }),
    ],
    400: [
      plain('no body', null, usualError),
      plain('a body that is not JSON', '{"username": ', errorWithoutField),
      plain('a list', '[]', usualError),
      plain('a text', '"foobar"', usualError),
      refuses('no name', { username: undefined }, errorOf('username')),
      refuses('no password', { password: undefined }, errorOf('password')),
      refuses('no address', { email: undefined }, errorOf('email')),
      refuses('a name of three characters', { username: randomLetters(3) }, errorOf('username')),
      refuses('a name of thirty-one characters', { username: randomLetters(31) }, errorOf('username')),
      refuses('a name in upper case', { username: 'FooBar' }, errorOf('username')),
      refuses('a name with a dash', { username: 'foo-bar' }, errorOf('username')),
      refuses('a name with a line break at its end', { username: 'foobar\n' }, errorOf('username')),
      refuses('a name that is a number', { username: 123_456 }, errorOf('username')),
      ...unusablePasswords.map(([title, password]) => refuses(title, { password }, errorOf('password'))),
      ...unusableAddresses.map(([title, email]) => refuses(title, { email }, errorOf('email'))),
      known('a known name', ({ owner }) => ({ username: owner.name })),
      known('a known name that is not active', ({ inactive }) => ({ username: inactive.name })),
      known('the name of the admin', ({ admin }) => ({ username: admin.name })),
      known('the name of the library', () => ({ username: 'library' })),
      known('a known name, before any complaint about the rest', ({ owner }) => ({
        username: owner.name,
        email: 'none',
        password: 'x',
      })),
      known('a known name, and nothing else', ({ owner }) => ({
        username: owner.name,
        email: undefined,
        password: undefined,
      })),
      known('a known address', ({ owner }) => ({ email: owner.email })),
      known('a known address in upper case', ({ owner }) => ({ email: owner.email.toUpperCase() })),
    ],
  };
}

function updateAccount(): Scenarios[string] {
  const changes = (title: string, change: () => Change, by: (stage: Stage, account: Account) => Credentials = itself) =>
    scenario(title, async (stage) => {
      const account = await stage.world.createAccount(fresh('changing_'));
      const { email, password } = change();
      return {
        parameters: { username: account.name },
        headers: headersWith(basic(by(stage, account))),
        body: JSON.stringify({ email, password, username: 'somebody_else' }),
        answers: undefined,
        afterwards: async () => {
          arranged(await login(stage, { ...account, password: password ?? account.password }), 200);
          if (password !== undefined) arranged(await login(stage, account), 401);
          if (email !== undefined) await expectAddresses(stage, account, email);
        },
      };
    });
  const admin = (stage: Stage) => stage.admin;
  const anAddress = () => `${fresh('sam_')}@dotcloud.com`;
  const refuses = (title: string, body: string | null, answers: unknown) =>
    scenario(title, async (stage) => {
      const account = await stage.world.createAccount(fresh('staying_'));
      return {
        parameters: { username: account.name },
        headers: headersWith(basic(account)),
        body,
        answers,
        afterwards: async () => {
          arranged(await login(stage, account), 200);
        },
      };
    });
  const update = JSON.stringify({ password: 'toto42' });
  const denied = (
    title: string,
    username: (stage: Stage) => string,
    authorization: (stage: Stage) => string | null,
    answers: unknown = usualError,
  ): Scenario =>
    scenario(title, (stage) => ({
      parameters: { username: username(stage) },
      headers: headersWith(authorization(stage)),
      body: update,
      answers,
      afterwards: async () => {
        arranged(await login(stage, stage.owner), 200);
      },
    }));
  const owner = (stage: Stage) => stage.owner.name;
  const nobody = () => fresh('nobody_');
  return {
    204: [
      changes('an address and a password', () => ({ email: anAddress(), password: 'toto42' })),
      changes('an address, which is added and has to be confirmed', () => ({ email: anAddress() })),
      changes('an address, by an admin', () => ({ email: anAddress() }), admin),
      changes('a password', () => ({ password: 'toto42' })),
      changes('a password, by an admin', () => ({ password: 'toto42' }), admin),
      changes('a password with a colon and an umlaut', () => ({ password: 'tö:to:42' })),
    ],
    400: [
      refuses('no body', null, usualError),
      refuses('a body that is not JSON', '{"password": ', errorWithoutField),
      refuses('neither an address nor a password', '{}', usualError),
      refuses('a list', '[]', usualError),
      ...unusablePasswords.map(([title, password]) =>
        refuses(title, JSON.stringify({ password }), errorOf('password')),
      ),
      ...unusableAddresses.map(([title, email]) => refuses(title, JSON.stringify({ email }), errorOf('email'))),
      refuses('a good password beside an unusable address', '{"password": "toto42", "email": "x"}', errorOf('email')),
      scenario('the address of somebody else', (stage) => ({
        parameters: { username: stage.owner.name },
        headers: headersWith(basic(stage.owner)),
        body: JSON.stringify({ email: stage.stranger.email }),
        answers: alreadyExists,
      })),
    ],
    401: [
      denied('no credentials', owner, () => null),
      denied('a wrong password', owner, (stage) => basic({ ...stage.owner, password: wrong })),
      denied('an unknown name', nobody, () => basic({ name: fresh('nobody_'), password: 'some-password' })),
      scenario('no credentials, and a body that is not JSON', (stage) => ({
        parameters: { username: stage.owner.name },
        headers: headersWith(null),
        body: '{"broken',
        answers: usualError,
      })),
    ],
    403: [
      denied(
        'an account that is not active',
        (stage) => stage.inactive.name,
        (stage) => basic(stage.inactive),
        notActive,
      ),
      denied('the account of somebody else', owner, (stage) => basic(stage.stranger)),
      denied('an unknown account', nobody, (stage) => basic(stage.stranger)),
    ],
    404: [denied('an unknown account, and an admin', nobody, (stage) => basic(stage.admin))],
  };
}

interface Change {
  readonly email?: string;
  readonly password?: string;
}

function itself(_: Stage, account: Account): Credentials {
  return account;
}

/** The old address is not removed, and once the new one is confirmed nobody else can have either. */
async function expectAddresses(stage: Stage, account: Account, added: string): Promise<void> {
  await confirm(stage, added);
  for (const email of [account.email, added]) {
    const answer = arranged(await post(stage, { ...registration(), email }), 400);
    expect(bodyOf(answer)).toBe(alreadyExists);
  }
}

function registration() {
  const username = fresh('sam_');
  return { username, email: `${username}@dotcloud.com`, password: 'toto42' };
}

async function registered(stage: Stage): Promise<Credentials> {
  const { username, email, password } = registration();
  arranged(await post(stage, { username, email, password }), 201);
  return { name: username, password };
}

function post(stage: Stage, body: object) {
  return stage.send({ method: 'POST', target: '/v1/users', headers: headersWith(null), body: JSON.stringify(body) });
}

function put(stage: Stage, username: string, authorization: string, body: object) {
  const target = `/v1/users/${username}/`;
  return stage.send({ method: 'PUT', target, headers: headersWith(authorization), body: JSON.stringify(body) });
}

/** Follows the link that was mailed to this address. */
async function confirm(stage: Stage, email: string): Promise<void> {
  const link = await vi.waitFor(
    async () => {
      const mails = await stage.world.mails();
      const mail = mails.find(({ to }) => to === email);
      if (!mail) throw new Error(`no mail to ${email} among ${mails.length}`);
      return mail.link;
    },
    { timeout: 10_000 },
  );
  const { pathname } = new URL(link);
  const head = await stage.send({
    method: 'HEAD',
    target: pathname,
    headers: [['Host', 'index.docker.io']],
    body: null,
  });
  expect(head.status).toBe(200);
  arranged(
    await stage.send({ method: 'GET', target: pathname, headers: [['Host', 'index.docker.io']], body: null }),
    200,
  );
}

function withType(type: string | null) {
  const headers = headersWith(null).filter(([name]) => name !== 'Content-Type');
  return type === null ? headers : [...headers, ['Content-Type', type] as const];
}

function randomLetters(length: number): string {
  return Array.from({ length }, () => String.fromCodePoint(97 + Math.floor(Math.random() * 26))).join('');
}
