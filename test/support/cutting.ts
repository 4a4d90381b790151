import { setTimeout as elapsed } from 'node:timers/promises';

const cutEveryMs = 25;

export interface Cutting {
  /** How many were cut until now. */
  count(): number;
  end(): Promise<void>;
}

/**
 * Cuts again and again, until the end. While nothing succeeds between two cuts it waits longer and longer: how long a command takes is
 * the machine's, and where every one is cut there is nothing left to prove.
 */
export function cutting(cut: () => Promise<number>, succeeded: () => number): Cutting {
  const end = new AbortController();
  let count = 0;
  const done = (async () => {
    let pauseMs = cutEveryMs;
    while (!end.signal.aborted) {
      count += await cut();
      const before = succeeded();
      await elapsed(pauseMs);
      pauseMs = succeeded() === before ? pauseMs * 2 : cutEveryMs;
    }
  })();
  return {
    count: () => count,
    end: () => {
      end.abort();
      return done;
    },
  };
}
