/** Accounts from registration to the last change: what blocks a name, what frees it, what counts where and when. */
import { randomBytes } from 'node:crypto';

import { mintLink } from '@docket/runtime/link-token';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { exchange } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { announce, repositoryOf } from '../support/repository.ts';
import { arranged, basic, fresh, get, headersWith, inTurn, login } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { challenge, taken, whole, wholly } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { Credentials } from '../support/world.ts';
import type { System } from '../support/world.ts';

interface Person extends Credentials {
  readonly email: string;
}

type Sender = Pick<Stage, 'send'>;

function person(name = fresh('person_')): Person {
  return { name, password: randomBytes(8).toString('hex'), email: `${name}@example.org` };
}

function register(stage: Sender, body: unknown): Promise<Answer> {
  const headers = headersWith(null, ['User-Agent', 'a client with a name of its own']);
  return stage.send({ method: 'POST', target: '/v1/users/', headers, body: JSON.stringify(body) });
}

function registerPerson(stage: Sender, { name, password, email }: Person): Promise<Answer> {
  return register(stage, { username: name, password, email });
}

function change(stage: Sender, who: Credentials, name: string, body: unknown): Promise<Answer> {
  const headers = headersWith(basic(who));
  return stage.send({ method: 'PUT', target: `/v1/users/${name}/`, headers, body: JSON.stringify(body) });
}

function follow(stage: Sender, link: string, method = 'GET'): Promise<Answer> {
  return stage.send({ method, target: new URL(link).pathname, headers: [['Host', 'index.docker.io']], body: null });
}

function linkFor(world: System, email: string): Promise<string> {
  return until(`a mail to ${email}`, async () => (await world.mails()).find(({ to }) => to === email)?.link);
}

async function eventsOf(world: System, name: string): Promise<string[]> {
  const rows = await world.query<{ type: string }>(
    `select type from es.events where stream_id = (select 'account-' || id from directory.accounts where name = $1)
     order by version`,
    [name],
  );
  return rows.map(({ type }) => type);
}

const created = wholly(201, 'User Created');
const inactive = wholly(403, 'Account is not Active');
const ok = wholly(200, 'OK');
const wrongCredentials = wholly(401, { error: 'wrong name or password' }, challenge);
const forbidden = wholly(403, { error: 'only the person and an admin may change an account' });
const badLink = wholly(404, { error: 'the link is not valid, or no longer; register again to get another' });
const changed = wholly(204, undefined);

describe('where an account waits for its link', () => {
  let world: System;
  let stage: Sender;

  beforeAll(async () => {
    world = await createWorld({ api: 2 });
    stage = { send: inTurn(world.urls) };
  });

  afterAll(() => world?.stop());

  /** Registered and confirmed. */
  async function active(): Promise<Person> {
    const who = person();
    arranged(await registerPerson(stage, who), 201);
    arranged(await follow(stage, await linkFor(world, who.email)), 200);
    return who;
  }

  /** Moves the registration of this person so long into the past. */
  async function registeredAgo({ name }: Person, interval: string): Promise<void> {
    await world.query(`update directory.accounts set registered_at = registered_at - $2::interval where name = $1`, [
      name,
      interval,
    ]);
    await world.query(
      `update directory.addresses set added_at = added_at - $2::interval
       where account_id = (select id from directory.accounts where name = $1)`,
      [name, interval],
    );
  }

  test('it is told that it waits with its password alone, and is active from the link on', async () => {
    const who = person();
    const stranger = { ...who, password: 'not the password' };
    expect(whole(await registerPerson(stage, who))).toEqual(created);
    expect(whole(await login(stage, who))).toEqual(inactive);
    expect(whole(await login(stage, stranger))).toEqual(wrongCredentials);
    const link = await linkFor(world, who.email);
    expect(await follow(stage, link, 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect(whole(await login(stage, who))).toEqual(inactive);
    expect(whole(await follow(stage, link))).toEqual(wholly(200, 'Account Activated'));
    expect(whole(await login(stage, who))).toEqual(ok);
    expect(whole(await login(stage, stranger))).toEqual(wrongCredentials);
  });

  test('a link that is followed again, by two at once as well, says the same and does nothing more', async () => {
    const who = person();
    arranged(await registerPerson(stage, who), 201);
    const link = await linkFor(world, who.email);
    const answers = await Promise.all(Array.from({ length: 6 }, () => follow(stage, link)));
    expect(answers.map(whole)).toEqual(answers.map(() => wholly(200, 'Account Activated')));
    expect(await eventsOf(world, who.name)).toEqual([
      'AccountRegistered',
      'AddressAdded',
      'AddressConfirmed',
      'AccountActivated',
    ]);
  });

  test('a link that is forged, expired, of another account or no link at all activates nobody', async () => {
    const who = person();
    arranged(await registerPerson(stage, who), 201);
    const [ids] = await world.query<{ account: string; address: string }>(
      `select a.id as account, d.id as address from directory.accounts a
       join directory.addresses d on d.account_id = a.id where a.name = $1`,
      [who.name],
    );
    const [, id = '', secret = ''] = /^(.*?):(.*)$/.exec(world.environment['TOKEN_KEYS'] ?? '') ?? [];
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      purpose: 'confirm-address' as const,
      sub: ids?.account ?? '',
      address_id: ids?.address ?? '',
      jti: fresh('link-'),
      iat: now - 60,
      exp: now + 60,
    };
    const links = {
      'with another secret': mintLink([{ id, secret: 'x'.repeat(64) }], claims),
      'with another key': mintLink([{ id: 'other', secret }], claims),
      expired: mintLink([{ id, secret }], { ...claims, exp: now - 1 }),
      changed: mintLink([{ id, secret }], claims).replace(/\.[^.]*$/, '.AAAA'),
      'an access token': await accessToken(),
      nothing: 'x',
    };
    const answers = Object.entries(links).map(async ([what, token]) => [
      what,
      whole(await follow(stage, `http://localhost/v1/users/confirm/${token}`)),
    ]);
    expect(await Promise.all(answers)).toEqual(Object.keys(links).map((what) => [what, badLink]));
    expect(whole(await login(stage, who))).toEqual(inactive);
    const others = mintLink([{ id, secret }], { ...claims, sub: (await accountId(world.admin.name)) ?? '' });
    expect(await follow(stage, `http://localhost/v1/users/confirm/${others}`)).toMatchObject({ status: 404 });
    expect(whole(await login(stage, who))).toEqual(inactive);
    const control = mintLink([{ id, secret }], claims);
    expect(await follow(stage, `http://localhost/v1/users/confirm/${control}`)).toMatchObject({ status: 200 });
    expect(whole(await login(stage, who))).toEqual(ok);
  });

  async function accessToken(): Promise<string> {
    const owner = { ...(await active()), id: '' };
    const cast = { world, admin: world.admin, owner, stranger: owner, inactive: owner, send: stage.send };
    const token = await announce(repositoryOf(cast, 'user'), []);
    return /signature=([^,]+)/.exec(token)?.[1] ?? '';
  }

  async function accountId(name: string): Promise<string | undefined> {
    const [row] = await world.query<{ id: string }>('select id from directory.accounts where name = $1', [name]);
    return row?.id;
  }

  test('a known name is told before anything else that is wrong, in the very bytes that clients compare', async () => {
    const [waiting, confirmed] = [person(), await active()];
    arranged(await registerPerson(stage, waiting), 201);
    for (const { name, email } of [waiting, confirmed, { ...world.admin, email: 'admin@example.org' }]) {
      for (const body of [
        { username: name, email, password: 'another password' },
        { username: name, email: 'no address', password: 'another password' },
        { username: name, email: 'free@example.org', password: '' },
        { username: name, email: 7, password: 'x'.repeat(73) },
        { username: name },
      ]) {
        const answer = await register(stage, body);
        expect(whole(answer)).toEqual(taken);
        expect(answer.body).toBe('"Username or email already exists"');
      }
    }
    for (const { email } of [confirmed, { email: 'admin@example.org' }]) {
      const other = { username: fresh('other_'), email: email.toUpperCase(), password: 'a password' };
      expect(whole(await register(stage, other))).toEqual(taken);
    }
  });

  test.each<[string, object, string, string]>([
    ['a name that is too short', { username: 'abc' }, 'username', 'must be 4 to 30 characters out of a-z, 0-9 and _'],
    ['a name in capitals', { username: 'Person' }, 'username', 'must be 4 to 30 characters out of a-z, 0-9 and _'],
    ['no address', { email: 'person' }, 'email', 'must be an e-mail address'],
    ['a password that is too short', { password: 'four' }, 'password', 'must have at least 5 characters'],
    ['a password of 73 bytes', { password: 'x'.repeat(73) }, 'password', 'must have at most 72 bytes'],
    ['a password of 37 letters and 74 bytes', { password: 'é'.repeat(37) }, 'password', 'must have at most 72 bytes'],
    ['a password with a zero in it', { password: 'open\0sesame' }, 'password', 'must not contain a zero character'],
  ])('%s is refused, and nothing is written', async (_what, wrong, field, reason) => {
    const { name, password, email } = person();
    const answer = await register(stage, { username: name, password, email, ...wrong });
    expect(whole(answer)).toEqual(wholly(400, { error: `${field}: ${reason}`, field }));
    const rows = await world.query('select 1 from directory.addresses where address = $1', [email]);
    expect(rows).toEqual([]);
  });

  test('a password of exactly 72 bytes is taken whole: one that differs in the last byte is wrong', async () => {
    const who = { ...person(), password: `${'ü'.repeat(35)}:x` };
    arranged(await registerPerson(stage, who), 201);
    arranged(await follow(stage, await linkFor(world, who.email)), 200);
    expect(whole(await login(stage, who))).toEqual(ok);
    expect(whole(await login(stage, { ...who, password: `${'ü'.repeat(35)}:y` }))).toEqual(wrongCredentials);
    // bcrypt would look at the first 72 bytes alone.
    const longer = { ...who, password: `${who.password}and more` };
    expect(whole(await login(stage, longer))).toEqual(wrongCredentials);
    const { status, body } = await stage.send({
      method: 'POST',
      target: '/v2/users/login',
      headers: headersWith(null),
      body: JSON.stringify({ username: longer.name, password: longer.password }),
    });
    const words = 'Incorrect authentication credentials';
    expect({ status, body: JSON.parse(body) }).toEqual({ status: 401, body: { message: words, detail: words } });
  });

  test('an account that nobody confirmed keeps its name for 48 hours, and then it is free', async () => {
    const who = person();
    arranged(await registerPerson(stage, who), 201);
    const lateLink = await linkFor(world, who.email);
    const [lapsing] = await world.query<{ id: string }>('select id from directory.accounts where name = $1', [
      who.name,
    ]);
    await registeredAgo(who, '47 hours 58 minutes');
    expect(whole(await registerPerson(stage, who))).toEqual(taken);
    await registeredAgo(who, '3 minutes');
    const next = { ...person(who.name), email: who.email };
    expect(whole(await registerPerson(stage, next))).toEqual(created);
    expect(whole(await login(stage, who))).toEqual(wrongCredentials);
    expect(whole(await login(stage, next))).toEqual(inactive);
    expect(await follow(stage, lateLink)).toMatchObject({ status: 404 });
    const [, lapse] = await streamOf(lapsing);
    expect(lapse).toBe('RegistrationLapsed');
    const nextLink = await until('the mail to the second', async () =>
      (await world.mails()).find(({ to, link }) => to === who.email && link !== lateLink),
    );
    arranged(await follow(stage, nextLink.link), 200);
    expect(whole(await login(stage, next))).toEqual(ok);
  });

  test('an address that nobody confirmed keeps nobody out: who confirms it first has it, and is told so', async () => {
    const [holder, email] = [await active(), `${fresh('wanted_')}@example.org`];
    const [early, owner] = [
      { ...person(), email },
      { ...person(), email: email.toUpperCase() },
    ];
    expect(whole(await registerPerson(stage, early))).toEqual(created);
    arranged(await change(stage, holder, holder.name, { email }), 204);
    expect(whole(await registerPerson(stage, owner))).toEqual(created);
    const links = await until('three mails', async () => {
      const mails = (await world.mails()).filter(({ to }) => to.toLowerCase() === email);
      return mails.length === 3 ? mails : undefined;
    });
    const linkTo = (name: string) => links.find(({ text }) => text.includes(`"${name}"`))?.link ?? '';
    expect(whole(await follow(stage, linkTo(owner.name)))).toEqual(wholly(200, 'Account Activated'));
    const late = wholly(409, { error: 'somebody else has confirmed this address for another account' });
    for (const name of [early.name, holder.name]) {
      expect(whole(await follow(stage, linkTo(name)))).toEqual(late);
      expect(whole(await follow(stage, linkTo(name)))).toEqual(late);
    }
    expect(whole(await follow(stage, linkTo(owner.name)))).toEqual(wholly(200, 'Account Activated'));
    expect(whole(await login(stage, owner))).toEqual(ok);
    expect(whole(await login(stage, early))).toEqual(inactive);
    expect(whole(await login(stage, holder))).toEqual(ok);
    // Now it belongs to somebody.
    expect(whole(await registerPerson(stage, { ...person(), email }))).toEqual(taken);
    expect(whole(await change(stage, await active(), holder.name, { email }))).toEqual(forbidden);
    const other = await active();
    expect(whole(await change(stage, other, other.name, { email }))).toEqual(taken);
  });

  test('an address that several confirm at once is given to one', async () => {
    const email = `${fresh('raced_')}@example.org`;
    const people = await Promise.all(Array.from({ length: 6 }, async () => ({ ...person(), email })));
    for (const who of people) arranged(await registerPerson(stage, who), 201);
    const links = await until('the mails', async () => {
      const mails = (await world.mails()).filter(({ to }) => to === email);
      return mails.length === people.length ? mails.map(({ link }) => link) : undefined;
    });
    const answers = await Promise.all(links.map((link) => follow(stage, link)));
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', '409', '409', '409', '409', '409']);
    const rows = await world.query('select 1 from directory.addresses where address_key = $1 and confirmed', [email]);
    expect(rows).toHaveLength(1);
  });

  test('the mail to an address that an account adds does not say that somebody registered', async () => {
    const [who, email] = [await active(), `${fresh('added_')}@example.org`];
    arranged(await change(stage, who, who.name, { email }), 204);
    const textTo = (to: string) =>
      until(`a mail to ${to}`, async () => (await world.mails()).find((mail) => mail.to === to)?.text);
    expect(await textTo(email)).toContain(`gave this address for the account "${who.name}"`);
    expect(await textTo(email)).not.toContain('registered');
    expect(await textTo(who.email)).toContain(`registered the account "${who.name}"`);
  });

  test('a name that several want at once is given to one', async () => {
    const wanted = person();
    const names = await Promise.all(
      Array.from({ length: 8 }, () => registerPerson(stage, { ...wanted, email: `${fresh('mail_')}@example.org` })),
    );
    expect(names.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(names.filter(({ status }) => status === 400)).toHaveLength(7);
    for (const answer of names.filter(({ status }) => status === 400)) expect(whole(answer)).toEqual(taken);
  });

  test('a namespace that an import brought is reserved: its name cannot be registered, and only admins push there', async () => {
    const [who, namespace] = [await active(), fresh('reserved_')];
    await world.importRepositories([{ name: `${namespace}/tool` }]);
    expect(whole(await registerPerson(stage, person(namespace)))).toEqual(taken);
    expect(whole(await registerPerson(stage, person('library')))).toEqual(taken);
    const put = (by: Credentials) =>
      stage.send({
        method: 'PUT',
        target: `/v1/repositories/${namespace}/tool/`,
        headers: headersWith(basic(by)),
        body: '[]',
      });
    expect(await put(who)).toMatchObject({ status: 403 });
    expect(await put(world.admin)).toMatchObject({ status: 200 });
  });

  test('a change of the address adds one that is to be confirmed too; the old one stays', async () => {
    const [who, email] = [await active(), `${fresh('second_')}@example.org`];
    expect(whole(await change(stage, who, who.name, { email }))).toEqual(changed);
    expect(whole(await change(stage, who, who.name, { email: email.toUpperCase() }))).toEqual(changed);
    expect(await addressesOf(who)).toEqual([
      { address: who.email, confirmed: true },
      { address: email, confirmed: false },
    ]);
    arranged(await follow(stage, await linkFor(world, email)), 200);
    expect(await addressesOf(who)).toEqual([
      { address: who.email, confirmed: true },
      { address: email, confirmed: true },
    ]);
    expect(whole(await login(stage, who))).toEqual(ok);
    expect(whole(await change(stage, who, who.name, { email: (await active()).email }))).toEqual(taken);
  });

  test('a changed password counts at once in the process that did not change it', async () => {
    const who = await active();
    const [here = '', there = ''] = world.urls;
    const at = (url: string) => ({ send: (request: Parameters<Stage['send']>[0]) => exchange(url, request) });
    // Both processes remember the old password.
    for (const url of [here, there]) expect(whole(await login(at(url), who))).toEqual(ok);
    const renewed = { ...who, password: 'another password' };
    expect(whole(await change(at(here), who, who.name, { password: renewed.password }))).toEqual(changed);
    for (const url of [there, here]) {
      expect(whole(await login(at(url), who))).toEqual(wrongCredentials);
      expect(whole(await login(at(url), renewed))).toEqual(ok);
    }
  });

  test('only the person and an admin change an account, and only an admin is told which there are', async () => {
    const [who, stranger, waiting] = [await active(), await active(), person()];
    arranged(await registerPerson(stage, waiting), 201);
    const password = { password: 'another password' };
    expect(whole(await change(stage, stranger, who.name, password))).toEqual(forbidden);
    expect(whole(await change(stage, stranger, 'nobody_at_all', password))).toEqual(forbidden);
    expect(whole(await change(stage, waiting, waiting.name, password))).toEqual(inactive);
    expect(whole(await change(stage, { ...who, password: 'wrong' }, who.name, password))).toEqual(wrongCredentials);
    expect(whole(await change(stage, world.admin, 'nobody_at_all', password))).toEqual(
      wholly(404, { error: 'there is no account nobody_at_all' }),
    );
    expect(whole(await login(stage, who))).toEqual(ok);
    expect(whole(await change(stage, world.admin, who.name, password))).toEqual(changed);
    expect(whole(await login(stage, { ...who, ...password }))).toEqual(ok);
  });

  test.each<[string, object, object]>([
    ['nothing', {}, { error: 'email or password is needed' }],
    ['a list', [], { error: 'Invalid input: expected object, received array' }],
    ['no address', { email: 'x' }, { error: 'email: must be an e-mail address', field: 'email' }],
    [
      'a password of 73 bytes',
      { password: 'x'.repeat(73) },
      { error: 'password: must have at most 72 bytes', field: 'password' },
    ],
  ])('a change to %s is refused', async (_what, body, error) => {
    const who = await active();
    expect(whole(await change(stage, who, who.name, body))).toEqual(wholly(400, error));
  });

  test('who is an admin is told by the mark on the account and not by its name', async () => {
    const put = (by: Credentials) =>
      stage.send({
        method: 'PUT',
        target: `/v1/repositories/library/${fresh('official-')}/`,
        headers: headersWith(basic(by)),
        body: '[]',
      });
    const mark = (isAdmin: boolean) =>
      world.query('update directory.accounts set is_admin = $2 where name = $1', [world.admin.name, isAdmin]);
    const other = person();
    const made = await world.verb(
      ['user', 'create', other.name, '--email', other.email, '--admin'],
      `${other.password}\n`,
    );
    expect(made).toMatchObject({ status: 0, stdout: `admin ${other.name} created\n` });
    arranged(await registerPerson(stage, person('administrator')), 201);
    expect(await put(world.admin)).toMatchObject({ status: 200 });
    await mark(false);
    expect(await put(world.admin)).toMatchObject({ status: 403 });
    expect(await put(other)).toMatchObject({ status: 200 });
    await mark(true);
    expect(await put(await active())).toMatchObject({ status: 403 });
  });

  test('nothing in the log is secret or personal: no name, no address, no password or hash, no client', async () => {
    const who = await active();
    arranged(
      await change(stage, who, who.name, { email: `${fresh('third_')}@example.org`, password: 'the next password' }),
      204,
    );
    const leaks = await world.query(
      `with words as (
         select name as word from directory.accounts where name <> 'admin'
         union all select address from directory.addresses
         union all select password_hash from directory.accounts
         union all select unnest($1::text[])
       )
       select e.type, w.word from es.events e join words w
         on strpos(lower(e.data::text || e.metadata::text || e.stream_id), lower(w.word)) > 0`,
      [['127.0.0.1', '::1', 'a client with a name of its own', who.password, 'the next password', '@example.org']],
    );
    expect(leaks).toEqual([]);
    // The control: it is known beside the log, where it can be erased.
    const contexts = await world.query<{ ip: string }>(
      `select distinct ip from es.request_contexts where user_agent = 'a client with a name of its own'`,
    );
    expect(contexts).toEqual([{ ip: '127.0.0.1' }]);
  });

  async function streamOf(account: { readonly id: string } | undefined): Promise<string[]> {
    const rows = await world.query<{ type: string }>(
      `select type from es.events where stream_id = 'account-' || $1
       and type in ('AccountRegistered', 'RegistrationLapsed') order by version`,
      [account?.id],
    );
    return rows.map(({ type }) => type);
  }

  async function addressesOf({ name }: Person) {
    return world.query(
      `select d.address, d.confirmed from directory.addresses d join directory.accounts a on a.id = d.account_id
       where a.name = $1 order by d.added_at`,
      [name],
    );
  }
});

describe('where activation is open', () => {
  let world: System;

  beforeAll(async () => {
    world = await createWorld({ environment: { ACCOUNT_ACTIVATION: 'open' } });
  });

  afterAll(() => world?.stop());

  test('an account is active when it is registered, and nobody gets a mail', async () => {
    const stage = { send: inTurn(world.urls) };
    const who = person();
    expect(whole(await registerPerson(stage, who))).toEqual(created);
    expect(whole(await login(stage, who))).toEqual(ok);
    arranged(await change(stage, who, who.name, { email: `${fresh('second_')}@example.org` }), 204);
    expect(await eventsOf(world, who.name)).toEqual([
      'AccountRegistered',
      'AddressAdded',
      'AccountActivated',
      'AddressAdded',
    ]);
    await until('the mail follower is at the end of the log', async () => {
      const [row] = await world.query<{ done: boolean }>(
        `select position = (select max(position) from es.events) as done from es.projections where name = 'mail'`,
      );
      return row?.done;
    });
    expect(await world.mails()).toEqual([]);
  });
});

describe('where registration is closed and a password costs what it should', () => {
  let world: System;
  let stage: Sender;

  beforeAll(async () => {
    world = await createWorld({ projectors: 0, environment: { REGISTRATION: 'closed', PASSWORD_COST: '11' } });
    stage = { send: inTurn(world.urls) };
  });

  afterAll(() => world?.stop());

  test('registering is 401, which sends a client on to log in; the console still makes accounts', async () => {
    const who = person();
    const closed = { error: 'registration is closed; ask an admin of this index for an account' };
    expect(whole(await registerPerson(stage, who))).toEqual(wholly(401, closed, challenge));
    expect(whole(await login(stage, who))).toEqual(wrongCredentials);
    const made = await world.verb(['user', 'create', who.name, '--email', who.email], `${who.password}\n`);
    expect(made).toMatchObject({ status: 0 });
    expect(whole(await login(stage, who))).toEqual(ok);
    const again = await world.verb(['user', 'create', who.name, '--email', who.email], `${who.password}\n`);
    expect(again).toEqual({
      status: 1,
      stdout: '',
      stderr: 'docket user create: the name or the address belongs to another account\n',
    });
  });

  test('more wrong passwords than can be checked are turned away, and the rest of the index goes on', async () => {
    const answers: Answer[] = [];
    // Not waited for: those that wait for their turn would take long, and end with the process.
    for (let number = 0; number < 400; number++) {
      login(stage, { name: fresh('nobody_'), password: 'wrong' }).then(
        (answer) => answers.push(answer),
        () => undefined,
      );
    }
    // A slow machine may first answer another 503 to a login that waits too long for a connection.
    const refused = await until('the queue is full', () =>
      answers.find(({ status, body }) => status === 503 && body.includes('more to do')),
    );
    expect(whole(refused)).toEqual(
      wholly(503, { error: 'Docket has more to do than it can; try again in a moment' }, { 'retry-after': '1' }),
    );
    // Behind the logins that wait a ping would take a multiple of this.
    for (let time = 0; time < 5; time++) {
      const began = performance.now();
      expect(await get(stage, '/v1/_ping')).toMatchObject({ status: 200, body: 'true' });
      expect(performance.now() - began).toBeLessThan(5_000);
    }
    const statuses = new Set(answers.map(({ status }) => status));
    expect([401, 503]).toEqual(expect.arrayContaining([...statuses]));
  });
});
