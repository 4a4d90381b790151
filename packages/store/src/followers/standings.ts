/** Where the followers of the log stand, for people and for their monitoring. */
import type { Store } from '../connect.ts';

export interface ProjectionLine {
  readonly [column: string]: string | number | bigint;
}

/** How many failures are listed at the most, newest first. */
const failuresMax = 200;

interface ProjectionRow {
  name: string;
  version: number;
  position: bigint;
  lag_events: bigint;
  lag_seconds: number;
  holder: string | null;
  held: boolean;
  trouble: 'halted' | 'waiting' | null;
  trouble_reason: string | null;
}

export async function listProjections(store: Store): Promise<ProjectionLine[]> {
  const rows = await store.query<ProjectionRow>(
    'list_projections',
    `select p.name, p.version, p.position,
       (select count(*) from es.events e where e.position > p.position) as lag_events,
       coalesce((select extract(epoch from clock_timestamp() - e.recorded_at)::float8 from es.events e
         where e.position > p.position order by e.position limit 1), 0) as lag_seconds,
       p.holder, p.held_until > clock_timestamp() as held, p.trouble, p.trouble_reason
     from es.projections p order by p.name, p.version`,
    [],
  );
  return rows.map((row) => ({
    name: row.name,
    version: row.version,
    position: row.position,
    lag_events: row.lag_events,
    lag_seconds: row.lag_seconds.toFixed(1),
    state: stateOf(row),
    // The tables are held by a lock on the row for as long as a page takes, and by nobody in between.
    holder: row.held && row.holder !== null ? row.holder : '-',
    why: row.trouble_reason ?? '-',
  }));
}

function stateOf({ name, trouble, lag_events }: ProjectionRow): string {
  if (trouble !== null) return trouble;
  if (name.endsWith(nextSuffix)) return 'being built';
  return lag_events === 0n ? 'at the end' : 'behind';
}

/** What the one that is built beside the running one is called. */
export const nextSuffix = '_next';

export async function listFailures(store: Store): Promise<ProjectionLine[]> {
  const rows = await store.query<{
    id: bigint;
    projection: string;
    position: bigint;
    subject: string;
    attempts: number;
    retry_at: Date | null;
    reason: string;
    failed_at: Date;
  }>(
    'list_failures',
    `select id, projection, position, subject, attempts, retry_at, reason, failed_at
     from es.projection_failures order by id desc limit $1`,
    [failuresMax],
  );
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
  readonly failures: number;
}

/** For a scrape every few seconds: the lag in positions, which costs nothing however long it is. */
export async function readStandings(store: Store): Promise<ProjectionStanding[]> {
  const rows = await store.query<{
    name: string;
    lag_events: bigint;
    lag_seconds: number;
    halted: boolean;
    failures: bigint;
  }>(
    'read_standings',
    `select p.name, greatest(0, coalesce((select max(position) from es.events), 0) - p.position) as lag_events,
       coalesce((select extract(epoch from clock_timestamp() - e.recorded_at)::float8 from es.events e
         where e.position > p.position order by e.position limit 1), 0) as lag_seconds,
       p.trouble is not distinct from 'halted' as halted,
       (select count(*) from es.projection_failures f where f.projection = p.name) as failures
     from es.projections p`,
    [],
  );
  return rows.map(({ name, lag_events, lag_seconds, halted, failures }) => ({
    projection: name,
    lagEvents: Number(lag_events),
    lagSeconds: lag_seconds,
    halted,
    failures: Number(failures),
  }));
}
