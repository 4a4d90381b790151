/** The facts about a repository that only the log holds: its beginning, its deletion, its changes since a position, who announced a tag. */
import { repositoryStream } from '@docket/shared/stored-event';
import { sql } from 'kysely';

import type { Database } from '../connect.ts';
import { tablesProjection } from '../followers/checkpoint.ts';

/** When its name was first used. */
export async function registeredAt(database: Database, repositoryId: string): Promise<Date> {
  const row = await database
    .selectFrom('es.events')
    .select('recorded_at')
    .where('stream_id', '=', repositoryStream(repositoryId))
    .where('version', '=', 1)
    .executeTakeFirst();
  if (!row) throw new Error(`the stream of repository ${repositoryId} does not begin`);
  return row.recorded_at;
}

export async function wasDeletedWithinDays(database: Database, repositoryId: string, days: number): Promise<boolean> {
  const row = await database
    .selectFrom('es.events')
    .select(sql<boolean>`recorded_at > clock_timestamp() - make_interval(days => ${days}::int)`.as('in_time'))
    .where('stream_id', '=', repositoryStream(repositoryId))
    .where('type', '=', 'RepositoryDeleted')
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.in_time ?? false;
}

/** The streams of repositories that have an event after a position, each once. */
export async function repositoryStreamsAfter(database: Database, position: bigint): Promise<readonly string[]> {
  // It is not prepared: a plan for any position would read the whole log.
  const rows = await database
    .selectFrom('es.events')
    .select('stream_id')
    .distinct()
    .where('position', '>', position)
    .where('stream_id', 'like', 'repository-%')
    .execute();
  return rows.map(({ stream_id }) => stream_id);
}

export interface Announcement {
  readonly tag: string;
  readonly position: bigint;
  readonly recorded_at: Date;
  /** Name of the account that pushed; null where nobody is known or the account was erased. */
  readonly actor: string | null;
}

/**
 * Who announced each of these tags last, and when. The row of a tag knows the event, and what came after the rows is looked through;
 * where no row knows it, the whole stream is.
 */
export async function lastAnnouncements(
  database: Database,
  repositoryId: string,
  tags: readonly string[],
): Promise<readonly Announcement[]> {
  const { rows } = await sql<Announcement>`with ${lastOf(repositoryId, tags)}
    select last.tag, e.position, e.recorded_at, a.name as actor
    from last join es.events e on e.position = last.position
    left join directory.accounts a on a.id = (e.metadata #>> '{actor,id}')::uuid`.execute(database);
  return rows;
}

export interface TagPage {
  readonly descends: boolean;
  readonly offset: number;
  readonly limit: number;
}

/** A page of these tags in the order in which they were announced last, and those of one push by name. */
export async function tagsByAnnouncement(
  database: Database,
  repositoryId: string,
  tags: readonly string[],
  { descends, offset, limit }: TagPage,
): Promise<readonly string[]> {
  const way = sql.raw(descends ? 'desc' : 'asc');
  const { rows } = await sql<{ readonly tag: string }>`with ${lastOf(repositoryId, tags)}
    select tag from last order by position ${way}, tag collate "C" ${way} limit ${limit} offset ${offset}`.execute(
    database,
  );
  return rows.map(({ tag }) => tag);
}

/** `last (tag, position)`. */
function lastOf(repositoryId: string, tags: readonly string[]) {
  return sql`known as (
      select r.version, t.tag, t.position
      from read.repositories r
      left join read.tags t on t.repository_id = r.repository_id and t.tag = any(${tags}::text[])
      where r.repository_id = ${repositoryId} and r.tables_version = ${tablesProjection.version}
    ), looked_through as (
      select case when bool_and(tag is null or position is not null) then max(version) else 0 end as after from known
    ), announced as (
      select tag, position from known where position is not null
      union all
      select image ->> 'tag', e.position
      from es.events e
      cross join lateral jsonb_array_elements(e.data -> 'images') as image
      where e.stream_id = ${repositoryStream(repositoryId)} and e.type in ('PushOpened', 'ImagesAdded')
        and e.version > (select coalesce(after, 0) from looked_through) and image ->> 'tag' = any(${tags}::text[])
    ), last as (select tag, max(position) as position from announced group by tag)`;
}
