/**
 * The only loop: a page of the log is projected, the checkpoint moves, and on to the next. At the end of the log it waits to be woken
 * or for its polling interval; behind another process that does the work it stands by; after an error it waits longer and longer, and where trying
 * again is of no use it says so and looks seldom.
 */
import type { Log } from '@docket/runtime/log';
import type { Trouble } from '@docket/store/followers/checkpoint';

/** Polling is the safety net beside a listener; without a listener it is how the follower learns of events. */
export const pollMsWhenWoken = 500;
export const pollMsAlone = 25;
/** Bounds the takeover: a standby looks this often whether the work is still being done. */
const standbyMs = 250;
const backoffMsMin = 100;
const backoffMsMax = 3_000;

/** A follower that halts or waits looks this often whether the cause is gone. */
const haltedMs = 5_000;
const waitingMs = 1_000;

export type Progress = 'advanced' | 'idle' | 'standby';

/** Going on would be wrong, and nothing will change by itself: a person has to look. */
export class FollowerHalted extends Error {
  override readonly name = 'FollowerHalted';
}

/** The next event is for a newer version of this program, which is here already or soon will be. */
export class FollowerWaits extends Error {
  override readonly name = 'FollowerWaits';
}

type FollowerState =
  | { readonly state: 'following' | 'standby' }
  | { readonly state: 'failing' | 'halted' | 'waiting'; readonly reason: string; readonly sinceMs: number };

export interface FollowOptions {
  readonly name: string;
  readonly log: Log;
  readonly pollMs: number;
  /** One page. */
  readonly step: () => Promise<Progress>;
  /** It stands, and other processes and people should see why. */
  readonly onTrouble: (trouble: Trouble) => Promise<void>;
}

export interface Follower {
  readonly state: () => FollowerState;
  readonly wake: () => void;
  /** After the page that it is at. */
  readonly stop: () => Promise<void>;
}

export function follow({ name, log, pollMs, step, onTrouble }: FollowOptions): Follower {
  const stopping = new AbortController();
  let woken = false;
  let state: FollowerState = { state: 'following' };
  let interrupt: () => void = () => undefined;

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      woken = false;
      try {
        const progress = await step();
        if (failures > 0) log.info({ follower: name, failures }, `${name} goes on`);
        failures = 0;
        state = { state: progress === 'standby' ? 'standby' : 'following' };
        if (progress === 'standby') await sleep(standbyMs);
        // Events that came while the page was read are not in it: look again at once.
        else if (progress === 'idle' && !woken) await sleep(pollMs, 'wakeable');
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        await sleep(await failed(error, failures));
      }
    }
  }

  /** Says it, once for the same trouble again and again; answers with how long to wait. */
  async function failed(thrown: unknown, failures: number): Promise<number> {
    const kind = thrown instanceof FollowerHalted ? 'halted' : thrown instanceof FollowerWaits ? 'waiting' : 'failing';
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const before = 'reason' in state && state.state === kind ? state : undefined;
    const said = before?.reason === reason;
    state = { state: kind, reason, sinceMs: before?.sinceMs ?? performance.now() };
    switch (kind) {
      case 'failing':
        if (!said) log.error({ follower: name, err: thrown }, `${name} failed and will try again`);
        return Math.min(backoffMsMin * 2 ** Math.min(failures - 1, 10), backoffMsMax);
      case 'halted':
        if (!said) log.fatal({ follower: name, err: thrown }, `${name} stands still until somebody looks: ${reason}`);
        break;
      case 'waiting':
        if (!said) log.warn({ follower: name }, `${name} waits for a newer version: ${reason}`);
        break;
    }
    // Without the database nobody can be told; the next look tells it again.
    await Promise.allSettled([onTrouble({ kind, reason })]);
    return kind === 'halted' ? haltedMs : waitingMs;
  }

  function sleep(ms: number, kind: 'fixed' | 'wakeable' = 'fixed'): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        stopping.signal.removeEventListener('abort', end);
        interrupt = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      stopping.signal.addEventListener('abort', end, { once: true });
      if (kind === 'wakeable') interrupt = end;
      if (stopping.signal.aborted) end();
    });
  }

  const ended = run();
  return {
    state: () => state,
    wake: () => {
      woken = true;
      interrupt();
    },
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}
