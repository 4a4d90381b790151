/**
 * A follower that writes outside of Postgres cannot hold a lock while it waits there. It holds a lease instead: for a while, renewed,
 * with a fence that counts how often it changed hands. Whoever lost it may still be writing outside, but moves no checkpoint.
 */
import type { Executor } from '../log.ts';
import type { Checkpoint, Projection } from './checkpoint.ts';

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
  executor: Executor,
  projection: Projection,
  holder: string,
  { heldMs, succeeds }: { readonly heldMs: number; readonly succeeds: boolean },
): Promise<Lease | undefined> {
  const { rows } = await executor.query<{ fence: bigint }>({
    text: `update es.projections
      set version = $2, holder = $3, fence = fence + 1, held_until = clock_timestamp() + $4 * interval '1 millisecond'
      where name = $1 and (version = $2 or ($5 and version < $2)) and held_until < clock_timestamp()
      returning fence`,
    values: [projection.name, projection.version, holder, heldMs, succeeds],
  });
  const [row] = rows;
  return row && { projection, holder, fence: row.fence };
}

/** False when it is lost. A lease that ran out and that nobody took is still ours: the fence tells. */
export async function renewLease(
  executor: Executor,
  { projection, holder, fence }: Lease,
  heldMs: number,
): Promise<boolean> {
  const { rowCount } = await executor.query({
    text: `update es.projections set held_until = clock_timestamp() + $5 * interval '1 millisecond'
      where name = $1 and version = $2 and holder = $3 and fence = $4`,
    values: [projection.name, projection.version, holder, fence, heldMs],
  });
  return rowCount === 1;
}

/** So that the next one need not wait for it to run out. */
export async function releaseLease(executor: Executor, { projection, holder, fence }: Lease): Promise<void> {
  await executor.query({
    text: `update es.projections set held_until = '-infinity'
      where name = $1 and version = $2 and holder = $3 and fence = $4`,
    values: [projection.name, projection.version, holder, fence],
  });
}

/** False when the lease is lost: then nothing moves. */
export async function moveLeasedCheckpoint(
  executor: Executor,
  { projection, holder, fence }: Lease,
  { position, commandId }: Checkpoint,
): Promise<boolean> {
  const { rowCount } = await executor.query({
    text: `update es.projections set position = $5, command_id = $6, moved_at = clock_timestamp(),
        trouble = null, trouble_reason = null, trouble_since = null
      where name = $1 and version = $2 and holder = $3 and fence = $4`,
    values: [projection.name, projection.version, holder, fence, position, commandId],
  });
  return rowCount === 1;
}
