/** Search indexes that were switched away from: dropped when nobody can be asking them any more. */
import { sql } from 'kysely';

import type { Database } from '../connect.ts';

export async function supersededIndexes(database: Database, afterMs: number): Promise<string[]> {
  const rows = await database
    .selectFrom('es.superseded_indexes')
    .select('uid')
    .where('since', '<', sql<Date>`clock_timestamp() - ${afterMs} * interval '1 millisecond'`)
    .execute();
  return rows.map(({ uid }) => uid);
}

export async function noteSupersededIndex(database: Database, uid: string): Promise<void> {
  await database
    .insertInto('es.superseded_indexes')
    .values({ uid })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function forgetSupersededIndex(database: Database, uid: string): Promise<void> {
  await database.deleteFrom('es.superseded_indexes').where('uid', '=', uid).execute();
}
