/** What may happen to an account. Names, addresses and passwords themselves never come this far: only the ids that stand for them. */
import { absentAccount, evolveAccount } from '@docket/shared/accounts';
import type { Account, AccountEvent } from '@docket/shared/accounts';
import type { Decider } from '@docket/shared/decider';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';

export type AccountCommand =
  | {
      readonly type: 'Register';
      readonly namespaceId: string;
      readonly addressId: string;
      readonly isAdmin: boolean;
      /** `mail`: active when the address is confirmed. `at_once`: activation is open. `vouched`: an operator knows the address. */
      readonly activation: 'mail' | 'at_once' | 'vouched';
    }
  | {
      readonly type: 'ChangeDetails';
      readonly addedAddressId: string | undefined;
      readonly confirmation: 'mail' | 'none';
      readonly changesPassword: boolean;
    }
  | { readonly type: 'ConfirmAddress'; readonly addressId: string }
  /** The account was not confirmed in time, and somebody else wants its name or address. */
  | { readonly type: 'Lapse' };

export const accountDecider: Decider<Account, AccountCommand, AccountEvent> = {
  initial: absentAccount,
  decide,
  evolve: evolveAccount,
};

function decide(state: Account, command: AccountCommand): readonly AccountEvent[] | Refusal {
  switch (command.type) {
    case 'Register':
      return state.status === 'absent' ? register(command) : refuse('name_taken', 'the account exists');
    case 'ChangeDetails':
      return changeDetails(state, command);
    case 'ConfirmAddress':
      return confirmAddress(state, command.addressId);
    case 'Lapse':
      return state.status === 'inactive' ? [{ type: 'RegistrationLapsed', data: {} }] : [];
  }
}

function register({ namespaceId, addressId, isAdmin, activation }: Extract<AccountCommand, { type: 'Register' }>) {
  const address_id = addressId;
  const confirmation = activation === 'mail' ? 'mail' : 'none';
  const events: AccountEvent[] = [
    { type: 'AccountRegistered', data: { namespace_id: namespaceId, is_admin: isAdmin } },
    { type: 'AddressAdded', data: { address_id, confirmation } },
  ];
  if (activation === 'vouched') events.push({ type: 'AddressConfirmed', data: { address_id } });
  if (activation !== 'mail') events.push({ type: 'AccountActivated', data: {} });
  return events;
}

function changeDetails(
  state: Account,
  { addedAddressId, confirmation, changesPassword }: Extract<AccountCommand, { type: 'ChangeDetails' }>,
): readonly AccountEvent[] | Refusal {
  if (state.status === 'absent' || state.status === 'lapsed') return noAccount;
  const events: AccountEvent[] = [];
  if (addedAddressId !== undefined) {
    events.push({ type: 'AddressAdded', data: { address_id: addedAddressId, confirmation } });
  }
  if (changesPassword) {
    events.push({ type: 'PasswordChanged', data: { credential_version: state.credential_version + 1 } });
  }
  return events;
}

function confirmAddress(state: Account, addressId: string): readonly AccountEvent[] | Refusal {
  if (state.status === 'absent' || state.status === 'lapsed') return noAccount;
  const address = state.addresses.find(({ id }) => id === addressId);
  if (!address) return refuse('not_found', 'the address does not belong to the account any more');
  return [
    ...(address.confirmed
      ? []
      : [{ type: 'AddressConfirmed', data: { address_id: addressId } } satisfies AccountEvent]),
    ...(state.status === 'inactive' ? [{ type: 'AccountActivated', data: {} } satisfies AccountEvent] : []),
  ];
}

const noAccount = refuse('not_found', 'there is no such account');
