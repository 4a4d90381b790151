/** The only SQL on events. Appending has one door, the function `es.append`; reading the whole log has one, `es.read_after`. */
import { metadataSchema } from '@docket/shared/event';
import type { Metadata, Recorded } from '@docket/shared/event';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { readEvent, readRepositoryEvent, schemaVersionOf } from '@docket/shared/stored-event';
import type { DomainEvent } from '@docket/shared/stored-event';
import type pg from 'pg';

/** Personal, erasable, beside the log. The fingerprint is there when the client named its command (Idempotency-Key). */
export interface RequestContext {
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly fingerprint: string | null;
}

export interface AppendCommand {
  readonly streamId: string;
  /** The version that the decision was made at; 0 for a new stream. */
  readonly expectedVersion: number;
  readonly commandId: string;
  readonly events: readonly DomainEvent[];
  readonly metadata: Metadata;
  readonly context: RequestContext;
}

export type Verdict =
  | { readonly outcome: 'appended'; readonly position: bigint; readonly version: number }
  /** This command is in the log already, from an earlier try; `position` is of its first event. */
  | { readonly outcome: 'duplicate'; readonly position: bigint }
  /** The stream moved on: it is at `version` now. */
  | { readonly outcome: 'conflict'; readonly version: number };

interface VerdictRow {
  no: number;
  outcome: Verdict['outcome'];
  at_position: bigint;
  at_version: number;
}

const appendStatement = `select no, outcome, at_position, at_version from es.append(
  $1::text[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[],
  $7::int[], $8::int[], $9::text[], $10::smallint[], $11::text[], $12::text[]) order by no`;

/** A pool (one call is one transaction) or a client inside of a transaction. */
export interface Executor {
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

/**
 * Verdicts in the order of the commands. Several of one stream are a chain: each expects the version that those before it lead to, and
 * is a conflict unless all of them were appended with it. No two may have one id: the log knows a command only after the call.
 */
export async function appendAll(
  executor: Executor,
  commands: readonly AppendCommand[],
  prepared: boolean,
): Promise<Verdict[]> {
  const empty = commands.find(({ events: given }) => given.length === 0);
  if (empty) throw new Error(`command ${empty.commandId} is without an event: there is nothing to append`);
  const events = commands.flatMap((command, index) =>
    command.events.map((event, seq) => ({ no: index + 1, seq: seq + 1, event, metadata: command.metadata })),
  );
  const { rows } = await executor.query<VerdictRow>({
    ...(prepared ? { name: 'append' } : {}),
    text: appendStatement,
    values: [
      commands.map(({ streamId }) => streamId),
      commands.map(({ expectedVersion }) => expectedVersion),
      commands.map(({ commandId }) => commandId),
      commands.map(({ context }) => context.ip),
      commands.map(({ context }) => context.userAgent),
      commands.map(({ context }) => context.fingerprint),
      events.map(({ no }) => no),
      events.map(({ seq }) => seq),
      events.map(({ event }) => event.type),
      events.map(({ event }) => schemaVersionOf(event.type)),
      events.map(({ event }) => JSON.stringify(event.data)),
      events.map(({ metadata }) => JSON.stringify(metadata)),
    ],
  });
  if (rows.length !== commands.length)
    throw new Error(`es.append judged ${rows.length} of ${commands.length} commands`);
  return rows.map(verdict);
}

function verdict({ outcome, at_position: position, at_version: version }: VerdictRow): Verdict {
  switch (outcome) {
    case 'appended':
      return { outcome, position, version };
    case 'duplicate':
      return { outcome, position };
    case 'conflict':
      return { outcome, version };
  }
}

export interface EventRow {
  position: bigint;
  stream_id: string;
  version: number;
  type: string;
  schema_version: number;
  command_id: string;
  data: unknown;
  metadata: unknown;
  recorded_at: Date;
}

const columns = 'position, stream_id, version, type, schema_version, command_id, data, metadata, recorded_at';

/** Everything after a position that no append in flight can still go below, in order. Read committed, on the primary. */
export async function readAfter(
  executor: Executor,
  after: bigint,
  eventsMax: number,
): Promise<Recorded<DomainEvent>[]> {
  const { rows } = await executor.query<EventRow>({
    text: `select ${columns} from es.read_after($1, $2)`,
    values: [after, eventsMax],
  });
  return rows.map(recorded);
}

/** One stream, oldest first. */
export async function readStream(executor: Executor, streamId: string): Promise<Recorded<DomainEvent>[]> {
  const { rows } = await executor.query<EventRow>({
    text: `select ${columns} from es.events where stream_id = $1 order by version`,
    values: [streamId],
  });
  return rows.map(recorded);
}

/** Several streams of repositories, each oldest first. */
export async function readRepositoryStreams(
  executor: Executor,
  streamIds: readonly string[],
): Promise<Recorded<RepositoryEvent>[]> {
  const { rows } = await executor.query<EventRow>({
    text: `select ${columns} from es.events where stream_id = any($1::text[]) order by stream_id, version`,
    values: [streamIds],
  });
  return rows.map((row) => ({ ...recorded(row), event: readRepositoryEvent(row) }));
}

/** The newest events of a stream before a position. */
export async function readStreamBackwards(
  executor: Executor,
  streamId: string,
  before: bigint | undefined,
  eventsMax: number,
): Promise<Recorded<DomainEvent>[]> {
  const { rows } = await executor.query<EventRow>({
    text: `select ${columns} from es.events
      where stream_id = $1 and ($2::bigint is null or position < $2) order by version desc limit $3`,
    values: [streamId, before ?? null, eventsMax],
  });
  return rows.map(recorded);
}

export interface PastCommand {
  readonly events: readonly DomainEvent[];
  /** Null where the request's context was erased. */
  readonly fingerprint: string | null;
}

/** What an earlier try of this command wrote; undefined when it wrote nothing. */
export async function readCommand(executor: Executor, commandId: string): Promise<PastCommand | undefined> {
  // By way of the first event: only that one is indexed by its command, and all of a command's events follow it in one stream.
  const { rows } = await executor.query<EventRow & { fingerprint: string | null }>({
    text: `select ${columns
      .split(', ')
      .map((column) => `e.${column}`)
      .join(', ')}, c.fingerprint
      from es.events f
      join es.events e on e.stream_id = f.stream_id and e.version >= f.version and e.command_id = f.command_id
      left join es.request_contexts c on c.command_id = f.command_id
      where f.command_id = $1 and f.command_seq = 1 order by e.version`,
    values: [commandId],
  });
  const [first] = rows;
  return first && { events: rows.map((row) => recorded(row).event), fingerprint: first.fingerprint };
}

function recorded(row: EventRow): Recorded<DomainEvent> {
  return {
    position: row.position,
    streamId: row.stream_id,
    version: row.version,
    event: readEvent(row),
    metadata: metadataSchema.parse(row.metadata),
    commandId: row.command_id,
    recordedAt: row.recorded_at,
  };
}
