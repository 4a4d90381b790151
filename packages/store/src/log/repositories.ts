/** The facts about a repository that only the log holds: its beginning, its deletion, its changes since a position, who announced a tag. */
import { repositoryStream } from '@docket/shared/stored-event';
import { sql } from 'kysely';

import type { Database } from '../connect.ts';

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

/** Who announced each of these tags last, and when. */
export async function lastAnnouncements(
  database: Database,
  repositoryId: string,
  tags: readonly string[],
): Promise<readonly Announcement[]> {
  const { rows } = await sql<Announcement>`select distinct on (image ->> 'tag')
      image ->> 'tag' as tag, e.position, e.recorded_at, a.name as actor
    from es.events e
    cross join lateral jsonb_array_elements(e.data -> 'images') as image
    left join directory.accounts a on a.id = (e.metadata #>> '{actor,id}')::uuid
    where e.stream_id = ${repositoryStream(repositoryId)} and e.type in ('PushOpened', 'ImagesAdded')
      and image ->> 'tag' = any(${tags}::text[])
    order by image ->> 'tag', e.version desc`.execute(database);
  return rows;
}
