/** Streams as they stand in the log, for those who compare what was made of them. Read in one snapshot, whatever it costs. */
import type { StoredEvent } from '@docket/shared/stored-event';
import { sql } from 'kysely';

import type { Transaction } from '../connect.ts';

export interface StreamEvent extends StoredEvent {
  readonly stream_id: string;
  readonly position: bigint;
}

export interface BrokenStream {
  readonly stream_id: string;
  readonly events: bigint;
  /** The highest version. */
  readonly last: number;
}

/** Streams whose versions are not 1, 2, 3… without a gap. */
export async function brokenStreams(transaction: Transaction): Promise<readonly BrokenStream[]> {
  return transaction
    .selectFrom('es.events')
    .select('stream_id')
    .select(({ fn }) => [fn.countAll<bigint>().as('events'), fn.max('version').as('last')])
    .groupBy('stream_id')
    .having(sql<boolean>`count(*) <> max(version) or min(version) <> 1`)
    .execute();
}

export async function countEvents(transaction: Transaction): Promise<bigint> {
  const { events } = await transaction
    .selectFrom('es.events')
    .select(({ fn }) => fn.countAll<bigint>().as('events'))
    .executeTakeFirstOrThrow();
  return events;
}

/** These streams up to a position, each oldest first. */
export async function readStreamsUpTo(
  transaction: Transaction,
  streamIds: readonly string[],
  position: bigint,
): Promise<ReadonlyMap<string, readonly StreamEvent[]>> {
  const rows = await transaction
    .selectFrom('es.events')
    .select(['stream_id', 'position', 'type', 'schema_version', 'data'])
    .where('stream_id', '=', sql<string>`any(${streamIds}::text[])`)
    .where('position', '<=', position)
    .orderBy('stream_id')
    .orderBy('version')
    .execute();
  return byStream(rows);
}

/** All streams whose ids begin so, each oldest first. */
export async function readStreamsOf(
  transaction: Transaction,
  prefix: string,
): Promise<ReadonlyMap<string, readonly StreamEvent[]>> {
  const rows = await transaction
    .selectFrom('es.events')
    .select(['stream_id', 'position', 'type', 'schema_version', 'data'])
    .where('stream_id', 'like', `${prefix}%`)
    .orderBy('stream_id')
    .orderBy('version')
    .execute();
  return byStream(rows);
}

function byStream(rows: readonly StreamEvent[]): ReadonlyMap<string, readonly StreamEvent[]> {
  const streams = new Map<string, StreamEvent[]>();
  for (const row of rows) {
    const events = streams.get(row.stream_id);
    if (events) events.push(row);
    else streams.set(row.stream_id, [row]);
  }
  return streams;
}

export interface GivenStar {
  readonly repository_id: string;
  readonly account_id: string;
  /** The life of the repository in which it was given. */
  readonly life: number;
}

/** Every star that was given and not taken back, whatever became of the repository. */
export async function givenStars(transaction: Transaction): Promise<readonly GivenStar[]> {
  const { rows } = await sql<GivenStar>`with latest as (
      select distinct on (stream_id, data ->> 'account_id') stream_id, version, type, data ->> 'account_id' as account_id
      from es.events where type in ('RepositoryStarred', 'RepositoryUnstarred')
      order by stream_id, data ->> 'account_id', version desc)
    select substr(l.stream_id, length('repository-') + 1) as repository_id, l.account_id,
      (select (c.data ->> 'life')::int from es.events c
        where c.stream_id = l.stream_id and c.type = 'RepositoryCreated' and c.version < l.version
        order by c.version desc limit 1) as life
    from latest l where l.type = 'RepositoryStarred'`.execute(transaction);
  return rows;
}
