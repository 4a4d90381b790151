/**
 * A follower that writes outside of Postgres cannot hold a lock while it waits there. It holds a lease instead: for a while, renewed,
 * with a fence that counts how often it changed hands. Whoever lost it may still be writing outside, but moves no checkpoint.
 */

import { sql } from 'kysely';

import type { Database } from '../connect.ts';
import type { Checkpoint, Projection } from './checkpoint.ts';
import { noTrouble } from './trouble.ts';

export interface Lease {
  readonly projection: Projection;
  readonly holder: string;
  readonly fence: bigint;
}

/**
 * Undefined while another holder's lease has not run out. With `succeeds` the checkpoint of an older version is taken over as it is:
 * what was sent once is not sent again by a newer version.
 */
export async function takeLease(
  database: Database,
  projection: Projection,
  holder: string,
  { heldMs, succeeds }: { readonly heldMs: number; readonly succeeds: boolean },
): Promise<Lease | undefined> {
  const { name, version } = projection;
  const row = await database
    .updateTable('es.projections')
    .set((projected) => ({ version, holder, fence: projected('fence', '+', 1n), held_until: inMs(heldMs) }))
    .where('name', '=', name)
    .where('version', succeeds ? '<=' : '=', version)
    .where('held_until', '<', sql<Date>`clock_timestamp()`)
    .returning('fence')
    .executeTakeFirst();
  return row && { projection, holder, fence: row.fence };
}

/** False when it is lost. A lease that ran out and that nobody took is still ours: the fence tells. */
export async function renewLease(database: Database, lease: Lease, heldMs: number): Promise<boolean> {
  const { numUpdatedRows } = await held(database, lease)
    .set({ held_until: inMs(heldMs) })
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** Gives the lease back, so that the next holder need not wait for it to run out. */
export async function releaseLease(database: Database, lease: Lease): Promise<void> {
  await held(database, lease)
    .set({ held_until: sql<Date>`'-infinity'` })
    .execute();
}

/** False when the lease is lost: then nothing moves. */
export async function moveLeasedCheckpoint(
  database: Database,
  lease: Lease,
  { position, commandId }: Checkpoint,
): Promise<boolean> {
  const { numUpdatedRows } = await held(database, lease)
    .set({
      position,
      command_id: commandId,
      moved_at: sql<Date>`clock_timestamp()`,
      ...noTrouble,
    })
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** The row, as long as the lease is ours. */
function held(database: Database, { projection: { name, version }, holder, fence }: Lease) {
  return database
    .updateTable('es.projections')
    .where('name', '=', name)
    .where('version', '=', version)
    .where('holder', '=', holder)
    .where('fence', '=', fence);
}

function inMs(ms: number) {
  return sql<Date>`clock_timestamp() + ${ms} * interval '1 millisecond'`;
}
