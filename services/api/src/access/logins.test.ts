import { createLog } from '@docket/runtime/log';
import { namespaceName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { RateLimiter } from '@docket/store/rate-limits';
import { expect, it } from 'vitest';

import type { AccountRow } from './accounts.ts';
import { logins } from './logins.ts';
import type { LoginOptions, Logins } from './logins.ts';

const account: AccountRow = {
  id: '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11',
  namespaceId: '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e12',
  name: namespaceName.parse('samuel'),
  isAdmin: false,
  status: 'active',
  passwordHash: 'the right one',
  credentialVersion: 1,
};

const here = { client: '192.0.2.1', ip: '192.0.2.1' };
const elsewhere = { client: '198.51.100.7', ip: '198.51.100.7' };

/** The table of the database, as several processes see it. */
type Table = Map<string, number>;

function limiter(table: Table, name: string, max: number): RateLimiter {
  const usedUp = { max, untilMs: Date.now() + 900_000 };
  const reached = (key: string) => ((table.get(`${name}:${key}`) ?? 0) >= max ? usedUp : undefined);
  return {
    take: async (key) => {
      const before = reached(key);
      table.set(`${name}:${key}`, (table.get(`${name}:${key}`) ?? 0) + 1);
      return before;
    },
    look: async (key) => ({ counted: table.get(`${name}:${key}`) ?? 0, usedUp: reached(key) }),
    known: reached,
    giveBack: async (key) => void table.set(`${name}:${key}`, (table.get(`${name}:${key}`) ?? 0) - 1),
    forget: async (key) => void table.delete(`${name}:${key}`),
  };
}

interface Who {
  readonly name?: string;
  readonly account?: AccountRow | undefined;
}

const known = () => Promise.resolve(account);
const unknown = () => Promise.resolve(undefined);

/** A door with few guesses, and with what of it a test means to be otherwise. */
function judging(table: Table, told: Partial<LoginOptions>, max = { account: 2, client: 9 }): Logins['judge'] {
  return logins({
    passwords: { refusal: () => undefined, isRight: async (password, hash) => password === hash },
    rates: {
      loginFailures: limiter(table, 'login', max.account),
      clientLoginFailures: limiter(table, 'client', max.client),
      sameFailures: limiter(table, 'same', 1),
    },
    secret: 's'.repeat(32),
    heldBack: { stepMs: 0, msMax: 0 },
    log: createLog({ name: 'test', level: 'silent' }),
    onOutcome: () => undefined,
    ...told,
  }).judge;
}

function door(table: Table = new Map(), heldBack = { stepMs: 0, msMax: 0 }) {
  const outcomes: string[] = [];
  const compared: string[] = [];
  const told: Partial<LoginOptions> = {
    passwords: {
      refusal: () => undefined,
      isRight: async (password, hash, { refusal }) => {
        const refused = refusal();
        if (refused) return refused;
        compared.push(password);
        return password === hash;
      },
    },
    heldBack,
    onOutcome: (outcome) => outcomes.push(outcome),
  };
  const judge = judging(table, told, { account: 3, client: 5 });
  const found = { count: 0 };
  const tries = async (password: string, from = here, who: Who = {}): Promise<string> => {
    const { name = 'samuel' } = who;
    const findAccount = async () => {
      found.count += 1;
      return 'account' in who ? who.account : account;
    };
    const judged = await judge({ name, password, from, findAccount });
    if (isRefusal(judged)) return judged.message.replace(/ in \d+ .*/, '');
    return judged === 'wrong' ? 'wrong' : 'right';
  };
  return { outcomes, compared, found, tries };
}

const limited = 'too many wrong passwords for this account from your address; try again';

it('refuses after a few failures without comparing, the right password too, and lets it in from elsewhere', async () => {
  const { tries, compared, found, outcomes } = door();
  for (const guess of ['a', 'b', 'c']) expect(await tries(guess)).toBe('wrong');
  expect(await tries('d')).toBe(limited);
  expect(await tries('the right one')).toBe(limited);
  expect(await tries('the right one', elsewhere)).toBe('right');
  expect(compared).toEqual(['a', 'b', 'c', 'the right one']);
  // What is refused is not looked up either.
  expect(found.count).toBe(4);
  expect(outcomes).toEqual(['failure', 'failure', 'failure', 'limited', 'limited', 'success']);
});

it('lets a remembered right password in while others guess from the same address', async () => {
  const { tries, outcomes } = door();
  expect(await tries('the right one')).toBe('right');
  for (const guess of ['a', 'b', 'c', 'd']) await tries(guess);
  expect(await tries('the right one')).toBe('right');
  expect(outcomes.at(-1)).toBe('remembered');
});

it('refuses what the owner was right with elsewhere, and tells no guess from another', async () => {
  const { tries } = door();
  for (const guess of ['a', 'b', 'c']) await tries(guess);
  expect(await tries('the right one', elsewhere)).toBe('right');
  for (const guess of ['d', 'the right one', 'e']) expect(await tries(guess)).toBe(limited);
  expect(await tries('the right one', elsewhere)).toBe('right');
});

it('believes no more what it remembers from an address when guesses from there do not end', async () => {
  const { tries } = door();
  expect(await tries('the right one')).toBe('right');
  for (let guess = 0; guess < 3 + 9; guess += 1) await tries(`guess ${guess}`);
  expect(await tries('the right one')).toBe('right');
  await tries('one more');
  expect(await tries('the right one')).toBe(limited);
  expect(await tries('the right one', elsewhere)).toBe('right');
});

it('refuses a client that guesses at many accounts, and lets others at the same accounts in', async () => {
  const { tries } = door();
  for (const name of ['anna', 'bert', 'carl', 'dora', 'emil'])
    expect(await tries('a', here, { name, account: undefined })).toBe('wrong');
  expect(await tries('the right one')).toBe('too many wrong passwords from your address; try again');
  expect(await tries('the right one', elsewhere)).toBe('right');
});

it('counts the same wrong password once, also when it comes to another process', async () => {
  const table: Table = new Map();
  const [one, other] = [door(table), door(table)];
  for (let time = 0; time < 5; time += 1) {
    expect(await one.tries('secret of yesterday')).toBe('wrong');
    expect(await other.tries('secret of yesterday')).toBe('wrong');
  }
  expect([...table].filter(([key]) => key.startsWith('login'))).toEqual([['login:samuel 192.0.2.1', 1]]);
  expect(one.compared).toHaveLength(1);
  expect(one.outcomes).toEqual(['failure', 'repeated', 'repeated', 'repeated', 'repeated']);
  expect(await other.tries('the right one')).toBe('right');
});

it('believes a password that was right only as long as it is the password', async () => {
  const { tries, compared } = door();
  expect(await tries('the right one')).toBe('right');
  const changed = { ...account, credentialVersion: 2, passwordHash: 'another' };
  expect(await tries('the right one', here, { account: changed })).toBe('wrong');
  expect(
    await tries('the right one', here, {
      account: { ...changed, credentialVersion: 3, passwordHash: 'the right one' },
    }),
  ).toBe('right');
  expect(compared).toHaveLength(3);
});

it('counts failures of all processes together', async () => {
  const table: Table = new Map();
  const [one, other] = [door(table), door(table)];
  await one.tries('a');
  await other.tries('b');
  await one.tries('c');
  expect(await other.tries('d')).toBe(limited);
});

it('begins anew after a right password', async () => {
  const { tries } = door();
  await tries('a');
  await tries('b');
  expect(await tries('the right one')).toBe('right');
  for (const guess of ['c', 'd']) expect(await tries(guess)).toBe('wrong');
  expect(await tries('e')).toBe('wrong');
});

it('takes names that cannot be one for one name, and capitals for small letters', async () => {
  const { tries } = door();
  const of = (name: string) => ({ name, account: undefined });
  await tries('a', here, of('no name'));
  await tries('b', here, of('\u0000\u001b[2J'));
  await tries('c', here, of('x'.repeat(10_000)));
  expect(await tries('d', here, of('/'))).toBe(limited);
  const { tries: triesAgain } = door();
  for (const [name, guess] of [
    ['SAMUEL', 'a'],
    ['Samuel', 'b'],
    ['samueL', 'c'],
  ] as const)
    await triesAgain(guess, here, of(name));
  expect(await triesAgain('d')).toBe(limited);
});

it('never compares more than 72 bytes, of which bcrypt would see 72', async () => {
  const { tries, compared } = door();
  expect(await tries('x'.repeat(73), here, { account: { ...account, passwordHash: 'x'.repeat(73) } })).toBe('wrong');
  expect(compared).toEqual([]);
});

it('holds back what costs nothing to answer, the longer the more a client asks at once, and nobody else', async () => {
  const { tries } = door(new Map(), { stepMs: 20, msMax: 100 });
  const tookMs = async (password: string, from = here) => {
    const began = performance.now();
    await tries(password, from);
    return performance.now() - began;
  };
  for (const guess of ['a', 'b', 'c']) await tries(guess);
  const flood = await Promise.all(Array.from({ length: 8 }, () => tookMs('d')));
  // Timers may be a millisecond early.
  for (const [index, took] of flood.entries()) expect(took).toBeGreaterThanOrEqual(Math.min(100, 20 * (index + 1)) - 2);
  await tries('a', elsewhere);
  const again = await Promise.all([1, 2, 3].map(() => tookMs('a', elsewhere)));
  for (const [index, took] of again.entries()) expect(took).toBeGreaterThanOrEqual(20 * (index + 1) - 2);
});

it('compares once for requests that come at once', async () => {
  const { tries, compared, outcomes } = door();
  const answers = await Promise.all(Array.from({ length: 6 }, () => tries('a')));
  expect(answers).toEqual(answers.map(() => 'wrong'));
  expect(compared).toEqual(['a']);
  expect(outcomes).toEqual(['failure']);
});

it('writes one line for a failure, with the name of an account whole and of nobody but its beginning', async () => {
  const lines: Record<string, unknown>[] = [];
  const judge = judging(new Map(), {
    passwords: { refusal: () => undefined, isRight: () => Promise.resolve<boolean | Refusal>(false) },
    log: { ...createLog({ name: 'test', level: 'silent' }), info: (fields: object) => void lines.push({ ...fields }) },
  });
  await judge({ name: 'samuel', password: 'a', findAccount: known, from: here });
  for (const guess of ['b', 'c', 'd']) await judge({ name: 'samuel', password: guess, findAccount: known, from: here });
  await judge({ name: '\u001b[2Jhunter2', password: 'a', findAccount: unknown, from: elsewhere });
  expect(lines).toEqual([
    { account: 'samuel', ip: '192.0.2.1', reason: 'wrong password' },
    { account: 'samuel', ip: '192.0.2.1', reason: 'wrong password', refused_for_seconds: expect.any(Number) },
    { account: '??2…', ip: '198.51.100.7', reason: 'unknown name' },
  ]);
});

it('looks nothing up for a client whose line is full, but who was right there goes on', async () => {
  const line = { isFull: false };
  const judge = judging(new Map(), {
    passwords: {
      refusal: () => (line.isFull ? refuse('rate_limited', 'full') : undefined),
      isRight: async (password, hash) => password === hash,
    },
  });
  const attempt = { name: 'samuel', password: 'the right one', from: here, findAccount: known };
  expect(await judge(attempt)).toEqual(account);
  line.isFull = true;
  expect(await judge(attempt)).toEqual(account);
  const findAccount = () => Promise.reject(new Error('looked up'));
  expect(await judge({ ...attempt, password: 'a', findAccount })).toMatchObject({ message: 'full' });
  expect(await judge({ ...attempt, from: elsewhere, findAccount })).toMatchObject({ message: 'full' });
});

it('hands on that too many wait, and counts nothing', async () => {
  const table: Table = new Map();
  const busy = refuse('overloaded', 'full');
  const judge = judging(table, {
    passwords: { refusal: () => undefined, isRight: () => Promise.resolve<boolean | Refusal>(busy) },
  });
  expect(await judge({ name: 'samuel', password: 'a', findAccount: known, from: here })).toEqual(busy);
  expect([...table]).toEqual([]);
});
