/**
 * The deliveries that a follower failed at and went past: a document that Meilisearch refuses, a mail that bounces. Each is tried
 * again a few times, later and later, and then set aside until somebody asks for another try. Every failure is recorded.
 */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import type { Database } from '../connect.ts';

const firstRetryMs = 2_000;
/** 2 s, 8 s, 32 s, 2 min, 9 min, 34 min, 2 h, 9 h. */
const retryFactor = 4;
const dueMax = 100;

export interface Failure {
  readonly projection: string;
  readonly position: bigint;
  /** The id of the subject, an address or a repository. Each subject has one failure at the most. */
  readonly subject: string;
  readonly reason: string;
  /** The number of tries before it is set aside; 0 where another try cannot help. */
  readonly retriesMax: number;
}

export async function recordFailure(
  database: Database,
  { projection, position, subject, reason, retriesMax }: Failure,
): Promise<void> {
  const retryAt = retriesMax > 0 ? inMs(sql`${firstRetryMs}::int`) : null;
  await database
    .insertInto('es.projection_failures')
    .values({ projection, position, subject, reason, retry_at: retryAt })
    .onConflict((conflict) =>
      conflict.columns(['projection', 'subject']).doUpdateSet((row) => ({
        position,
        reason,
        failed_at: sql<Date>`clock_timestamp()`,
        attempts: row('es.projection_failures.attempts', '+', 1),
        retry_at: row
          .case()
          .when('es.projection_failures.attempts', '<', retriesMax)
          .then(inMs(sql`${firstRetryMs}::int * power(${retryFactor}::int, projection_failures.attempts)`))
          .end(),
      })),
    )
    .execute();
}

function inMs(ms: RawBuilder<unknown>) {
  return sql<Date>`clock_timestamp() + ${ms} * interval '1 millisecond'`;
}

export interface DueFailure {
  readonly id: bigint;
  readonly position: bigint;
  readonly subject: string;
}

/** The failures that are due for another try, the longest waiting first. */
export async function dueFailures(database: Database, projection: string): Promise<readonly DueFailure[]> {
  return database
    .selectFrom('es.projection_failures')
    .select(['id', 'position', 'subject'])
    .where('projection', '=', projection)
    .where('retry_at', '<=', sql<Date>`clock_timestamp()`)
    .orderBy('retry_at')
    .limit(dueMax)
    .execute();
}

/** They were delivered, or there is nothing to deliver any more. */
export async function resolveFailures(
  database: Database,
  projection: string,
  subjects: readonly string[],
): Promise<void> {
  if (subjects.length === 0) return;
  await database
    .deleteFrom('es.projection_failures')
    .where('projection', '=', projection)
    .where('subject', '=', sql<string>`any(${subjects}::text[])`)
    .execute();
}

/** Makes failures due at once, as if they had never been tried: one of them, or all for undefined. Answers with their number. */
export async function retryFailures(database: Database, id: bigint | undefined): Promise<number> {
  const { numUpdatedRows } = await database
    .updateTable('es.projection_failures')
    .set({ retry_at: sql<Date>`clock_timestamp()`, attempts: 0 })
    .$if(id !== undefined, (query) => query.where('id', '=', id ?? 0n))
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}
