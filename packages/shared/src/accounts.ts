/**
 * An account: its events, and the state that they add up to. Names, addresses and password hashes are not in them: they can be
 * erased, the log cannot. They stand in the tables of `store`, under the ids that the events carry.
 */
import { z } from 'zod';

export const accountEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('AccountRegistered'),
    data: z.object({ namespace_id: z.uuid(), is_admin: z.boolean() }),
  }),
  z.object({
    type: z.literal('AddressAdded'),
    /** `confirmation`: whether a mail with a link is to be sent to it. */
    data: z.object({ address_id: z.uuid(), confirmation: z.enum(['mail', 'none']) }),
  }),
  z.object({ type: z.literal('AddressConfirmed'), data: z.object({ address_id: z.uuid() }) }),
  z.object({ type: z.literal('AccountActivated'), data: z.object({}) }),
  z.object({ type: z.literal('PasswordChanged'), data: z.object({ credential_version: z.int().positive() }) }),
  /** Nobody confirmed in time: the name and the address are free again. */
  z.object({ type: z.literal('RegistrationLapsed'), data: z.object({}) }),
]);
export type AccountEvent = z.infer<typeof accountEvent>;

interface Address {
  readonly id: string;
  readonly confirmed: boolean;
}

export type Account =
  | { readonly status: 'absent' }
  | {
      readonly status: 'inactive' | 'active' | 'lapsed';
      readonly namespace_id: string;
      readonly is_admin: boolean;
      readonly addresses: readonly Address[];
      readonly credential_version: number;
    };

export const absentAccount: Account = { status: 'absent' };

export function evolveAccount(state: Account, event: AccountEvent): Account {
  if (event.type === 'AccountRegistered') {
    return { status: 'inactive', ...event.data, addresses: [], credential_version: 1 };
  }
  if (state.status === 'absent') return state;
  switch (event.type) {
    case 'AddressAdded':
      return { ...state, addresses: [...state.addresses, { id: event.data.address_id, confirmed: false }] };
    case 'AddressConfirmed': {
      const addresses = state.addresses.map((address) =>
        address.id === event.data.address_id ? { ...address, confirmed: true } : address,
      );
      return { ...state, addresses };
    }
    case 'AccountActivated':
      return { ...state, status: 'active' };
    case 'PasswordChanged':
      return { ...state, credential_version: event.data.credential_version };
    case 'RegistrationLapsed':
      return { ...state, status: 'lapsed' };
  }
}
