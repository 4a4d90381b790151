/** The lag of a checkpoint behind the log, as fragments of a statement about `es.projections`. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

/** Counts events; `position` is a column of the checkpoint. For people: it reads all that is behind. */
export function countEventsAfter(position: RawBuilder<bigint>): RawBuilder<bigint> {
  return sql<bigint>`(select count(*) from es.events e where e.position > ${position})`;
}

/** Counts positions, which costs nothing however many there are. */
export function countPositionsAfter(position: RawBuilder<bigint>): RawBuilder<bigint> {
  return sql<bigint>`greatest(0, coalesce((select max(e.position) from es.events e), 0) - ${position})`;
}

/** How long ago the oldest event was recorded that comes after; 0 where there is none. */
export function secondsSinceFirstAfter(position: RawBuilder<bigint>): RawBuilder<number> {
  return sql<number>`coalesce((select extract(epoch from clock_timestamp() - e.recorded_at)::float8 from es.events e
    where e.position > ${position} order by e.position limit 1), 0)`;
}
