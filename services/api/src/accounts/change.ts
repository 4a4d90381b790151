/**
 * Commands on an account. Each is a transaction of its own: what must be unique (name, address) or true at once (password, activation)
 * is written first, the events last; either all of it counts or nothing.
 */
import type { Quotas } from '@docket/runtime/environment';
import { absentAccount } from '@docket/shared/accounts';
import type { Account } from '@docket/shared/accounts';
import { accountAddressesMax, confirmationHoursMax } from '@docket/shared/limits';
import type { NamespaceName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { accountStream } from '@docket/shared/stored-event';
import type { Transaction } from '@docket/store/connect';
import { readVersion } from '@docket/store/log/read';
import type { AppendCommand } from '@docket/store/log/append';
import { v7 as uuidv7 } from 'uuid';

import { accountOf } from '../access/authenticate.ts';
import type { Caller } from '../access/authenticate.ts';
import type { CommandEnvelope } from '../commands/envelope.ts';
import { transact } from '../commands/transact.ts';
import type { TransactionExecution } from '../commands/transact.ts';
import { accountDecider } from './decider.ts';
import type { AccountCommand } from './decider.ts';
import { addressKey, hasAddress, hoursAgo } from './queries.ts';

export const nameTaken = refuse('name_taken', 'the name or the address belongs to another account');
export const mayNotChange = refuse('forbidden', 'only the person and an admin may change an account');

export interface Registration {
  readonly name: NamespaceName;
  readonly email: string;
  readonly passwordHash: string;
  readonly isAdmin: boolean;
  readonly activation: 'mail' | 'at_once' | 'vouched';
}

export async function registerAccount(
  execution: TransactionExecution,
  registration: Registration,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  const { name, email, passwordHash, isAdmin, activation } = registration;
  const accountId = uuidv7();
  const command = { type: 'Register', namespaceId: uuidv7(), addressId: uuidv7(), isAdmin, activation } as const;
  return transact(execution, envelope, nameTaken, async (transaction) => {
    const lapses = await lapseUnconfirmed(transaction, name, envelope);
    if (await isConfirmedElsewhere(transaction, accountId, email)) return nameTaken;
    const events = accountDecider.decide(accountDecider.initial, command);
    if (isRefusal(events)) return events;
    await transaction
      .insertInto('directory.namespaces')
      .values({ id: command.namespaceId, name, account_id: accountId })
      .execute();
    await transaction
      .insertInto('directory.accounts')
      .values({
        id: accountId,
        namespace_id: command.namespaceId,
        name,
        is_admin: isAdmin,
        status: activation === 'mail' ? 'inactive' : 'active',
        password_hash: passwordHash,
      })
      .execute();
    await addAddress(transaction, { id: command.addressId, accountId, email, confirmed: activation !== 'mail' });
    return [...lapses, { streamId: accountStream(accountId), expectedVersion: 0, events, ...envelope }];
  });
}

export interface Change {
  readonly accountId: string;
  /** An address to add; one that the account has already is no change. */
  readonly email: string | undefined;
  readonly passwordHash: string | undefined;
  readonly confirmation: 'mail' | 'none';
}

export interface ChangeExecution extends TransactionExecution {
  readonly quotas: Pick<Quotas, 'accountUnconfirmedAddressesMax'>;
}

export async function changeAccount(
  execution: ChangeExecution,
  { accountId, email, passwordHash, confirmation }: Change,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  const change = async (transaction: Transaction, present: Caller) => {
    const changing = accountOf(present);
    if (changing?.id !== accountId && !changing?.isAdmin) return mayNotChange;
    const known = email === undefined ? undefined : await hasAddress(transaction, accountId, email);
    const addedAddressId = email === undefined || known ? undefined : uuidv7();
    if (email !== undefined && addedAddressId !== undefined) {
      if (await isConfirmedElsewhere(transaction, accountId, email)) return nameTaken;
      const refusal = await refuseMore(transaction, execution.quotas, { accountId, confirmation, envelope });
      if (refusal) return refusal;
    }
    const changesPassword = passwordHash !== undefined;
    const append = await decideOn(
      transaction,
      accountId,
      { type: 'ChangeDetails', addedAddressId, confirmation, changesPassword },
      envelope,
    );
    if (isRefusal(append)) return append;
    if (addedAddressId !== undefined && email !== undefined) {
      await addAddress(transaction, { id: addedAddressId, accountId, email, confirmed: confirmation === 'none' });
    }
    if (passwordHash !== undefined) {
      await transaction
        .updateTable('directory.accounts')
        .set((account) => ({ password_hash: passwordHash, credential_version: account('credential_version', '+', 1) }))
        .where('id', '=', accountId)
        .execute();
    }
    return append;
  };
  return transact(execution, envelope, nameTaken, change, 'changed');
}

/**
 * Addresses that nobody confirmed in time are dropped first: their links are good no more. An account that is changed by an admin of the
 * index is held to none of it; one that changes itself is locked, so that two at once count each other.
 */
async function refuseMore(
  transaction: Transaction,
  { accountUnconfirmedAddressesMax }: ChangeExecution['quotas'],
  {
    accountId,
    confirmation,
    envelope: { heldTo },
  }: Pick<Change, 'accountId' | 'confirmation'> & { envelope: CommandEnvelope },
): Promise<Refusal | undefined> {
  if (heldTo === undefined) return undefined;
  await transaction
    .deleteFrom('directory.addresses')
    .where('account_id', '=', accountId)
    .where('confirmed', '=', false)
    .where('added_at', '<', hoursAgo(confirmationHoursMax))
    .execute();
  const { all, unconfirmed } = await transaction
    .selectFrom('directory.addresses')
    .select(({ fn }) => [
      fn.countAll<bigint>().as('all'),
      fn.countAll<bigint>().filterWhere('confirmed', '=', false).as('unconfirmed'),
    ])
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  if (confirmation === 'mail' && Number(unconfirmed) >= accountUnconfirmedAddressesMax) {
    return {
      ...refuse(
        'quota_reached',
        `${unconfirmed} of at most ${accountUnconfirmedAddressesMax} addresses of this account wait to be confirmed; ` +
          `follow the link in a mail, or wait ${confirmationHoursMax} hours`,
      ),
      quota: { limit: accountUnconfirmedAddressesMax, left: 0 },
    };
  }
  if (Number(all) < accountAddressesMax) return undefined;
  return {
    ...refuse('quota_reached', `an account may have ${accountAddressesMax} addresses, and this one has ${all}`),
    quota: { limit: accountAddressesMax, left: 0 },
  };
}

export interface Confirmation {
  readonly accountId: string;
  readonly addressId: string;
  readonly linkId: string;
}

const addressTaken = refuse('conflict', 'somebody else has confirmed this address for another account');

/**
 * A link that is followed twice has done its work already, and says so again. Several accounts may wait for one address: who confirms it
 * first has it.
 */
export async function confirmAddress(
  execution: TransactionExecution,
  { accountId, addressId, linkId }: Confirmation,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  return transact(execution, envelope, addressTaken, async (transaction) => {
    await transaction
      .insertInto('directory.spent_links')
      .values({ link_id: linkId })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const append = await decideOn(transaction, accountId, { type: 'ConfirmAddress', addressId }, envelope);
    if (isRefusal(append)) return append;
    await transaction
      .updateTable('directory.addresses')
      .set({ confirmed: true })
      .where('id', '=', addressId)
      .where('account_id', '=', accountId)
      .execute();
    await transaction
      .updateTable('directory.accounts')
      .set({ status: 'active' })
      .where('id', '=', accountId)
      .where('status', '=', 'inactive')
      .execute();
    return append;
  });
}

async function decideOn(
  transaction: Transaction,
  accountId: string,
  command: AccountCommand,
  envelope: CommandEnvelope,
): Promise<AppendCommand[] | Refusal> {
  const { state, version } = await readAccount(transaction, accountId);
  const events = accountDecider.decide(state, command);
  if (isRefusal(events)) return events;
  if (events.length === 0) return [];
  return [{ streamId: accountStream(accountId), expectedVersion: version, events, ...envelope }];
}

/**
 * The state that the events of the account add up to, from the rows that are written with them: whatever an account went through, it
 * costs the same. The version is read first: what is written meanwhile makes the append fail.
 */
async function readAccount(
  transaction: Transaction,
  accountId: string,
): Promise<{ readonly state: Account; readonly version: number }> {
  const version = await readVersion(transaction, accountStream(accountId));
  const account = await transaction
    .selectFrom('directory.accounts')
    .select(['status', 'namespace_id', 'is_admin', 'credential_version'])
    .where('id', '=', accountId)
    .executeTakeFirst();
  if (!account) return { state: absentAccount, version };
  const addresses = await transaction
    .selectFrom('directory.addresses')
    .select(['id', 'confirmed'])
    .where('account_id', '=', accountId)
    .execute();
  return { state: { ...account, addresses }, version };
}

interface NewAddress {
  readonly id: string;
  readonly accountId: string;
  readonly email: string;
  readonly confirmed: boolean;
}

async function addAddress(transaction: Transaction, { id, accountId, email, confirmed }: NewAddress): Promise<void> {
  await transaction
    .insertInto('directory.addresses')
    .values({ id, account_id: accountId, address: email, address_key: addressKey(email), confirmed })
    .execute();
}

/** An address that somebody else gave and did not confirm keeps nobody out. */
async function isConfirmedElsewhere(transaction: Transaction, accountId: string, email: string): Promise<boolean> {
  const row = await transaction
    .selectFrom('directory.addresses')
    .select('id')
    .where('address_key', '=', addressKey(email))
    .where('confirmed', '=', true)
    .where('account_id', '<>', accountId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Frees the name where nobody confirmed the account in time: it lapses. */
async function lapseUnconfirmed(
  transaction: Transaction,
  name: NamespaceName,
  envelope: CommandEnvelope,
): Promise<AppendCommand[]> {
  const lapsing = await transaction
    .selectFrom('directory.accounts')
    .select(['id', 'namespace_id'])
    .where('status', '=', 'inactive')
    .where('registered_at', '<', hoursAgo(confirmationHoursMax))
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
  if (!lapsing) return [];
  const append = await decideOn(transaction, lapsing.id, { type: 'Lapse' }, { ...envelope, commandId: uuidv7() });
  if (isRefusal(append)) return [];
  await lapse(transaction, lapsing.id, lapsing.namespace_id);
  return append;
}

async function lapse(transaction: Transaction, accountId: string, namespaceId: string): Promise<void> {
  await transaction
    .updateTable('directory.accounts')
    .set({ status: 'lapsed', name: null })
    .where('id', '=', accountId)
    .execute();
  await transaction.deleteFrom('directory.addresses').where('account_id', '=', accountId).execute();
  // What an admin put into the namespace meanwhile stays: the name is reserved then, not free.
  await transaction
    .updateTable('directory.namespaces')
    .set({ account_id: null })
    .where('id', '=', namespaceId)
    .execute();
  await transaction
    .deleteFrom('directory.namespaces')
    .where('id', '=', namespaceId)
    .where((namespace) =>
      namespace.not(
        namespace.exists(
          namespace
            .selectFrom('directory.repository_names')
            .select('repository_id')
            .where('namespace_id', '=', namespaceId),
        ),
      ),
    )
    .execute();
}
