/**
 * The only loop: a page of the log is projected, the checkpoint moves, and on to the next. At the end of the log it waits to be woken
 * or for its polling interval; behind another process that does the work it stands by; after an error it waits longer and longer, and where trying
 * again is of no use it says so and looks seldom.
 */
import type { Log } from '@docket/runtime/log';
import type { Standpoint } from '@docket/store/followers/checkpoint';
import { troubleSentence } from '@docket/store/followers/trouble';
import type { Failing, Trouble } from '@docket/store/followers/trouble';

import { failedAgain, failuresMax, isTrouble } from './failing.ts';
import type { Failures } from './failing.ts';

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
  /** `trouble`: where it is more than something that passes. */
  | {
      readonly state: 'failing';
      readonly reason: string;
      readonly sinceMs: number;
      readonly trouble: Trouble | undefined;
    }
  | { readonly state: 'halted' | 'waiting'; readonly reason: string; readonly sinceMs: number };

export interface FollowOptions {
  readonly name: string;
  readonly log: Log;
  readonly pollMs: number;
  /** One page. */
  readonly step: () => Promise<Progress>;
  readonly report: Report;
}

/** What other processes and people see of it. */
export interface Report {
  /** Where it stands; undefined where nobody could go on. Rejects without the database: then it is not the doing of an event. */
  readonly standpoint: () => Promise<Standpoint | undefined>;
  /** `at`: it is not told any more where another process went on from there meanwhile. */
  readonly trouble: (trouble: Trouble, at?: Standpoint) => Promise<void>;
  /** A step found nothing to apply: what any process has told of a failing page is over, as it is with a page that is applied. */
  readonly foundNothing: () => Promise<void>;
}

export interface Follower {
  readonly state: () => FollowerState;
  readonly wake: () => void;
  /** After the page that it is at. */
  readonly stop: () => Promise<void>;
}

export function follow({ name, log, pollMs, step, report }: FollowOptions): Follower {
  const stopping = new AbortController();
  let woken = false;
  let state: FollowerState = { state: 'following' };
  let interrupt: () => void = () => undefined;
  /** Not ended by standing by: two processes that fail in turn see each other in between. */
  let failing: Failures | undefined;
  /** Somebody may have told of a page that fails, in another process or before this one began. */
  let cleared = false;
  /** What the log says of it already. */
  let said: string | undefined;

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      woken = false;
      try {
        const progress = await step();
        if (progress === 'standby') {
          state = { state: 'standby' };
          failures = 0;
          cleared = false;
          await sleep(standbyMs);
          continue;
        }
        if (said !== undefined) log.info({ follower: name }, `${name} goes on`);
        failures = 0;
        state = { state: 'following' };
        failing = undefined;
        said = undefined;
        if (progress === 'advanced') continue;
        if (!cleared) await report.foundNothing();
        cleared = true;
        // Events that came while the page was read are not in it: look again at once.
        if (!woken) await sleep(pollMs, 'wakeable');
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        cleared = false;
        await sleep(await failed(error, failures));
      }
    }
  }

  /** Says it, once for the same trouble again and again; answers with how long to wait. */
  async function failed(thrown: unknown, failures: number): Promise<number> {
    const kind = thrown instanceof FollowerHalted ? 'halted' : thrown instanceof FollowerWaits ? 'waiting' : 'failing';
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const before = 'reason' in state && state.state === kind ? state : undefined;
    const isSaid = said === `${kind}: ${reason}`;
    said = `${kind}: ${reason}`;
    const sinceMs = before?.sinceMs ?? performance.now();
    switch (kind) {
      case 'failing':
        state = { state: kind, reason, sinceMs, trouble: before?.state === 'failing' ? before.trouble : undefined };
        if (!isSaid) log.error({ follower: name, err: thrown }, `${name} failed and will try again`);
        state = { state: kind, reason, sinceMs, trouble: await countedTrouble(thrown, reason) };
        return Math.min(backoffMsMin * 2 ** Math.min(failures - 1, 10), backoffMsMax);
      case 'halted':
        state = { state: kind, reason, sinceMs };
        if (!isSaid) log.fatal({ follower: name, err: thrown }, `${name} stands still until somebody looks: ${reason}`);
        break;
      case 'waiting':
        state = { state: kind, reason, sinceMs };
        if (!isSaid) log.warn({ follower: name }, `${name} waits for a newer version: ${reason}`);
        break;
    }
    // Without the database nobody can be told; the next look tells it again.
    await Promise.allSettled([report.trouble({ kind, reason })]);
    return kind === 'halted' ? haltedMs : waitingMs;
  }

  /** Undefined: it may pass by itself, or is everybody's. */
  async function countedTrouble(thrown: unknown, reason: string): Promise<Trouble | undefined> {
    const at = await report.standpoint().catch(() => undefined);
    if (at === undefined) return undefined;
    const now = performance.now();
    const counted = failedAgain(failing, at, now);
    failing = counted;
    if (!isTrouble(counted)) return undefined;
    const { failures, sinceMs } = counted;
    const told: Failing = { position: at.next, failures, forMs: now - sinceMs };
    const trouble: Trouble = { kind: 'failing', reason, failing: told };
    if (failures === failuresMax) {
      log.error(
        { follower: name, position: `${at.next ?? 'end'}`, failures, err: thrown },
        `${name} does not get on: ${troubleSentence(trouble)}`,
      );
    }
    await Promise.allSettled([report.trouble(trouble, at)]);
    return trouble;
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
