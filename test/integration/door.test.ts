/** Who may ask how often, through two API processes behind a proxy: wrong passwords, registrations, mails, searches. */
import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { arranged, basic, fresh, headersWith, inTurn } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { challenge, openly, taken, whole, wholly } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { Account, Credentials, System } from '../support/world.ts';

const failuresMax = 3;
const clientFailuresMax = 7;
const registrationsMax = 4;
const accountMailsMax = 2;
const clientMailsMax = 5;
const domainMailsMax = 6;
const searchesMax = 20;

let world: System;
let send: Stage['send'];

beforeAll(async () => {
  world = await createWorld({
    api: 2,
    environment: {
      TRUSTED_PROXIES: 'loopback',
      LOGIN_FAILURES_MAX: String(failuresMax),
      CLIENT_LOGIN_FAILURES_MAX: String(clientFailuresMax),
      CLIENT_REGISTRATIONS_PER_HOUR: String(registrationsMax),
      ACCOUNT_MAILS_PER_HOUR: String(accountMailsMax),
      CLIENT_MAILS_PER_HOUR: String(clientMailsMax),
      DOMAIN_MAILS_PER_HOUR: String(domainMailsMax),
      CLIENT_SEARCHES_PER_MINUTE: String(searchesMax),
      ACCOUNT_UNCONFIRMED_ADDRESSES_MAX: '0',
    },
  });
  send = inTurn(world.urls);
}, 120_000);

afterAll(() => world?.stop());

let clients = 0;

/** An address that nobody has come from yet. */
function newClient(): string {
  clients += 1;
  return `198.18.${Math.floor(clients / 250)}.${(clients % 250) + 1}`;
}

/** To which no mail has gone yet. */
const newDomain = () => `${fresh('h')}.example`;

interface Asked {
  readonly from: string;
  readonly as?: Credentials | undefined;
  readonly body?: unknown;
}

function ask(method: string, target: string, { from, as, body }: Asked): Promise<Answer> {
  const headers = headersWith(as ? basic(as) : null, ['X-Forwarded-For', from]);
  return send({ method, target, headers, body: body === undefined ? null : JSON.stringify(body) });
}

const login = (as: Credentials, from: string) => ask('GET', '/v1/users/', { from, as });

/** By the console, which no limit holds. */
async function newAccount(): Promise<Account> {
  const name = fresh('person_');
  const account = { id: '', name, password: randomBytes(8).toString('hex'), email: `${name}@${newDomain()}` };
  const made = await world.verb(['user', 'create', name, '--email', account.email], `${account.password}\n`);
  if (made.status !== 0) throw new Error(made.stderr);
  return account;
}

const wrongly = ({ name }: Credentials, password = fresh('wrong')) => ({ name, password });
const wrong = wholly(401, { error: 'wrong name or password' }, challenge);

async function failAs(account: Credentials, from: string, times = failuresMax): Promise<void> {
  for (let time = 0; time < times; time += 1) arranged(await login(wrongly(account), from), 401);
}

const limitHeaders = (limit: number) => ({
  'retry-after': expect.stringMatching(/^\d+$/),
  'x-ratelimit-limit': String(limit),
  'x-ratelimit-remaining': '0',
  'x-ratelimit-reset': expect.stringMatching(/^\d{10}$/),
});

const limited = (sentence: string, limit: number, answer = wholly) =>
  answer(429, { error: expect.stringMatching(new RegExp(`^${sentence}; try again in `)) }, limitHeaders(limit));

const ofAccount = 'too many wrong passwords for this account from your address';
const ofClient = 'too many wrong passwords from your address';

async function counted(key: string): Promise<number> {
  const [row] = await world.query<{ points: number }>('select points from directory.rate_limits where key = $1', [key]);
  return row?.points ?? 0;
}

describe('after a few wrong passwords for an account from one address', () => {
  test('every way in answers 429 in its form, in both processes, to the right password too', async () => {
    const [account, from] = [await newAccount(), newClient()];
    await failAs(account, from);
    const { name, password } = account;
    for (let time = 0; time < 2; time += 1) {
      expect(whole(await login(account, from))).toEqual(limited(ofAccount, failuresMax));
      const v2 = wholly(
        429,
        { message: expect.stringMatching(new RegExp(`^${ofAccount}; try again in 1[45] minutes$`)) },
        limitHeaders(failuresMax),
      );
      const namespaces = await ask('GET', '/v2/namespaces', { from, as: account });
      expect(whole(namespaces)).toEqual(v2);
      expect(whole(await ask('POST', '/v2/users/login', { from, body: { username: name, password } }))).toEqual(v2);
      expect(
        whole(await ask('POST', '/v2/auth/token', { from, body: { identifier: name, secret: password } })),
      ).toEqual(v2);
      const registry = whole(await ask('GET', '/v2/', { from, as: account }));
      const message = expect.stringMatching(new RegExp(`^${ofAccount}; try again in `));
      expect(registry).toEqual(
        wholly(
          429,
          { message, errors: [{ code: 'TOOMANYREQUESTS', message, detail: null }] },
          { ...limitHeaders(failuresMax), 'docker-distribution-api-version': 'registry/2.0' },
        ),
      );
      expect(whole(await ask('GET', '/v2/_catalog', { from, as: account })).status).toBe(429);
      expect(whole(await ask('PUT', `/v1/repositories/${name}/web/`, { from, as: account, body: [] }))).toEqual(
        limited(ofAccount, failuresMax),
      );
    }
  });

  test('Retry-After and X-RateLimit-Reset say the same moment, a quarter of an hour from the first', async () => {
    const [account, from] = [await newAccount(), newClient()];
    const began = Date.now() / 1_000;
    await failAs(account, from);
    const answer = await login(account, from);
    const now = Date.now() / 1_000;
    const [after = '', reset = ''] = ['Retry-After', 'X-RateLimit-Reset'].map((name) => valuesOf(answer, name)[0]);
    expect(Number(reset)).toBeGreaterThanOrEqual(began + 900 - 1);
    expect(Number(reset)).toBeLessThanOrEqual(now + 900 + 1);
    expect(Math.abs(now + Number(after) - Number(reset))).toBeLessThan(3);
  });

  test('the owner gets in from elsewhere, and others from the same address', async () => {
    const [account, other, from] = [await newAccount(), await newAccount(), newClient()];
    await failAs(account, from);
    for (let time = 0; time < 2; time += 1) {
      expect(whole(await login(account, from))).toEqual(limited(ofAccount, failuresMax));
      expect(whole(await login(account, newClient()))).toEqual(wholly(200, 'OK'));
      expect(whole(await login(other, from))).toEqual(wholly(200, 'OK'));
    }
  });

  test('who was right a moment ago goes on', async () => {
    const [account, from] = [await newAccount(), newClient()];
    // Each process remembers for itself.
    for (const _ of world.urls) arranged(await login(account, from), 200);
    await failAs(account, from);
    expect(whole(await login(wrongly(account), from))).toEqual(limited(ofAccount, failuresMax));
    for (const _ of world.urls) expect(whole(await login(account, from))).toEqual(wholly(200, 'OK'));
  });

  test('a right password in time begins the count anew', async () => {
    const [account, from] = [await newAccount(), newClient()];
    await failAs(account, from, failuresMax - 1);
    arranged(await login(account, from), 200);
    expect(await counted(`login:${account.name} ${from}`)).toBe(0);
    await failAs(account, from, failuresMax - 1);
    expect(whole(await login(wrongly(account), from))).toEqual(wrong);
  });

  test('a name that nobody has is counted and refused like any other', async () => {
    const [nobody, from] = [{ name: fresh('nobody_'), password: '' }, newClient()];
    await failAs(nobody, from);
    expect(whole(await login(wrongly(nobody), from))).toEqual(limited(ofAccount, failuresMax));
  });
});

test('the login of docker, POST and then GET, is one failure, in whichever process they end; so is the same password again', async () => {
  const [account, from] = [await newAccount(), newClient()];
  const { name, password } = wrongly(account);
  for (let time = 0; time < 5; time += 1) {
    const body = { username: name, password, email: account.email };
    // The extra requests change which process is asked first.
    if (time % 2 === 1) await ask('GET', '/v1/_ping', { from });
    expect(whole(await ask('POST', '/v1/users/', { from, body }))).toEqual(taken);
    expect(whole(await login({ name, password }, from))).toEqual(wrong);
  }
  expect(await counted(`login:${name} ${from}`)).toBe(1);
  expect(await counted(`client-login:${from}`)).toBe(1);
  expect(await counted(`registration:${from}`)).toBe(0);
  expect(whole(await login(account, from))).toEqual(wholly(200, 'OK'));
});

test('who guesses at many accounts from one address is refused at all of them, and nobody elsewhere is', async () => {
  const [account, from] = [await newAccount(), newClient()];
  for (let time = 0; time < clientFailuresMax; time += 1) await failAs({ name: fresh('any_'), password: '' }, from, 1);
  for (let time = 0; time < 2; time += 1) {
    expect(whole(await login(account, from))).toEqual(limited(ofClient, clientFailuresMax));
    expect(whole(await login(account, newClient()))).toEqual(wholly(200, 'OK'));
  }
});

test('an IPv6 client is its /64, and an IPv4 address is the same however it is written', async () => {
  const account = await newAccount();
  for (const from of ['2001:db8:5:6::1', '2001:db8:5:6:7:8:9:a', '2001:db8:5:6:ffff::']) await failAs(account, from, 1);
  expect(whole(await login(account, '2001:db8:5:6:1234::5'))).toEqual(limited(ofAccount, failuresMax));
  expect(whole(await login(account, '2001:db8:5:7::1'))).toEqual(wholly(200, 'OK'));
  const other = await newAccount();
  for (const from of ['203.0.113.9', '::ffff:203.0.113.9', '::ffff:cb00:7109']) await failAs(other, from, 1);
  expect(whole(await login(other, '203.0.113.9'))).toEqual(limited(ofAccount, failuresMax));
  expect(whole(await login(other, '203.0.113.10'))).toEqual(wholly(200, 'OK'));
});

test('what becomes of passwords is counted for the operator', async () => {
  const [account, from] = [await newAccount(), newClient()];
  const before = await outcomes();
  await failAs(account, from);
  arranged(await login(account, from), 429);
  arranged(await login(account, newClient()), 200);
  const after = await outcomes();
  const grown = Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]));
  expect(grown).toEqual({ success: 1, remembered: 0, inactive: 0, failure: 3, repeated: 0, limited: 1, busy: 0 });
});

/** Of both processes. */
async function outcomes(): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const url of world.urls) {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const [, outcome = '', count] of text.matchAll(/^docket_logins_total\{outcome="(\w+)"\} (\d+)$/gm)) {
      sums[outcome] = (sums[outcome] ?? 0) + Number(count);
    }
  }
  return sums;
}

interface NewPerson {
  readonly name?: string;
  readonly email?: string;
}

async function register(from: string, { name = fresh('new_'), email = `${name}@${newDomain()}` }: NewPerson = {}) {
  const body = { username: name, password: 'a password', email };
  return ask('POST', '/v1/users/', { from, body });
}

const created = wholly(201, 'User Created');
const change = (as: Credentials, from: string, email: string, name = as.name) =>
  ask('PUT', `/v1/users/${name}/`, { from, as, body: { email } });

describe('in an hour', () => {
  test('one address registers a few accounts; a known name is still told there, and others register elsewhere', async () => {
    const [account, from] = [await newAccount(), newClient()];
    for (let time = 0; time < registrationsMax; time += 1) expect(whole(await register(from))).toEqual(created);
    for (let time = 0; time < 2; time += 1) {
      expect(whole(await register(from))).toEqual(
        limited('too many accounts were registered from your address', registrationsMax),
      );
      expect(whole(await register(from, { name: account.name }))).toEqual(taken);
    }
    expect(whole(await register(newClient()))).toEqual(created);
  });

  test('one account has a few mails sent, from wherever, and an admin of the index is not held to it', async () => {
    const account = await newAccount();
    const address = () => `${fresh('some_')}@${newDomain()}`;
    const first = address();
    arranged(await change(account, newClient(), first), 204);
    // What is there already sends nothing.
    arranged(await change(account, newClient(), first), 204);
    arranged(await change(account, newClient(), address()), 204);
    for (let time = 0; time < 2; time += 1) {
      expect(whole(await change(account, newClient(), address()))).toEqual(
        limited('too many mails were sent for this account', accountMailsMax),
      );
    }
    expect(whole(await change(world.admin, newClient(), address(), account.name))).toEqual(wholly(204, undefined));
  });

  test('what is refused sends no mail, and none is counted for it', async () => {
    const [account, other, from] = [await newAccount(), await newAccount(), newClient()];
    for (let time = 0; time <= accountMailsMax; time += 1) {
      expect(whole(await change(account, from, other.email))).toEqual(taken);
    }
    for (let time = 0; time < accountMailsMax; time += 1) {
      arranged(await change(account, from, `${fresh('some_')}@${newDomain()}`), 204);
    }
    expect((await change(account, from, `${fresh('some_')}@${newDomain()}`)).status).toBe(429);
  });

  test('one client causes a few mails, for whatever accounts', async () => {
    const from = newClient();
    const accounts = await Promise.all(Array.from({ length: clientMailsMax + 1 }, newAccount));
    const answers: Answer[] = [];
    for (const account of accounts) answers.push(await change(account, from, `${fresh('a')}@${newDomain()}`));
    expect(answers.map(({ status }) => status)).toEqual([...Array.from({ length: clientMailsMax }, () => 204), 429]);
    const [last] = answers.slice(-1);
    expect(last && whole(last)).toEqual(
      limited('too many mails were sent because of requests from your address', clientMailsMax),
    );
  });

  test('one domain gets a few mails, from whomever, however it is written', async () => {
    const domain = newDomain();
    for (let time = 0; time < domainMailsMax; time += 1)
      arranged(await register(newClient(), { email: `${fresh('a')}@${domain}` }), 201);
    for (const written of [domain, domain.toUpperCase()]) {
      expect(whole(await register(newClient(), { email: `${fresh('a')}@${written}` }))).toEqual(
        limited(`too many mails were sent to addresses of ${domain}`, domainMailsMax),
      );
    }
  });
});

test('searches of one client in a minute have an end; an account has its own, and an admin none', async () => {
  const [account, from] = [await newAccount(), newClient()];
  const search = (as?: Credentials) => ask('GET', '/v1/search?q=x', { from, as });
  for (let time = 0; time < searchesMax; time += 1) arranged(await search(), 200);
  for (let time = 0; time < 2; time += 1) {
    expect(whole(await search())).toEqual(limited('too many searches from here', searchesMax, openly));
    arranged(await search(account), 200);
    arranged(await search(world.admin), 200);
    arranged(await ask('GET', '/v1/search?q=x', { from: newClient() }), 200);
  }
  // What is left of the minute is told in seconds.
  expect(Number(valuesOf(await search(), 'Retry-After')[0])).toBeLessThanOrEqual(60);
});

test('rows whose time is over are deleted when a process starts, and no others', async () => {
  const now = Date.now();
  await world.query(
    `insert into directory.rate_limits select 'old:' || n, 1, $1::bigint from generate_series(1, 2500) n`,
    [now - 3_600_000],
  );
  await world.query(`insert into directory.rate_limits values ('new', 1, $1::bigint)`, [now + 3_600_000]);
  await world.apis[0]?.restart('SIGTERM');
  await until('the old rows are gone', async () => {
    const [row] = await world.query<{ rows: string }>(
      `select count(*) as rows from directory.rate_limits where key like 'old:%'`,
    );
    return row?.rows === '0';
  });
  expect(await counted('new')).toBe(1);
});

test('while the table cannot be asked, each process counts for itself, and nobody is kept out', async () => {
  const [account, from] = [await newAccount(), newClient()];
  await world.query('alter table directory.rate_limits rename to away');
  try {
    const statuses = new Set<number>();
    // Every process has its own count, and the guesses go to them in turn.
    for (let time = 0; time < failuresMax * world.urls.length; time += 1) {
      expect(whole(await login(wrongly(account), from))).toEqual(wrong);
    }
    for (const _ of world.urls) statuses.add((await login(wrongly(account), from)).status);
    expect([...statuses]).toEqual([429]);
    expect(whole(await login(account, newClient()))).toEqual(wholly(200, 'OK'));
    arranged(await ask('GET', '/v1/search?q=x', { from: newClient() }), 200);
  } finally {
    await world.query('alter table directory.away rename to rate_limits');
  }
});

test('while the database is away a login is 503, and is not taken for a failure', async () => {
  const [account, from] = [await newAccount(), newClient()];
  await world.database.stop();
  try {
    for (let time = 0; time < failuresMax + 1; time += 1) {
      expect(await login(wrongly(account), from)).toMatchObject({ status: 503 });
    }
  } finally {
    await world.database.start();
  }
  await until('it is back', async () => (await login(account, from)).status === 200);
});

describe('passwords that wait to be checked', () => {
  const waitingMax = 4;
  let slow: System;
  let askSlow: (method: string, target: string, asked: Asked) => Promise<Answer>;

  beforeAll(async () => {
    slow = await createWorld({
      projectors: 0,
      environment: {
        TRUSTED_PROXIES: 'loopback',
        PASSWORD_COST: '11',
        CLIENT_WAITING_PASSWORDS_MAX: String(waitingMax),
      },
    });
    const sendSlow = inTurn(slow.urls);
    askSlow = (method, target, { from, as, body }) => {
      const headers = headersWith(as ? basic(as) : null, ['X-Forwarded-For', from]);
      return sendSlow({ method, target, headers, body: body === undefined ? null : JSON.stringify(body) });
    };
  }, 120_000);

  afterAll(() => slow?.stop());

  test('wait behind those of the same client: the rest of a flood is refused, and a stranger has the next turn but one', async () => {
    const owner = { name: fresh('owner_'), password: 'the right one' };
    const made = await slow.verb(
      ['user', 'create', owner.name, '--email', `${owner.name}@${newDomain()}`],
      `${owner.password}\n`,
    );
    expect(made).toMatchObject({ status: 0 });
    const from = newClient();
    const answers: Answer[] = [];
    const end = new AbortController();
    const flood = Array.from({ length: 30 }, async () => {
      while (!end.signal.aborted) {
        const as = wrongly({ name: fresh('any_'), password: '' });
        answers.push(await askSlow('GET', '/v1/users/', { from, as }));
      }
    });
    const full = wholly(
      429,
      { error: 'too many passwords from your address wait to be checked; try again in a moment' },
      limitHeaders(waitingMax),
    );
    const refused = () => answers.filter(({ status }) => status === 429);
    const compared = () => answers.length - refused().length;
    try {
      await until('the line is full', () => refused().length > 0);
      const before = compared();
      expect(whole(await askSlow('GET', '/v1/users/', { from: newClient(), as: owner }))).toEqual(wholly(200, 'OK'));
      expect(compared() - before).toBeLessThanOrEqual(3);
      const registration = await until('a registration from there is refused', async () => {
        const body = { username: fresh('new_'), password: 'a password', email: `${fresh('a')}@${newDomain()}` };
        const answer = await askSlow('POST', '/v1/users/', { from, body });
        return answer.status === 429 ? answer : undefined;
      });
      expect(whole(registration)).toEqual(full);
    } finally {
      end.abort();
      await Promise.all(flood);
    }
    for (const answer of refused()) expect(whole(answer)).toEqual(full);
    expect(answers.every(({ status }) => status === 401 || status === 429)).toBe(true);
    expect(whole(await askSlow('GET', '/v1/users/', { from, as: owner }))).toEqual(wholly(200, 'OK'));
  });
});
