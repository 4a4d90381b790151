/** Where the followers of the log stand, for people. */
import type { Store } from './connect.ts';

export interface ProjectionLine {
  readonly [column: string]: string | number | bigint;
}

/** How many events failures are listed at the most, newest first. */
const failuresMax = 200;

export async function listProjections(store: Store): Promise<ProjectionLine[]> {
  const rows = await store.query<{
    name: string;
    version: number;
    position: bigint;
    lag_events: bigint;
    lag_seconds: number;
    holder: string | null;
    held: boolean;
  }>(
    'list_projections',
    `select p.name, p.version, p.position,
       (select count(*) from es.events e where e.position > p.position) as lag_events,
       coalesce((select extract(epoch from clock_timestamp() - e.recorded_at)::float8 from es.events e
         where e.position > p.position order by e.position limit 1), 0) as lag_seconds,
       p.holder, p.held_until > clock_timestamp() as held
     from es.projections p order by p.name, p.version`,
    [],
  );
  return rows.map(({ name, version, position, lag_events, lag_seconds, holder, held }) => ({
    name,
    version,
    position,
    lag_events,
    lag_seconds: lag_seconds.toFixed(1),
    state: lag_events === 0n ? 'at the end' : 'behind',
    // The tables are held by a lock on the row for as long as a page takes, and by nobody in between.
    holder: held && holder !== null ? holder : '-',
  }));
}

export async function listFailures(store: Store): Promise<ProjectionLine[]> {
  const rows = await store.query<{
    id: bigint;
    projection: string;
    position: bigint;
    subject: string;
    reason: string;
    failed_at: Date;
  }>(
    'list_failures',
    'select id, projection, position, subject, reason, failed_at from es.projection_failures order by id desc limit $1',
    [failuresMax],
  );
  return rows.map(({ failed_at, ...row }) => ({ ...row, failed_at: failed_at.toISOString() }));
}
