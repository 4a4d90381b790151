/**
 * Commands on an account. Each is a transaction of its own: what must be unique (name, address) or true at once (password, activation)
 * is written first, the events last; either all of it counts or nothing.
 */
import { confirmationHoursMax } from '@docket/shared/accounts';
import type { Account, AccountEvent } from '@docket/shared/accounts';
import { fold } from '@docket/shared/decider';
import type { NamespaceName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { accountStream, readAccountEvent, schemaVersion } from '@docket/shared/stored-event';
import { readStream } from '@docket/store/log';
import type { AppendCommand } from '@docket/store/log';
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

import type { CommandEnvelope } from '../commands/envelope.ts';
import { transact } from '../commands/transact.ts';
import type { TransactionExecution } from '../commands/transact.ts';
import { accountDecider } from './decider.ts';
import type { AccountCommand } from './decider.ts';

export const nameTaken = refuse('name_taken', 'the name or the address belongs to another account');
export interface Registration {
  readonly name: NamespaceName;
  readonly email: string;
  readonly passwordHash: string;
  readonly isAdmin: boolean;
  readonly activation: 'mail' | 'at_once' | 'vouched';
}

/** One mailbox is one address, however it is written. */
export function addressKey(email: string): string {
  return email.toLowerCase();
}

export async function registerAccount(
  execution: TransactionExecution,
  registration: Registration,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  const { name, email, passwordHash, isAdmin, activation } = registration;
  const accountId = uuidv7();
  const command = { type: 'Register', namespaceId: uuidv7(), addressId: uuidv7(), isAdmin, activation } as const;
  return transact(execution, envelope, nameTaken, async (client) => {
    const lapses = await lapseUnconfirmed(client, name, email, envelope);
    const events = accountDecider.decide(accountDecider.initial, command);
    if (isRefusal(events)) return events;
    await client.query('insert into directory.namespaces (id, name, account_id) values ($1, $2, $3)', [
      command.namespaceId,
      name,
      accountId,
    ]);
    await client.query(
      `insert into directory.accounts (id, namespace_id, name, is_admin, status, password_hash) values ($1, $2, $3, $4, $5, $6)`,
      [accountId, command.namespaceId, name, isAdmin, activation === 'mail' ? 'inactive' : 'active', passwordHash],
    );
    await client.query(
      'insert into directory.addresses (id, account_id, address, address_key, confirmed) values ($1, $2, $3, $4, $5)',
      [command.addressId, accountId, email, addressKey(email), activation !== 'mail'],
    );
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

export async function changeAccount(
  execution: TransactionExecution,
  { accountId, email, passwordHash, confirmation }: Change,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  return transact(execution, envelope, nameTaken, async (client) => {
    const lapses = email === undefined ? [] : await lapseUnconfirmed(client, undefined, email, envelope, accountId);
    const known = email === undefined ? undefined : await ownAddress(client, accountId, email);
    const addedAddressId = email === undefined || known ? undefined : uuidv7();
    const changesPassword = passwordHash !== undefined;
    const append = await decideOn(
      client,
      accountId,
      { type: 'ChangeDetails', addedAddressId, confirmation, changesPassword },
      envelope,
    );
    if (isRefusal(append)) return append;
    if (addedAddressId !== undefined && email !== undefined) {
      await client.query(
        'insert into directory.addresses (id, account_id, address, address_key, confirmed) values ($1, $2, $3, $4, $5)',
        [addedAddressId, accountId, email, addressKey(email), confirmation === 'none'],
      );
    }
    if (passwordHash !== undefined) {
      await client.query(
        `update directory.accounts set password_hash = $2, credential_version = credential_version + 1 where id = $1`,
        [accountId, passwordHash],
      );
    }
    return [...lapses, ...append];
  });
}

export interface Confirmation {
  readonly accountId: string;
  readonly addressId: string;
  readonly linkId: string;
}

/** A link that is followed twice has done its work already, and says so again. */
export async function confirmAddress(
  execution: TransactionExecution,
  { accountId, addressId, linkId }: Confirmation,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  return transact(execution, envelope, nameTaken, async (client) => {
    await client.query('insert into directory.spent_links (link_id) values ($1) on conflict do nothing', [linkId]);
    const append = await decideOn(client, accountId, { type: 'ConfirmAddress', addressId }, envelope);
    if (isRefusal(append)) return append;
    await client.query('update directory.addresses set confirmed = true where id = $1 and account_id = $2', [
      addressId,
      accountId,
    ]);
    await client.query(`update directory.accounts set status = 'active' where id = $1 and status = 'inactive'`, [
      accountId,
    ]);
    return append;
  });
}

async function decideOn(
  client: pg.PoolClient,
  accountId: string,
  command: AccountCommand,
  envelope: CommandEnvelope,
): Promise<AppendCommand[] | Refusal> {
  const { state, version } = await readAccount(client, accountId);
  const events = accountDecider.decide(state, command);
  if (isRefusal(events)) return events;
  if (events.length === 0) return [];
  return [{ streamId: accountStream(accountId), expectedVersion: version, events, ...envelope }];
}

async function readAccount(client: pg.PoolClient, accountId: string): Promise<{ state: Account; version: number }> {
  const past = await readStream(client, accountStream(accountId));
  const events = past.map(({ event }): AccountEvent => readAccountEvent({ ...event, schema_version: schemaVersion }));
  return { state: fold(accountDecider.evolve, accountDecider.initial, events), version: past.length };
}

async function ownAddress(client: pg.PoolClient, accountId: string, email: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'select 1 from directory.addresses where account_id = $1 and address_key = $2',
    [accountId, addressKey(email)],
  );
  return rowCount !== null && rowCount > 0;
}

/**
 * Frees the name and the address where nobody confirmed them in time: accounts that never became active lapse, and an address that
 * an active account added and never confirmed is dropped.
 */
async function lapseUnconfirmed(
  client: pg.PoolClient,
  name: NamespaceName | undefined,
  email: string,
  envelope: CommandEnvelope,
  exceptAccountId?: string,
): Promise<AppendCommand[]> {
  const { rows } = await client.query<{ id: string; namespace_id: string }>(
    `select a.id, a.namespace_id from directory.accounts a
     where a.status = 'inactive' and a.registered_at < clock_timestamp() - make_interval(hours => $3) and a.id is distinct from $4
       and (a.name = $1 or exists (select 1 from directory.addresses d where d.account_id = a.id and d.address_key = $2))
     order by a.id for update`,
    [name ?? null, addressKey(email), confirmationHoursMax, exceptAccountId ?? null],
  );
  const lapses: AppendCommand[] = [];
  for (const { id, namespace_id } of rows) {
    const append = await decideOn(client, id, { type: 'Lapse' }, { ...envelope, commandId: uuidv7() });
    if (isRefusal(append)) continue;
    lapses.push(...append);
    await client.query(`update directory.accounts set status = 'lapsed', name = null where id = $1`, [id]);
    await client.query('delete from directory.addresses where account_id = $1', [id]);
    // What an admin put into the namespace meanwhile stays: the name is reserved then, not free.
    await client.query('update directory.namespaces set account_id = null where id = $1', [namespace_id]);
    await client.query(
      `delete from directory.namespaces n where n.id = $1
         and not exists (select 1 from directory.repository_names r where r.namespace_id = n.id)`,
      [namespace_id],
    );
  }
  await client.query(
    `delete from directory.addresses where address_key = $1 and not confirmed
       and added_at < clock_timestamp() - make_interval(hours => $2) and account_id is distinct from $3`,
    [addressKey(email), confirmationHoursMax, exceptAccountId ?? null],
  );
  return lapses;
}
