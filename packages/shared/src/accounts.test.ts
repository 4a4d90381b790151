import fc from 'fast-check';
import { expect, test } from 'vitest';

import { absentAccount, evolveAccount } from './accounts.ts';
import type { AccountEvent } from './accounts.ts';
import { fold } from './decider.ts';

const addressIds = ['01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a01', '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a02'];
const registered: AccountEvent = {
  type: 'AccountRegistered',
  data: { namespace_id: '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09', is_admin: false },
};
const address = fc.constantFrom(...addressIds);
const others: fc.Arbitrary<AccountEvent> = fc.oneof(
  fc.record({
    type: fc.constant('AddressAdded'),
    data: fc.record({ address_id: address, confirmation: fc.constantFrom('mail', 'none') }),
  }),
  fc.record({ type: fc.constant('AddressConfirmed'), data: fc.record({ address_id: address }) }),
  fc.record({ type: fc.constantFrom('AccountActivated', 'RegistrationLapsed'), data: fc.constant({}) }),
  fc.record({
    type: fc.constant('PasswordChanged'),
    data: fc.record({ credential_version: fc.integer({ min: 2, max: 9 }) }),
  }),
);

test('an account that was never registered stays absent whatever its stream says', () => {
  fc.assert(
    fc.property(fc.array(others), (events) => {
      expect(fold(evolveAccount, absentAccount, events)).toEqual(absentAccount);
    }),
  );
});

test('an account keeps every address that was added, in order, and confirms the ones that it has', () => {
  fc.assert(
    fc.property(fc.array(others), (events) => {
      const account = fold(evolveAccount, absentAccount, [registered, ...events]);
      const added = events.flatMap((event) => (event.type === 'AddressAdded' ? [event.data.address_id] : []));
      expect(account.status === 'absent' ? undefined : account.addresses.map(({ id }) => id)).toEqual(added);
    }),
  );
});

test('the last password that was set is the one that counts', () => {
  fc.assert(
    fc.property(fc.array(others), (events) => {
      const account = fold(evolveAccount, absentAccount, [registered, ...events]);
      const last = events.findLast((event) => event.type === 'PasswordChanged');
      expect(account).toMatchObject({ credential_version: last?.data.credential_version ?? 1 });
    }),
  );
});
