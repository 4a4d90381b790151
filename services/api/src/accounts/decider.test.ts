import { accountEvent } from '@docket/shared/accounts';
import type { AccountEvent } from '@docket/shared/accounts';
import { fold } from '@docket/shared/decider';
import { specification } from '@docket/shared/decider.testing';
import { isRefusal } from '@docket/shared/refusal';
import type { RefusalCode } from '@docket/shared/refusal';
import { describe, expect, it } from 'vitest';

import { accountDecider } from './decider.ts';
import type { AccountCommand } from './decider.ts';

const { given } = specification(accountDecider);

const namespaceId = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11';
const first = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e12';
const second = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e13';

const registered = (is_admin = false): AccountEvent => ({
  type: 'AccountRegistered',
  data: { namespace_id: namespaceId, is_admin },
});
const addressAdded = (address_id: string, confirmation: 'mail' | 'none' = 'mail'): AccountEvent => ({
  type: 'AddressAdded',
  data: { address_id, confirmation },
});
const confirmed = (address_id: string): AccountEvent => ({ type: 'AddressConfirmed', data: { address_id } });
const activated: AccountEvent = { type: 'AccountActivated', data: {} };
const passwordChanged = (credential_version: number): AccountEvent => ({
  type: 'PasswordChanged',
  data: { credential_version },
});
const lapsed: AccountEvent = { type: 'RegistrationLapsed', data: {} };

const register: AccountCommand = {
  type: 'Register',
  namespaceId,
  addressId: first,
  isAdmin: false,
  activation: 'mail',
};
const change = (fields: { addedAddressId?: string; changesPassword?: boolean }): AccountCommand => ({
  type: 'ChangeDetails',
  addedAddressId: fields.addedAddressId,
  confirmation: 'mail',
  changesPassword: fields.changesPassword ?? false,
});
const confirm = (addressId: string): AccountCommand => ({ type: 'ConfirmAddress', addressId });

const states = {
  'never was': [],
  'waits for its link to be followed': [registered(), addressAdded(first)],
  'is active': [registered(), addressAdded(first), confirmed(first), activated],
  'is active without a confirmed address': [registered(), addressAdded(first, 'none'), activated],
  'was not confirmed in time': [registered(), addressAdded(first), lapsed],
} satisfies Record<string, readonly AccountEvent[]>;
type StateName = keyof typeof states;

const commands = {
  'is registered': register,
  'gets another address': change({ addedAddressId: second }),
  'gets another password': change({ changesPassword: true }),
  'gets another address and password': change({ addedAddressId: second, changesPassword: true }),
  'gets nothing new': change({}),
  'confirms its address': confirm(first),
  'confirms an address that it does not have': confirm(second),
  lapses: { type: 'Lapse' },
} satisfies Record<string, AccountCommand>;
type CommandName = keyof typeof commands;

const changes = {
  'is registered': 'name_taken',
  'gets another address': [addressAdded(second)],
  'gets another password': [passwordChanged(2)],
  'gets another address and password': [addressAdded(second), passwordChanged(2)],
  'gets nothing new': [],
  'confirms an address that it does not have': 'not_found',
} satisfies Partial<Record<CommandName, readonly AccountEvent[] | RefusalCode>>;
const nothing = {
  'gets another address': 'not_found',
  'gets another password': 'not_found',
  'gets another address and password': 'not_found',
  'gets nothing new': 'not_found',
  'confirms its address': 'not_found',
  'confirms an address that it does not have': 'not_found',
  lapses: [],
} satisfies Partial<Record<CommandName, readonly AccountEvent[] | RefusalCode>>;

const decisions: Record<StateName, Record<CommandName, readonly AccountEvent[] | RefusalCode>> = {
  'never was': { ...nothing, 'is registered': [registered(), addressAdded(first)] },
  'waits for its link to be followed': {
    ...changes,
    'confirms its address': [confirmed(first), activated],
    lapses: [lapsed],
  },
  'is active': { ...changes, 'confirms its address': [], lapses: [] },
  'is active without a confirmed address': { ...changes, 'confirms its address': [confirmed(first)], lapses: [] },
  'was not confirmed in time': { ...nothing, 'is registered': 'name_taken' },
};

const table = Object.entries(states).flatMap(([state, events]) =>
  Object.entries(commands).map(([what, command]) => ({ state, events, what, command })),
);

it.each(table)('an account that $state $what', ({ state, events, what, command }) => {
  const row = Object.entries(decisions).find(([key]) => key === state)?.[1] ?? {};
  const expected = Object.entries(row).find(([key]) => key === what)?.[1];
  const outcome = accountDecider.decide(fold(accountDecider.evolve, accountDecider.initial, events), command);
  expect(isRefusal(outcome) ? outcome.refused : outcome).toEqual(expected);
});

describe('registering', () => {
  it('is active at once where activation is open, with an address that nobody confirmed', () => {
    given()
      .when({ ...register, activation: 'at_once' })
      .thenEvents(registered(), addressAdded(first, 'none'), activated);
  });

  it('is active and confirmed at once by the word of an operator, who may make admins', () => {
    given()
      .when({ ...register, activation: 'vouched', isAdmin: true })
      .thenEvents(registered(true), addressAdded(first, 'none'), confirmed(first), activated);
  });
});

describe('changing', () => {
  it('adds an address without a mail where activation is open', () => {
    given(...states['is active'])
      .when({ type: 'ChangeDetails', addedAddressId: second, confirmation: 'none', changesPassword: false })
      .thenEvents(addressAdded(second, 'none'));
  });

  it('counts the versions of the credentials', () => {
    given(...states['is active'], passwordChanged(2))
      .when(change({ changesPassword: true }))
      .thenEvents(passwordChanged(3));
  });

  it('never removes an address: the first can still be confirmed after the second', () => {
    given(registered(), addressAdded(first), addressAdded(second), confirmed(second), activated)
      .when(confirm(first))
      .thenEvents(confirmed(first));
  });
});

it('tells everything in events that the log can keep and read again', () => {
  const outcomes = table.map(({ events, command }) =>
    accountDecider.decide(fold(accountDecider.evolve, accountDecider.initial, events), command),
  );
  for (const event of outcomes.flatMap((outcome) => (isRefusal(outcome) ? [] : outcome))) {
    expect(accountEvent.parse(JSON.parse(JSON.stringify(event)))).toEqual(event);
  }
});
