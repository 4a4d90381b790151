/**
 * Compares what was made from the log with the log itself: stream versions, the tables with the fold of the events, the directory with
 * both, and the search index with the tables. Reads only; each difference is one sentence.
 */
import type { Database } from '@docket/store/connect';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';
import type { Meilisearch } from 'meilisearch';

import { verifyDirectory } from './directory.ts';
import { verifyLog } from './log.ts';
import { verifyIndex } from './search.ts';
import { verifyTables } from './tables.ts';

export interface VerifyOptions {
  readonly database: Database;
  /** Undefined where no search engine is used. */
  readonly meilisearch: Meilisearch | undefined;
  readonly onDifference: (sentence: string) => void;
}

export interface Verified {
  readonly events: bigint;
  readonly repositories: number;
  readonly accounts: number;
  /** Undefined where there was no index to compare. */
  readonly documents: number | undefined;
  readonly differences: number;
}

export async function verify({ database, meilisearch, onDifference }: VerifyOptions): Promise<Verified> {
  let differences = 0;
  const differs = (sentence: string) => {
    differences += 1;
    onDifference(sentence);
  };
  const compared = await inTransaction(database, async (transaction) => {
    // One snapshot for everything in Postgres: the checkpoint and the rows that it speaks of are of the same instant.
    await sql`set transaction isolation level repeatable read, read only`.execute(transaction);
    await sql`set local idle_in_transaction_session_timeout = '60s'`.execute(transaction);
    return {
      events: await verifyLog(transaction, differs),
      repositories: await verifyTables(transaction, differs),
      accounts: await verifyDirectory(transaction, differs),
    };
  });
  const documents = meilisearch && (await verifyIndex(database, meilisearch, differs));
  return { ...compared, documents, differences };
}
