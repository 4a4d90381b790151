/** Reading the log: one stream, the newest of a stream, what a command wrote; the whole of it through `es.read_after` alone. */
import { metadataSchema } from '@docket/shared/event';
import type { Recorded } from '@docket/shared/event';
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

/** A usual page of a thousand events is a twentieth of it. What it bounds is parsed and folded with nobody else having a turn. */
const pageBytesMax = 8 * 1024 * 1024;

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

/** The newest events of a stream before a position. */
export async function readStreamBackwards(
  database: Database,
  streamId: string,
  before: bigint | undefined,
  eventsMax: number,
): Promise<readonly Recorded<DomainEvent>[]> {
  const rows = await database
    .selectFrom('es.events')
    .select(columns)
    .where('stream_id', '=', streamId)
    .$if(before !== undefined, (query) => query.where('position', '<', before ?? 0n))
    .orderBy('version', 'desc')
    .limit(eventsMax)
    .execute();
  return rows.map((row) => recorded(row, readEvent));
}

export interface PastCommand {
  readonly events: readonly DomainEvent[];
  /** Null where the request's context was erased. */
  readonly fingerprint: string | null;
}

/** What an earlier try of this command wrote; undefined when it wrote nothing. */
export async function readCommand(database: Database, commandId: string): Promise<PastCommand | undefined> {
  // By way of the first event: only that one is indexed by its command, and all of a command's events follow it in one stream.
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
