import { sql } from 'kysely';

import type { Transaction } from '../connect.ts';

/**
 * Until the transaction ends nobody else appends to these streams: the locks are those of `es.append`, taken in its order. For who lost
 * a race and means not to lose the next; who takes them first would hold up appends that have no quarrel with it.
 */
export async function lockStreams(transaction: Transaction, streamIds: readonly string[]): Promise<void> {
  await sql`select pg_advisory_xact_lock(1163087698, k)
    from (select distinct hashtext(s) as k from unnest(${streamIds}::text[]) s order by 1) q`.execute(transaction);
}
