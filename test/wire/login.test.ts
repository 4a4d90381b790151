import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { commonWorld } from '../support/common-world.ts';
import { basic, fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account, System, World } from '../support/world.ts';
import { branches, logins } from './logins.ts';
import type { Branch } from './logins.ts';
import { play } from './script.ts';

let open: World;
let closed: System;
let active: Account;
let inactive: Account;
let activeInClosed: Account;

beforeAll(async () => {
  [open, closed] = await Promise.all([
    commonWorld(),
    createWorld({ api: 2, projectors: 0, environment: { REGISTRATION: 'closed' } }),
  ]);
  active = await open.createAccount();
  inactive = await open.createAccount(fresh('inactive_'), { active: false });
  activeInClosed = await accountOfOperator(closed);
});

afterAll(() => Promise.all([open?.stop(), closed?.stop()]));

async function accountOfOperator(world: System): Promise<Account> {
  const account = { id: '', name: fresh('closed_'), password: fresh(''), email: `${fresh('')}@example.org` };
  const made = await world.verb(['user', 'create', account.name, '--email', account.email], `${account.password}\n`);
  if (made.status !== 0) throw new Error(made.stderr);
  return account;
}

function cast(branch: Branch): { readonly world: World; readonly account: Account } {
  const wrong = randomBytes(8).toString('hex');
  switch (branch) {
    case 'new':
      return {
        world: open,
        account: { id: '', name: fresh('new_'), password: fresh(''), email: `${fresh('new')}@example.org` },
      };
    case 'known':
      return { world: open, account: active };
    case 'inactive':
      return { world: open, account: inactive };
    case 'wrong password':
      return { world: open, account: { ...active, password: wrong } };
    case 'inactive and wrong':
      return { world: open, account: { ...inactive, password: wrong } };
    case 'registration closed':
      return { world: closed, account: activeInClosed };
  }
}

const cases = branches.flatMap((branch) =>
  logins.flatMap(({ client, steps }) => {
    const told = steps[branch];
    return told === undefined ? [] : [{ branch, name: client.name, steps: told }];
  }),
);

describe('rows 9 and 20 to 24', () => {
  test.each(cases)('$name logs in ($branch), through several processes in turn', async ({ branch, steps }) => {
    const { world, account } = cast(branch);
    const played = play(steps, {
      urls: world.urls,
      host: 'index.docker.io',
      fullName: '',
      words: {
        basic: basic(account),
        username: account.name,
        password: account.password,
        email: account.email,
      },
    });
    await expect(played).resolves.toBe(steps.length);
  });
});
