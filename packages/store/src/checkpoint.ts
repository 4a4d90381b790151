/** Where a follower of the log stands. Taken and moved in the transaction that writes what it projects, or under a lease. */
import type { Executor } from './log.ts';
import type { TransactionClient } from './transaction-client.ts';

export interface Projection {
  readonly name: string;
  /** Of what it builds: another version builds something else and stands elsewhere. */
  readonly version: number;
}

export const tablesProjection: Projection = { name: 'tables', version: 1 };
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
    `update es.projections set position = $3, command_id = $4, moved_at = clock_timestamp()
     where name = $1 and version = $2`,
    [name, version, position, commandId],
  );
}

export async function readCheckpoint(executor: Executor, { name, version }: Projection): Promise<Checkpoint> {
  const { rows } = await executor.query<CheckpointRow>({
    text: 'select position, command_id from es.projections where name = $1 and version = $2',
    values: [name, version],
  });
  const [row] = rows;
  if (!row) throw new Error(`the projection ${name} ${version} is not in es.projections`);
  return { position: row.position, commandId: row.command_id };
}

/** From the first event again, whether it stood anywhere before or not. */
export async function restartCheckpoint(executor: Executor, { name, version }: Projection): Promise<void> {
  await executor.query({
    text: `insert into es.projections (name, version) values ($1, $2)
      on conflict (name, version) do update set position = 0, command_id = null, moved_at = clock_timestamp()`,
    values: [name, version],
  });
}

export interface Failure {
  readonly projection: string;
  readonly position: bigint;
  /** What it was about: an address, a repository, a stream. Ids only. */
  readonly subject: string;
  readonly reason: string;
}

/** Once, however often the same thing fails in the same way. */
export async function recordFailure(
  executor: Executor,
  { projection, position, subject, reason }: Failure,
): Promise<void> {
  await executor.query({
    text: `insert into es.projection_failures (projection, position, subject, reason)
      select $1, $2, $3, $4 where not exists (
        select from es.projection_failures where projection = $1 and position = $2 and subject = $3 and reason = $4)`,
    values: [projection, position, subject, reason],
  });
}
