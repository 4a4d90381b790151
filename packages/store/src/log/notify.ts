/**
 * The wake-up: a hint that there is something new in the log, never the truth. NOTIFY inside of an append would serialise all
 * commits; here it follows the commit, from a transaction of its own that does not wait for the disk. Who misses it polls.
 */
import { sql } from 'kysely';
import pg from 'pg';

import type { Database } from '../connect.ts';

const channel = 'docket_events';
const debounceMs = 5;
const reconnectMsMin = 250;
const reconnectMsMax = 5_000;

export function notifier(database: Database): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      // A hint that is lost costs one polling interval.
      sql`select set_config('synchronous_commit', 'off', true), pg_notify(${channel}, '')`
        .execute(database)
        .catch(() => undefined);
    }, debounceMs);
  };
}

export interface Listener {
  readonly stop: () => Promise<void>;
}

/** Calls `wake` at every hint and after every connecting, when a hint may have been missed. Needs a direct connection. */
export function listen(url: string, wake: () => void): Listener {
  let stopped = false;
  let client: pg.Client | undefined;
  let pauseMs = reconnectMsMin;
  let timer: NodeJS.Timeout | undefined;

  function connectAgain(): void {
    if (stopped || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      void open();
    }, pauseMs);
    pauseMs = Math.min(pauseMs * 2, reconnectMsMax);
  }

  async function open(): Promise<void> {
    const opened = new pg.Client({
      connectionString: url,
      application_name: 'docket listen',
      connectionTimeoutMillis: 3_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
    });
    opened.on('error', () => undefined);
    opened.on('end', connectAgain);
    opened.on('notification', wake);
    client = opened;
    try {
      await opened.connect();
      await opened.query(`listen ${channel}`);
      pauseMs = reconnectMsMin;
      wake();
    } catch {
      await opened.end().catch(() => undefined);
      connectAgain();
    }
  }

  void open();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
