/** Why a follower of the log does not go on: written beside its checkpoint, for other processes and for people to see. */
import { sql } from 'kysely';

import type { Database } from '../connect.ts';
import type { Projection, Standpoint } from './checkpoint.ts';

export type Trouble =
  /** Until a person has looked, or until a process of a newer version is there. */
  | { readonly kind: 'halted' | 'waiting'; readonly reason: string }
  /** The same page again and again; it is tried again all the same. */
  | { readonly kind: 'failing'; readonly reason: string; readonly failing: Failing };

export interface Failing {
  /** The position of the event that the page begins with; undefined at the end of the log. */
  readonly position: bigint | undefined;
  readonly failures: number;
  /** How long ago it failed for the first time. */
  readonly forMs: number;
}

export const noTrouble = {
  trouble: null,
  trouble_reason: null,
  trouble_since: null,
  trouble_position: null,
  trouble_failures: null,
} as const;

/** For a person. */
export function troubleSentence(trouble: Trouble): string {
  switch (trouble.kind) {
    case 'halted':
      return `it stands still until somebody looks: ${trouble.reason}`;
    case 'waiting':
      return `it waits for a newer version: ${trouble.reason}`;
    case 'failing':
      return `it ${failedSentence(trouble.failing)}: ${trouble.reason}`;
  }
}

/** Without a subject: whoever tells it names the follower. */
export function failedSentence({ position, failures, forMs }: Failing): string {
  const where = position === undefined ? 'the end of the log' : `position ${position}`;
  return `failed ${failures} times in ${Math.round(forMs / 1_000)} s at ${where}`;
}

/**
 * Gone with the next page that anybody applies. Of two processes that fail at one position the longer story is told; nothing is where
 * the checkpoint is no more where it failed.
 */
export async function reportTrouble(
  database: Database,
  { name, version }: Projection,
  trouble: Trouble,
  at?: Standpoint,
): Promise<void> {
  const { kind, reason } = trouble;
  const failing = trouble.kind === 'failing' ? trouble.failing : undefined;
  const position = failing?.position ?? null;
  const failures = failing?.failures ?? null;
  const since = sql<Date>`clock_timestamp() - ${failing?.forMs ?? 0}::float8 * interval '1 millisecond'`;
  const known = sql`(trouble, trouble_position) is not distinct from (${kind}::text, ${position}::bigint)`;
  await database
    .updateTable('es.projections')
    .set({
      trouble: kind,
      trouble_reason: reason,
      trouble_since: sql<Date>`case when ${known} then least(trouble_since, ${since}) else ${since} end`,
      trouble_position: position,
      trouble_failures: sql<number>`case when ${known} then greatest(trouble_failures, ${failures}::int) else ${failures}::int end`,
    })
    .where('name', '=', name)
    .where('version', '=', version)
    .$if(at !== undefined, (query) => query.where('position', '=', at?.checkpoint ?? 0n))
    .where(
      sql<boolean>`(trouble, trouble_reason, trouble_position, trouble_failures)
        is distinct from (${kind}::text, ${reason}::text, ${position}::bigint, ${failures}::int)`,
    )
    .execute();
}

/** After a step that found nothing to apply, and so moved no checkpoint. */
export async function clearFailing(database: Database, { name, version }: Projection): Promise<void> {
  await database
    .updateTable('es.projections')
    .set(noTrouble)
    .where('name', '=', name)
    .where('version', '=', version)
    .where('trouble', '=', 'failing')
    .execute();
}

/** Whichever process told it. Undefined where there is none. */
export async function readTrouble(database: Database, { name, version }: Projection): Promise<Trouble | undefined> {
  const row = await database
    .selectFrom('es.projections')
    .select(['trouble', 'trouble_reason', 'trouble_position', 'trouble_failures'])
    .select(troubleMs.as('trouble_ms'))
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst();
  return row && troubleOf(row);
}

export const troubleMs = sql<number | null>`extract(epoch from clock_timestamp() - trouble_since)::float8 * 1000`;

export interface TroubleRow {
  readonly trouble: Trouble['kind'] | null;
  readonly trouble_reason: string | null;
  readonly trouble_position: bigint | null;
  readonly trouble_failures: number | null;
  readonly trouble_ms: number | null;
}

export function troubleOf(row: TroubleRow): Trouble | undefined {
  const { trouble: kind } = row;
  const reason = row.trouble_reason ?? '';
  if (kind === null) return undefined;
  if (kind !== 'failing') return { kind, reason };
  const failing: Failing = {
    position: row.trouble_position ?? undefined,
    failures: row.trouble_failures ?? 0,
    forMs: row.trouble_ms ?? 0,
  };
  return { kind, reason, failing };
}
