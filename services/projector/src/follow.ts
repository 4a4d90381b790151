/**
 * The only loop: a page of the log is projected, the checkpoint moves, and on to the next. At the end of the log it waits to be woken
 * or for its polling interval; behind another process that does the work it stands by; after an error it waits longer and longer.
 */
import type { Log } from '@docket/runtime/log';

/** With a listener polling is the safety net, without one it is how the follower learns of anything. */
export const pollMsWhenWoken = 500;
export const pollMsAlone = 25;
/** Bounds the takeover: a standby looks this often whether the work is still being done. */
const standbyMs = 250;
const backoffMsMin = 100;
const backoffMsMax = 3_000;

export type Progress = 'advanced' | 'idle' | 'standby';

/** Going on would be wrong, and so would trying again: a person has to look. */
export class FollowerHalted extends Error {
  override readonly name = 'FollowerHalted';
}

export interface FollowOptions {
  readonly name: string;
  readonly log: Log;
  readonly pollMs: number;
  /** One page. */
  readonly step: () => Promise<Progress>;
}

export interface Follower {
  readonly wake: () => void;
  /** After the page that it is at. */
  readonly stop: () => Promise<void>;
}

export function follow({ name, log, pollMs, step }: FollowOptions): Follower {
  const stopping = new AbortController();
  let woken = false;
  let interrupt: () => void = () => undefined;

  async function run(): Promise<void> {
    let failures = 0;
    let lastMessage = '';
    while (!stopping.signal.aborted) {
      woken = false;
      try {
        const progress = await step();
        if (failures > 0) log.info({ follower: name, failures }, `${name} goes on`);
        failures = 0;
        lastMessage = '';
        if (progress === 'standby') await sleep(standbyMs);
        // What came while the page was read is not in it: look again at once.
        else if (progress === 'idle' && !woken) await sleep(pollMs, 'wakeable');
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (error instanceof FollowerHalted) {
          log.fatal({ follower: name, err: error }, `${name} stands still until somebody looks: ${error.message}`);
          return;
        }
        failures += 1;
        const message = error instanceof Error ? error.message : String(error);
        // The same trouble again and again is said once.
        if (message !== lastMessage) log.error({ follower: name, err: error }, `${name} failed and will try again`);
        lastMessage = message;
        await sleep(Math.min(backoffMsMin * 2 ** Math.min(failures - 1, 10), backoffMsMax));
      }
    }
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
