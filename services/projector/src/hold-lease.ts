/** Keeps a lease alive while the follower waits for the outside, and says when it is lost. */
import type { Log } from '@docket/runtime/log';
import type { Projection } from '@docket/store/followers/checkpoint';
import type { Database } from '@docket/store/connect';
import { releaseLease, renewLease, takeLease } from '@docket/store/followers/lease';
import type { Lease } from '@docket/store/followers/lease';

/** With the standby's interval this bounds the takeover after a kill, far below 5 s; a stall that long loses it, and no harm is done. */
const heldMs = 3_000;
const renewEveryMs = 1_000;

export interface HeldLease {
  readonly lease: Lease;
  /** Aborted when it is lost or is to be given up: whatever waits under it ends. */
  readonly ended: AbortSignal;
}

export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

export interface LeaseHolder {
  /** Runs `work` when the lease is ours or can be had; `standby` when another process does the work, or took it over meanwhile. */
  readonly under: <Outcome>(work: (held: HeldLease) => Promise<Outcome>) => Promise<Outcome | 'standby'>;
  readonly stop: () => Promise<void>;
}

interface Holding extends HeldLease {
  readonly end: AbortController;
  readonly timer: NodeJS.Timeout;
  renewedAt: number;
}

export interface LeaseOptions {
  readonly database: Database;
  readonly projection: Projection;
  readonly holder: string;
  readonly log: Log;
  /** Whether the checkpoint of an older version is gone on with. */
  readonly succeeds?: boolean;
}

export function leaseHolder({ database, projection, holder, log, succeeds = false }: LeaseOptions): LeaseHolder {
  let holding: Holding | undefined;
  let stopped = false;

  async function hold(): Promise<Holding | undefined> {
    if (holding !== undefined) return holding;
    if (stopped) return undefined;
    const before = performance.now();
    const lease = await takeLease(database, projection, holder, { heldMs, succeeds });
    if (lease === undefined) return undefined;
    log.info({ projection: projection.name, fence: `${lease.fence}` }, `took the lease of ${projection.name}`);
    const end = new AbortController();
    const taken: Holding = {
      lease,
      end,
      ended: end.signal,
      renewedAt: before,
      timer: setInterval(() => void renew(taken), renewEveryMs),
    };
    holding = taken;
    // A stop may have come while the lease was being taken.
    if (stopped) await giveUp();
    return taken;
  }

  async function renew(taken: Holding): Promise<void> {
    const before = performance.now();
    try {
      if (await renewLease(database, taken.lease, heldMs)) taken.renewedAt = before;
      else drop(taken);
    } catch {
      // The database is away. It may come back in time; the follower itself says so in the log.
    }
    if (performance.now() - taken.renewedAt > heldMs) drop(taken);
  }

  function drop(taken: Holding): void {
    if (holding !== taken) return;
    holding = undefined;
    clearInterval(taken.timer);
    taken.end.abort(new LeaseLost(`the lease of ${projection.name} is lost`));
    if (!stopped) log.warn({ projection: projection.name }, `lost the lease of ${projection.name}`);
  }

  async function giveUp(): Promise<void> {
    const taken = holding;
    if (taken === undefined) return;
    drop(taken);
    // Without this the next one waits for it to run out, and no more.
    await releaseLease(database, taken.lease).catch(() => undefined);
  }

  return {
    under: async (work) => {
      const taken = await hold();
      if (taken === undefined || taken.ended.aborted) return 'standby';
      try {
        return await work(taken);
      } catch (error) {
        if (error instanceof LeaseLost) drop(taken);
        if (taken.ended.aborted) return 'standby';
        throw error;
      }
    },
    stop: async () => {
      stopped = true;
      await giveUp();
    },
  };
}
