/** Where a follower of the log stands. Taken and moved in the transaction that writes what it projects, or under a lease. */
import type { Executor } from '../log.ts';
import type { TransactionClient } from '../transaction-client.ts';

export interface Projection {
  readonly name: string;
  /** Of what it builds: another version builds something else and stands elsewhere. */
  readonly version: number;
}

export const tablesProjection: Projection = { name: 'tables', version: 3 };
export const searchProjection: Projection = { name: 'search', version: 1 };
export const mailProjection: Projection = { name: 'mail', version: 1 };

export interface Checkpoint {
  readonly position: bigint;
  /** Of the event at that position; null at the beginning of the log. */
  readonly commandId: string | null;
}

interface CheckpointRow {
  position: bigint;
  command_id: string | null;
}

/** Undefined when another process holds it: that one does the work. */
export async function lockCheckpoint(
  client: TransactionClient,
  { name, version }: Projection,
): Promise<Checkpoint | undefined> {
  const { rows } = await client.run<CheckpointRow>(
    'lock_checkpoint',
    'select position, command_id from es.projections where name = $1 and version = $2 for update skip locked',
    [name, version],
  );
  const [row] = rows;
  return row && { position: row.position, commandId: row.command_id };
}

/** Of a checkpoint that this transaction has locked. */
export async function moveCheckpoint(
  client: TransactionClient,
  { name, version }: Projection,
  { position, commandId }: Checkpoint,
): Promise<void> {
  await client.run(
    'move_checkpoint',
    `update es.projections set position = $3, command_id = $4, moved_at = clock_timestamp(),
       trouble = null, trouble_reason = null, trouble_since = null
     where name = $1 and version = $2`,
    [name, version, position, commandId],
  );
}

export interface Standing extends Checkpoint {
  /** The search index that it fills, where it is not the first one. */
  readonly target: string | undefined;
}

export async function readCheckpoint(executor: Executor, { name, version }: Projection): Promise<Standing> {
  const { rows } = await executor.query<CheckpointRow & { target: string | null }>({
    text: 'select position, command_id, target from es.projections where name = $1 and version = $2',
    values: [name, version],
  });
  const [row] = rows;
  if (!row) throw new Error(`the projection ${name} ${version} is not in es.projections`);
  return { position: row.position, commandId: row.command_id, target: row.target ?? undefined };
}

/** In whichever version it is in use. */
export async function readInUse(executor: Executor, { name }: Projection): Promise<Standing> {
  const version = await versionInUse(executor, name);
  if (version === undefined) throw new Error(`the projection ${name} is not in es.projections`);
  return readCheckpoint(executor, { name, version });
}

/** The version that is in use, which may be older or newer than the one that this program builds. Undefined when there is none. */
export async function versionInUse(executor: Executor, name: string): Promise<number | undefined> {
  const { rows } = await executor.query<{ version: number }>({
    text: 'select max(version) as version from es.projections where name = $1',
    values: [name],
  });
  return rows[0]?.version ?? undefined;
}

/** From the first event again, whether it stood anywhere before or not. */
export async function restartCheckpoint(executor: Executor, { name, version }: Projection): Promise<void> {
  await executor.query({
    text: `insert into es.projections (name, version) values ($1, $2)
      on conflict (name, version) do update set position = 0, command_id = null, moved_at = clock_timestamp()`,
    values: [name, version],
  });
}

/** Why a follower does not go on: `halted` until a person has looked, `waiting` for a process of a newer version. */
export interface Trouble {
  readonly kind: 'halted' | 'waiting';
  readonly reason: string;
}

/** For other processes and for people to see; gone with the next page that anybody applies. */
export async function reportTrouble(
  executor: Executor,
  { name, version }: Projection,
  { kind, reason }: Trouble,
): Promise<void> {
  await executor.query({
    text: `update es.projections set trouble = $3, trouble_reason = $4, trouble_since = clock_timestamp()
      where name = $1 and version = $2 and (trouble, trouble_reason) is distinct from ($3, $4)`,
    values: [name, version, kind, reason],
  });
}
