/** Addresses that wait for a mail: what was added to the log, joined with the names that are not in it. */
import type { NamespaceName } from '@docket/shared/names';
import { sql } from 'kysely';

import type { Database } from '../connect.ts';
import type { Checkpoint } from '../followers/checkpoint.ts';
import { readSafePosition } from './read.ts';

export interface AddedAddress {
  readonly at: Checkpoint;
  /** The version of the account's stream. */
  readonly version: number;
  readonly recordedAt: Date;
  readonly accountId: string;
  readonly addressId: string;
  /** Undefined when the registration lapsed or was erased: there is nobody to write to any more. */
  readonly recipient: { readonly address: string; readonly accountName: NamespaceName } | undefined;
  /** For this account or for another. */
  readonly confirmed: boolean;
}

export interface ConfirmationPage {
  /** The last event that was looked at. */
  readonly end: Checkpoint;
  /** The page is as long as was allowed: there may be more events. */
  readonly full: boolean;
  readonly added: readonly AddedAddress[];
}

interface EndRow {
  events: number;
  position: bigint | null;
  command_id: string;
}

interface AddedRow {
  position: bigint;
  command_id: string;
  version: number;
  recorded_at: Date;
  account_id: string;
  address_id: string;
  address: string | null;
  name: NamespaceName | null;
  confirmed: boolean | null;
}

/** Undefined at the end of the log. Looks at no more events than it is told, whether there is such an address among them or not. */
export async function readConfirmationPage(
  database: Database,
  after: bigint,
  eventsMax: number,
): Promise<ConfirmationPage | undefined> {
  // Two statements: the events are read with a younger snapshot than the one the gate was looked at with.
  const safe = await readSafePosition(database);
  const ends = await sql<EndRow>`select count(*)::int as events, max(position) as position,
      (array_agg(command_id order by position desc))[1] as command_id
    from (select position, command_id from es.events
      where position > ${after} and position <= ${safe} order by position limit ${eventsMax}) page`.execute(database);
  const [end] = ends.rows;
  if (!end || end.position === null) return undefined;
  const { rows } =
    await sql<AddedRow>`select e.position, e.command_id, e.version, e.recorded_at, substr(e.stream_id, 9) as account_id,
      e.data ->> 'address_id' as address_id, a.address, c.name,
      a.confirmed or exists (select from directory.addresses o where o.address_key = a.address_key and o.confirmed) as confirmed
    from es.events e
    left join directory.addresses a on a.id = (e.data ->> 'address_id')::uuid
    left join directory.accounts c on c.id = a.account_id
    where e.position > ${after} and e.position <= ${end.position} and e.type = 'AddressAdded'
      and e.data ->> 'confirmation' = 'mail'
    order by e.position`.execute(database);
  return {
    end: { position: end.position, commandId: end.command_id },
    full: end.events === eventsMax,
    added: rows.map(addedAddress),
  };
}

function addedAddress(row: AddedRow): AddedAddress {
  return {
    at: { position: row.position, commandId: row.command_id },
    version: row.version,
    recordedAt: row.recorded_at,
    accountId: row.account_id,
    addressId: row.address_id,
    recipient: row.address === null || row.name === null ? undefined : { address: row.address, accountName: row.name },
    confirmed: row.confirmed ?? false,
  };
}
