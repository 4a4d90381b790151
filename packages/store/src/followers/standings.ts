/** The standings of the followers of the log, for people and for their monitoring. */
import { sql } from 'kysely';

import type { Database } from '../connect.ts';
import { isNext } from './checkpoint.ts';
import { failedSentence, troubleMs, troubleOf } from './trouble.ts';
import type { Trouble } from './trouble.ts';
import { countEventsAfter, countPositionsAfter, secondsSinceFirstAfter } from '../log/lag.ts';

export interface ProjectionLine {
  readonly [column: string]: string | number | bigint;
}

/** The number of failures that are listed at the most, newest first. */
const failuresMax = 200;

const position = sql.ref<bigint>('projection.position');

export async function listProjections(database: Database): Promise<ProjectionLine[]> {
  const rows = await database
    .selectFrom('es.projections as projection')
    .select(['name', 'version', 'position', 'holder'])
    .select(['trouble', 'trouble_reason', 'trouble_position', 'trouble_failures'])
    .select([
      troubleMs.as('trouble_ms'),
      countEventsAfter(position).as('lag_events'),
      secondsSinceFirstAfter(position).as('lag_seconds'),
      sql<boolean>`held_until > clock_timestamp()`.as('held'),
    ])
    .orderBy('name')
    .orderBy('version')
    .execute();
  return rows.map((row) => {
    const trouble = troubleOf(row);
    return {
      name: row.name,
      version: row.version,
      position: row.position,
      lag_events: row.lag_events,
      lag_seconds: row.lag_seconds.toFixed(1),
      state: trouble?.kind ?? stateOf(row),
      // The tables are held by a lock on the row for as long as a page takes, and by nobody in between.
      holder: row.held && row.holder !== null ? row.holder : '-',
      why: trouble === undefined ? '-' : whyOf(trouble),
    };
  });
}

interface StateRow {
  readonly name: string;
  readonly lag_events: bigint;
}

function whyOf(trouble: Trouble): string {
  return trouble.kind === 'failing' ? `${failedSentence(trouble.failing)}: ${trouble.reason}` : trouble.reason;
}

function stateOf({ name, lag_events }: StateRow): string {
  if (isNext({ name })) return 'being built';
  return lag_events === 0n ? 'at the end' : 'behind';
}

export async function listFailures(database: Database): Promise<ProjectionLine[]> {
  const rows = await database
    .selectFrom('es.projection_failures')
    .select(['id', 'projection', 'position', 'subject', 'attempts', 'retry_at', 'reason', 'failed_at'])
    .orderBy('id', 'desc')
    .limit(failuresMax)
    .execute();
  return rows.map(({ failed_at, retry_at, reason, ...row }) => ({
    ...row,
    failed_at: failed_at.toISOString(),
    next_try: retry_at?.toISOString() ?? 'set aside',
    reason,
  }));
}

export interface ProjectionStanding {
  readonly projection: string;
  readonly lagEvents: number;
  readonly lagSeconds: number;
  readonly halted: boolean;
  readonly failing: boolean;
  readonly failures: number;
}

/** The standings for a scrape every few seconds: the lag in positions, which costs the same however long it is. */
export async function readStandings(database: Database): Promise<ProjectionStanding[]> {
  const rows = await database
    .selectFrom('es.projections as projection')
    .select(['name', 'trouble'])
    .select((row) => [
      countPositionsAfter(position).as('lag_events'),
      secondsSinceFirstAfter(position).as('lag_seconds'),
      row
        .selectFrom('es.projection_failures as failure')
        .whereRef('failure.projection', '=', 'projection.name')
        .select(({ fn }) => fn.countAll<bigint>().as('failures'))
        .as('failures'),
    ])
    .execute();
  return rows.map(({ name, lag_events, lag_seconds, trouble, failures }) => ({
    projection: name,
    lagEvents: Number(lag_events),
    lagSeconds: lag_seconds,
    halted: trouble === 'halted',
    failing: trouble === 'failing',
    failures: Number(failures ?? 0n),
  }));
}
