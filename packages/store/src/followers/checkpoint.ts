/** The position of a follower of the log. It is taken and moved in the transaction that writes what it projects, or under a lease. */
import { sql } from 'kysely';

import type { Database, Transaction } from '../connect.ts';
import { prepared } from '../prepared.ts';

export interface Projection {
  readonly name: string;
  /** Another version builds something else and stands elsewhere. Raise it when a row or a document that it builds changes. */
  readonly version: number;
}

export const tablesProjection: Projection = { name: 'tables', version: 4 };
export const searchProjection: Projection = { name: 'search', version: 1 };
export const mailProjection: Projection = { name: 'mail', version: 1 };

/** The name of a projection ends so while it is built beside the one that is in use. */
const nextSuffix = '_next';

/** The projection that is built to take its place, with a checkpoint of its own. */
export function nextOf({ name, version }: Projection): Projection {
  return { name: `${name}${nextSuffix}`, version };
}

export function isNext({ name }: Pick<Projection, 'name'>): boolean {
  return name.endsWith(nextSuffix);
}

export interface Checkpoint {
  readonly position: bigint;
  /** Names the event at that position; null at the beginning of the log. */
  readonly commandId: string | null;
}

interface CheckpointRow {
  readonly position: bigint;
  readonly command_id: string | null;
}

const lock = prepared<CheckpointRow, readonly [name: string, version: number]>(
  'lock_checkpoint',
  'select position, command_id from es.projections where name = $1 and version = $2 for update skip locked',
);

const move = prepared<never, readonly [name: string, version: number, position: bigint, commandId: string | null]>(
  'move_checkpoint',
  `update es.projections set position = $3, command_id = $4, moved_at = clock_timestamp(),
     trouble = null, trouble_reason = null, trouble_since = null, trouble_position = null, trouble_failures = null
   where name = $1 and version = $2`,
);

/** Undefined when another process holds it: that one does the work. Outside of a transaction it is held for no longer than it is read. */
export async function lockCheckpoint(
  database: Database,
  { name, version }: Projection,
): Promise<Checkpoint | undefined> {
  const [row] = await lock(database, [name, version]);
  return row && { position: row.position, commandId: row.command_id };
}

/** The transaction has locked it. */
export async function moveCheckpoint(
  transaction: Transaction,
  { name, version }: Projection,
  { position, commandId }: Checkpoint,
): Promise<void> {
  await move(transaction, [name, version, position, commandId]);
}

export interface Standing extends Checkpoint {
  /** The search index that it fills, where it is not the first one. */
  readonly target: string | undefined;
}

export async function readCheckpoint(database: Database, { name, version }: Projection): Promise<Standing> {
  const row = await database
    .selectFrom('es.projections')
    .select(['position', 'command_id', 'target'])
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst();
  if (!row) throw new Error(`the projection ${name} ${version} is not in es.projections`);
  return { position: row.position, commandId: row.command_id, target: row.target ?? undefined };
}

export interface Standpoint {
  readonly checkpoint: bigint;
  /** The position of the first event behind it, which the next page begins with; undefined at the end of the log. */
  readonly next: bigint | undefined;
}

/** Undefined where the projection is not there, or cannot move at all because this is not the primary. */
export async function readStandpoint(
  database: Database,
  { name, version }: Projection,
): Promise<Standpoint | undefined> {
  const row = await database
    .selectFrom('es.projections as projection')
    .select((projection) => [
      'projection.position as checkpoint',
      projection
        .selectFrom('es.events as event')
        .whereRef('event.position', '>', 'projection.position')
        .select(({ fn }) => fn.min('event.position').as('next'))
        .as('next'),
    ])
    .where('name', '=', name)
    .where('version', '=', version)
    .where(sql<boolean>`not pg_is_in_recovery()`)
    .executeTakeFirst();
  return row && { checkpoint: row.checkpoint, next: row.next ?? undefined };
}

/** The checkpoint of the version that is in use, whichever that is. */
export async function readInUse(database: Database, { name }: Projection): Promise<Standing> {
  const version = await versionInUse(database, name);
  if (version === undefined) throw new Error(`the projection ${name} is not in es.projections`);
  return readCheckpoint(database, { name, version });
}

/** The version that is in use, which may be older or newer than the one that this program builds. Undefined when there is none. */
export async function versionInUse(database: Database, name: string): Promise<number | undefined> {
  const row = await database
    .selectFrom('es.projections')
    .select('version')
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.version;
}

/** Sets the checkpoint before the first event, whether the projection had one or not. */
export async function restartCheckpoint(database: Database, { name, version }: Projection): Promise<void> {
  await database
    .insertInto('es.projections')
    .values({ name, version })
    .onConflict((conflict) =>
      conflict
        .columns(['name', 'version'])
        .doUpdateSet({ position: 0n, command_id: null, moved_at: sql<Date>`clock_timestamp()` }),
    )
    .execute();
}
