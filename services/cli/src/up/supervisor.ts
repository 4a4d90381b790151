/** Keeps something running: what ends by itself is started again, at once the first time, then more and more patiently. */
import { setTimeout as elapsed } from 'node:timers/promises';

const backoffMsMin = 100;
const backoffMsMax = 10_000;
/** Who ran this long starts with a clean slate. */
const stableMs = 30_000;

export interface Running {
  /** How it ended, in words. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

export interface Supervised<Thing extends Running> {
  /** What runs now, or ran last. */
  current(): Thing;
  stop(): Promise<void>;
}

interface Options<Thing extends Running> {
  readonly name: string;
  /** Given what ran before, so that it can take its place. */
  readonly start: (before: Thing | undefined) => Promise<Thing>;
  readonly say: (line: string) => void;
  readonly changed: () => void;
}

/** Rejects when the first start does: then nothing runs. */
export async function supervise<Thing extends Running>({
  name,
  start,
  say,
  changed,
}: Options<Thing>): Promise<Supervised<Thing>> {
  const stopping = new AbortController();
  let current = await start(undefined);
  changed();

  const keepRunning = async () => {
    let backoffMs = backoffMsMin;
    while (!stopping.signal.aborted) {
      const since = performance.now();
      let end = await current.ended;
      if (performance.now() - since > stableMs) backoffMs = backoffMsMin;
      for (let running = false; !running && !stopping.signal.aborted;) {
        say(`${name} is not running (${end}); starting it again in ${backoffMs} ms`);
        await elapsed(backoffMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        if (stopping.signal.aborted) return;
        backoffMs = Math.min(backoffMs * 2, backoffMsMax);
        try {
          current = await start(current);
          running = true;
          changed();
          say(`${name} is running again`);
        } catch (error) {
          end = error instanceof Error ? error.message : String(error);
        }
      }
    }
  };
  const keeping = keepRunning();

  return {
    current: () => current,
    stop: async () => {
      stopping.abort();
      await current.stop();
      await keeping;
      // Started while it was told to stop.
      await current.stop();
    },
  };
}
