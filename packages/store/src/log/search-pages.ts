/** Pages of the log as the follower of the search index reads them: which repositories they touched. */
import { sql } from 'kysely';

import type { Database } from '../connect.ts';
import { tablesProjection } from '../followers/checkpoint.ts';
import type { Checkpoint } from '../followers/checkpoint.ts';

export interface SearchPage {
  /** The last event of the page. */
  readonly end: Checkpoint;
  readonly repositoryIds: readonly string[];
}

interface PageRow {
  readonly position: bigint | null;
  readonly command_id: string;
  readonly repository_ids: readonly string[] | null;
}

/** A page of the log for the index, never ahead of the tables, whose rows are indexed. Undefined at the end. */
export async function readSearchPage(
  database: Database,
  after: bigint,
  eventsMax: number,
): Promise<SearchPage | undefined> {
  const { rows } = await sql<PageRow>`with page as (
      select position, command_id, stream_id from es.events
      where position > ${after} and position <= (select position from es.projections where name = ${tablesProjection.name})
      order by position limit ${eventsMax})
    select max(position) as position, (array_agg(command_id order by position desc))[1] as command_id,
      array_agg(distinct substr(stream_id, 12)) filter (where stream_id like 'repository-%') as repository_ids
    from page`.execute(database);
  const [row] = rows;
  if (!row || row.position === null) return undefined;
  return { end: { position: row.position, commandId: row.command_id }, repositoryIds: row.repository_ids ?? [] };
}

/** False for the mark of a log that is not this one, or that this one was once and then was restored to an older day. */
export async function isInLog(database: Database, { position, commandId }: Checkpoint): Promise<boolean> {
  if (position === 0n) return true;
  const row = await database
    .selectFrom('es.events')
    .select('position')
    .where('position', '=', position)
    .where('command_id', '=', commandId)
    .executeTakeFirst();
  return row !== undefined;
}

/** The command of the event at a position; undefined where there is none. */
export async function commandAt(database: Database, position: bigint): Promise<string | undefined> {
  const row = await database
    .selectFrom('es.events')
    .select('command_id')
    .where('position', '=', position)
    .executeTakeFirst();
  return row?.command_id;
}
