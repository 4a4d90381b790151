/** The one way into the log: the function `es.append`, which judges a batch of commands, each alone. */
import type { Metadata } from '@docket/shared/event';
import { storedMetadata } from '@docket/shared/event';
import { eventBytesMax } from '@docket/shared/limits';
import { schemaVersionOf } from '@docket/shared/stored-event';
import type { DomainEvent } from '@docket/shared/stored-event';

import type { Database } from '../connect.ts';
import { prepared } from '../prepared.ts';

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
  /** The command is in the log already, from an earlier try; `position` is that of its first event. */
  | { readonly outcome: 'duplicate'; readonly position: bigint }
  /** The stream moved on: it is at `version` now. */
  | { readonly outcome: 'conflict'; readonly version: number };

export class EventTooLarge extends Error {}

/** The data of events as the log takes it, kept while they are: it is measured, and written, and made once. */
const texts = new WeakMap<DomainEvent, string>();

function dataText(event: DomainEvent): string {
  const known = texts.get(event);
  if (known !== undefined) return known;
  const text = JSON.stringify(event.data);
  texts.set(event, text);
  return text;
}

export function dataBytes(event: DomainEvent): number {
  return Buffer.byteLength(dataText(event));
}

/** The sentence for an event that the log does not take; undefined for every other. */
export function whyTooLarge(event: DomainEvent): string | undefined {
  const bytes = dataBytes(event);
  if (bytes <= eventBytesMax) return undefined;
  return `the event ${event.type} would have ${bytes} bytes; one may have ${eventBytesMax}`;
}

interface VerdictRow {
  no: number;
  outcome: Verdict['outcome'];
  at_position: bigint;
  at_version: number;
}

type Texts = readonly (string | null)[];
type Numbers = readonly number[];

/** Prepared text: it is the hot path of every push, and a function of twelve arrays is nothing that a builder could say better. */
const append = prepared<
  VerdictRow,
  readonly [Texts, Numbers, Texts, Texts, Texts, Texts, Numbers, Numbers, Texts, Numbers, Texts, Texts]
>(
  'append',
  `select no, outcome, at_position, at_version from es.append(
  $1::text[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[],
  $7::int[], $8::int[], $9::text[], $10::smallint[], $11::text[], $12::text[]) order by no`,
);

/**
 * Verdicts in the order of the commands. Several of one stream are a chain: each expects the version that those before it lead to, and
 * is a conflict unless all of them were appended with it. No two may have one id: the log knows a command only after the call. Alone it
 * is a transaction of its own.
 * @throws {EventTooLarge} nothing was sent.
 */
export async function appendAll(database: Database, commands: readonly AppendCommand[]): Promise<Verdict[]> {
  const empty = commands.find(({ events: given }) => given.length === 0);
  if (empty) throw new Error(`command ${empty.commandId} is without an event: there is nothing to append`);
  const events = commands.flatMap((command, index) =>
    command.events.map((event, seq) => ({ no: index + 1, seq: seq + 1, event, metadata: command.metadata })),
  );
  for (const { event } of events) {
    const reason = whyTooLarge(event);
    if (reason !== undefined) throw new EventTooLarge(reason);
  }
  const rows = await append(database, [
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
    events.map(({ event }) => dataText(event)),
    events.map(({ metadata }) => JSON.stringify(storedMetadata(metadata))),
  ]);
  if (rows.length !== commands.length) {
    throw new Error(`es.append judged ${rows.length} of ${commands.length} commands`);
  }
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
