/** A transaction of its own, for commands that touch what must be unique or true at once: side tables first, the append last. */
import type pg from 'pg';

import type { Store } from './connect.ts';

/**
 * Commits what `work` did when it returns, rolls back when it throws or calls `abort`, whose argument is then the outcome. Nothing
 * may come between the append and the return: it would hold back every reader of the log.
 */
export async function inTransaction<T>(
  { pool }: Store,
  work: (client: pg.PoolClient, abort: (outcome: T) => never) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  let aborted: { readonly outcome: T } | undefined;
  // Without a listener a connection that breaks between two statements would end the process; the next statement reports it.
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('begin');
    const outcome = await work(client, (instead) => {
      aborted = { outcome: instead };
      throw new Error('rolled back on purpose');
    });
    await client.query('commit');
    return outcome;
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    if (aborted) return aborted.outcome;
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
