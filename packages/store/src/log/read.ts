/** Reading the log: one stream, the newest of a stream, what a command wrote; the whole of it through `es.read_after` alone. */
import { metadataSchema } from '@docket/shared/event';
import type { Recorded } from '@docket/shared/event';
import { pageBytesMax } from '@docket/shared/limits';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { readEvent, readRepositoryEvent } from '@docket/shared/stored-event';
import type { DomainEvent, StoredEvent } from '@docket/shared/stored-event';
import { sql } from 'kysely';

import type { Database } from '../connect.ts';

export interface EventRow extends StoredEvent {
  readonly position: bigint;
  readonly stream_id: string;
  readonly version: number;
  readonly command_id: string;
  readonly metadata: unknown;
  readonly recorded_at: Date;
}

const columns = [
  'position',
  'stream_id',
  'version',
  'type',
  'schema_version',
  'command_id',
  'data',
  'metadata',
  'recorded_at',
] as const;

/**
 * What comes after a position that no append in flight can still go below, in order: so many events or bytes of their data at the most,
 * whichever are fewer, but one event at least. Read committed, on the primary.
 */
export async function readAfter(
  database: Database,
  after: bigint,
  eventsMax: number,
  bytesMax = pageBytesMax,
): Promise<readonly Recorded<DomainEvent>[]> {
  const { rows } = await sql<EventRow>`select ${sql.join(columns.map((column) => sql.ref(column)))}
    from es.read_after(${after}, ${eventsMax}, ${bytesMax})`.execute(database);
  return rows.map((row) => recorded(row, readEvent));
}

/** The last position that no append in flight can still go below. Read committed, on the primary. */
export async function readSafePosition(database: Database): Promise<bigint> {
  const { rows } = await sql<{ readonly position: bigint }>`select es.safe_position() as position`.execute(database);
  return rows[0]?.position ?? 0n;
}

/** One stream, oldest first. `parse` says what its events are, and throws on what they are not. */
export async function readStream<Event>(
  database: Database,
  streamId: string,
  parse: (stored: StoredEvent) => Event,
): Promise<readonly Recorded<Event>[]> {
  const rows = await database
    .selectFrom('es.events')
    .select(columns)
    .where('stream_id', '=', streamId)
    .orderBy('version')
    .execute();
  return rows.map((row) => recorded(row, parse));
}

/** Several streams of repositories, each oldest first. */
export async function readRepositoryStreams(
  database: Database,
  streamIds: readonly string[],
): Promise<readonly Recorded<RepositoryEvent>[]> {
  const rows = await database
    .selectFrom('es.events')
    .select(columns)
    .where('stream_id', '=', sql<string>`any(${streamIds}::text[])`)
    .orderBy('stream_id')
    .orderBy('version')
    .execute();
  return rows.map((row) => recorded(row, readRepositoryEvent));
}

export interface PageBounds {
  readonly eventsMax: number;
  /** The size of the page as JSON; an event that alone is larger is a page. */
  readonly bytesMax: number;
  /** The size of the events as they are stored, compressed: so much has to be unpacked for the page. One event may be larger, as above. */
  readonly storedBytesMax: number;
  /** The entries of a list of images; the rest is cut off. */
  readonly imagesMax: number;
}

export interface ToldEvent extends Recorded<DomainEvent> {
  /** How many images the event has, where it has a list of them; the list may be cut. */
  readonly imageCount: number | undefined;
}

interface ToldRow extends EventRow {
  readonly image_count: number | null;
  readonly found: bigint;
}

/** What stands around the data and the metadata of an event in an answer. */
const frameBytes = 300;

/**
 * The newest events of a stream before a position, as many as the bounds allow and at least one where there is one. Counted and cut in the
 * database, so that no more comes from there than is told. `more`: there are older ones.
 */
export async function readStreamBackwards(
  database: Database,
  streamId: string,
  before: bigint | undefined,
  { eventsMax, bytesMax, storedBytesMax, imagesMax }: PageBounds,
): Promise<{ readonly events: readonly ToldEvent[]; readonly more: boolean }> {
  const names = sql.join(columns.map((column) => sql.ref(column)));
  const kept = sql.join(columns.filter((column) => column !== 'data').map((column) => sql.ref(column)));
  // The size of what is stored is read without unpacking it, and only what fits is unpacked.
  const { rows } = await sql<ToldRow>`with newest as materialized (
      select ${names} from es.events
      where stream_id = ${streamId} and (${before ?? null}::bigint is null or position < ${before ?? null}::bigint)
      order by version desc limit ${eventsMax + 1}
    ), measured as (
      select *, sum(pg_column_size(data)) over newer - pg_column_size(data) as stored_before
      from newest window newer as (order by version desc)
    ), cut as materialized (
      select ${kept}, counted.image_count,
        case when counted.image_count > ${imagesMax}
          then (data - 'images') || jsonb_build_object('images',
            jsonb_path_query_array(listed.images, '$[0 to $last]', jsonb_build_object('last', ${imagesMax - 1}::int)))
          else data end as data
      from measured
      cross join lateral (select data -> 'images' as images offset 0) listed
      cross join lateral (
        select case jsonb_typeof(listed.images) when 'array' then jsonb_array_length(listed.images) end as image_count
      ) counted
      where stored_before < ${storedBytesMax}
    ), told as (
      select *, sum(octet_length(data::text) + octet_length(metadata::text) + ${frameBytes}::int) over newer as bytes,
        row_number() over newer as place
      from cut window newer as (order by version desc)
    )
    select ${names}, image_count, (select count(*) from newest) as found from told
    where place = 1 or bytes <= ${bytesMax} order by version desc limit ${eventsMax}`.execute(database);
  return {
    events: rows.map((row) => ({ ...recorded(row, readEvent), imageCount: row.image_count ?? undefined })),
    more: Number(rows[0]?.found ?? 0) > rows.length,
  };
}

export interface PastCommand {
  readonly events: readonly DomainEvent[];
  /** Null where the request's context was erased. */
  readonly fingerprint: string | null;
}

/** What an earlier try of this command wrote; undefined when it wrote nothing. */
export async function readCommand(database: Database, commandId: string): Promise<PastCommand | undefined> {
  // The statement finds the first event, which alone is indexed by its command; the others follow it in the same stream.
  const rows = await database
    .selectFrom('es.events as first')
    .innerJoin('es.events as event', (join) =>
      join
        .onRef('event.stream_id', '=', 'first.stream_id')
        .onRef('event.version', '>=', 'first.version')
        .onRef('event.command_id', '=', 'first.command_id'),
    )
    .leftJoin('es.request_contexts as context', 'context.command_id', 'first.command_id')
    .select(['event.type', 'event.schema_version', 'event.data', 'context.fingerprint'])
    .where('first.command_id', '=', commandId)
    .where('first.command_seq', '=', 1)
    .orderBy('event.version')
    .execute();
  const [first] = rows;
  return first && { events: rows.map(readEvent), fingerprint: first.fingerprint };
}

function recorded<Event>(row: EventRow, parse: (stored: StoredEvent) => Event): Recorded<Event> {
  return {
    position: row.position,
    streamId: row.stream_id,
    version: row.version,
    event: parse(row),
    metadata: metadataSchema.parse(row.metadata),
    commandId: row.command_id,
    recordedAt: row.recorded_at,
  };
}

/** The version of the newest event of a stream; 0 where there is none. */
export async function readVersion(database: Database, streamId: string): Promise<number> {
  const { version } = await database
    .selectFrom('es.events')
    .select(({ fn }) => fn.max<number | null>('version').as('version'))
    .where('stream_id', '=', streamId)
    .executeTakeFirstOrThrow();
  return version ?? 0;
}
