/**
 * What a follower could not deliver and went past: a document that Meilisearch refuses, a mail that bounces. It is tried again a few
 * times, later and later, and then set aside until somebody asks for another try. Never silently.
 */
import type { Executor } from '../log.ts';

const firstRetryMs = 2_000;
/** 2 s, 8 s, 32 s, 2 min, 9 min, 34 min, 2 h, 9 h. */
const retryFactor = 4;
const dueMax = 100;

export interface Failure {
  readonly projection: string;
  readonly position: bigint;
  /** What it was about: an address, a repository. Ids only. One failure for each. */
  readonly subject: string;
  readonly reason: string;
  /** How often it is tried again before it is set aside; 0 where that cannot help. */
  readonly retriesMax: number;
}

export async function recordFailure(
  executor: Executor,
  { projection, position, subject, reason, retriesMax }: Failure,
): Promise<void> {
  await executor.query({
    text: `insert into es.projection_failures as f (projection, position, subject, reason, retry_at)
      values ($1, $2, $3, $4, case when $5::int > 0 then clock_timestamp() + $6 * interval '1 millisecond' end)
      on conflict (projection, subject) do update set
        position = excluded.position, reason = excluded.reason, failed_at = excluded.failed_at, attempts = f.attempts + 1,
        retry_at = case when f.attempts < $5::int
          then clock_timestamp() + $6 * power($7, f.attempts) * interval '1 millisecond' end`,
    values: [projection, position, subject, reason, retriesMax, firstRetryMs, retryFactor],
  });
}

export interface DueFailure {
  readonly id: bigint;
  readonly position: bigint;
  readonly subject: string;
}

/** What is to be tried again now, the longest waiting first. */
export async function dueFailures(executor: Executor, projection: string): Promise<DueFailure[]> {
  const { rows } = await executor.query<DueFailure>({
    text: `select id, position, subject from es.projection_failures
      where projection = $1 and retry_at <= clock_timestamp() order by retry_at limit $2`,
    values: [projection, dueMax],
  });
  return rows;
}

/** They were delivered, or there is nothing to deliver any more. */
export async function resolveFailures(
  executor: Executor,
  projection: string,
  subjects: readonly string[],
): Promise<void> {
  await executor.query({
    text: 'delete from es.projection_failures where projection = $1 and subject = any($2::text[])',
    values: [projection, subjects],
  });
}

/** As if it had never been tried. Undefined is all of them. Answers with how many. */
export async function retryFailures(executor: Executor, id: bigint | undefined): Promise<number> {
  const { rowCount } = await executor.query({
    text: `update es.projection_failures set retry_at = clock_timestamp(), attempts = 0 where $1::bigint is null or id = $1`,
    values: [id ?? null],
  });
  return rowCount ?? 0;
}
