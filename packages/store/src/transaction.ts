/** A transaction of its own, for commands that touch what must be unique or true at once: side tables first, the append last. */
import type { Database, Transaction } from './connect.ts';

/**
 * Commits what `work` did when it returns, rolls back when it throws or calls `abort`, whose argument is then the outcome. Nothing
 * may come between the append and the return: it would hold back every reader of the log.
 */
export async function inTransaction<T>(
  database: Database,
  work: (transaction: Transaction, abort: (outcome: T) => never) => Promise<T>,
): Promise<T> {
  let aborted: { readonly outcome: T } | undefined;
  try {
    return await database.transaction().execute((transaction) =>
      work(transaction, (instead) => {
        aborted = { outcome: instead };
        throw new Error('rolled back on purpose');
      }),
    );
  } catch (error) {
    if (aborted) return aborted.outcome;
    throw error;
  }
}
