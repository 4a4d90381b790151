/**
 * An import: lines become events of the admin who imports, through the same append as everything else. A batch of lines is one
 * transaction: namespaces and names first, then what each line changes. While one commits the next is read and parsed. Repeatable and so
 * resumable: what is there adds nothing.
 */
import type { FullName, NamespaceName } from '@docket/shared/names';
import { fullNameText } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { ImageListBounds } from '@docket/shared/image-lists';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { absentWithImages, evolveWithImages, noRepositoryImages } from '@docket/shared/repository-images';
import type { RepositoryWithImages } from '@docket/shared/repository-images';
import { repositoryStream } from '@docket/shared/stored-event';
import type { Database, Transaction } from '@docket/store/connect';
import { appendAll, whyTooLarge } from '@docket/store/log/append';
import type { AppendCommand } from '@docket/store/log/append';
import { readNamedImages } from '@docket/store/read/images';
import { lookUpMany } from '@docket/store/read/look-up';
import type { RepositoryAt } from '@docket/store/read/look-up';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';

import type { CommandEnvelope } from '../commands/envelope.ts';
import { decideImport } from './decider.ts';
import { parseImportLine } from './line.ts';
import type { BadLine, ImportLine, LineRules } from './line.ts';
import { retry } from './retry.ts';

const batchLinesMax = 500;
/** Full descriptions and image lists make lines large; a batch must stay well below what one statement may carry. */
const batchCharactersMax = 4_000_000;

export interface RefusedLine extends BadLine {
  /** The number of the line, from 1. */
  readonly number: number;
}

export interface ImportCounts {
  readonly lines: number;
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly refused: number;
  readonly events: number;
}

/** What cannot even be read as a line is refused as one. */
export type SourceLine = string | { readonly unreadable: string };

export interface ImportOptions {
  readonly database: Database;
  readonly onAppended: () => void;
  /** The admin who imports, and the import as the request that it all belongs to. */
  readonly envelope: Pick<CommandEnvelope, 'metadata' | 'context'>;
  readonly lines: AsyncIterable<SourceLine>;
  readonly rules: LineRules;
  readonly imageListBounds: ImageListBounds;
  /** Decides and counts, and writes nothing. */
  readonly dryRun: boolean;
  /** After every batch. */
  readonly onProgress: (counts: ImportCounts) => void;
  readonly onRefused: (line: RefusedLine) => void;
}

interface NumberedLine {
  readonly number: number;
  readonly line: ImportLine;
}

/** Rejects when a batch cannot be imported, or the lines cannot be read to their end; what was counted by then is in the log. */
export async function runImport(options: ImportOptions): Promise<ImportCounts> {
  let counts: ImportCounts = { lines: 0, created: 0, changed: 0, unchanged: 0, refused: 0, events: 0 };
  // What a dry run would have written by now: a file may name a repository again in a later batch.
  const imagined: Imagined | undefined = options.dryRun ? new Map() : undefined;
  let batch: NumberedLine[] = [];
  let batchCharacters = 0;
  let read = 0;
  let committing = Promise.resolve();
  const refuseLine = (line: RefusedLine) => {
    counts = { ...counts, refused: counts.refused + 1 };
    options.onRefused(line);
  };

  async function commit(lines: readonly NumberedLine[], upTo: number): Promise<void> {
    if (lines.length > 0) {
      const failure = `lines ${lines[0]?.number} to ${lines.at(-1)?.number} could not be imported`;
      const outcome = await retry(failure, () => importBatch(options, lines, imagined));
      const { created, changed, unchanged, events } = outcome;
      counts = {
        ...counts,
        created: counts.created + created,
        changed: counts.changed + changed,
        unchanged: counts.unchanged + unchanged,
        events: counts.events + events,
      };
      outcome.refused.forEach(refuseLine);
      if (events > 0 && !options.dryRun) options.onAppended();
    }
    counts = { ...counts, lines: upTo };
    options.onProgress(counts);
  }

  async function flush(): Promise<void> {
    await committing;
    committing = commit(batch, read);
    // The next wait for this batch sees the failure.
    committing.catch(() => undefined);
    batch = [];
    batchCharacters = 0;
  }

  try {
    for await (const text of options.lines) {
      read += 1;
      const line =
        typeof text === 'string' ? parseImportLine(text, options.rules) : { rule: text.unreadable, subject: undefined };
      if (line === undefined) continue;
      if ('rule' in line) refuseLine({ number: read, ...line });
      else batch.push({ number: read, line });
      batchCharacters += typeof text === 'string' ? text.length : 0;
      if (batch.length >= batchLinesMax || batchCharacters >= batchCharactersMax) await flush();
    }
  } finally {
    // What was read before the file broke is imported; only then does it fail.
    await flush();
    await committing;
  }
  return counts;
}

/** The repositories that a dry run has made so far, by full name. */
type Imagined = Map<string, RepositoryWithImages>;

interface BatchOutcome {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly events: number;
  readonly refused: readonly RefusedLine[];
}

interface DecidedBatch extends BatchOutcome {
  readonly appends: readonly AppendCommand[];
  /** Names that are to be taken with the first event of their repository. */
  readonly fresh: readonly FreshName[];
  readonly states: ReadonlyMap<string, RepositoryWithImages>;
}

interface FreshName {
  readonly fullName: FullName;
  readonly namespaceId: string;
  readonly repositoryId: string;
}

/** Undefined on a lost race. */
async function importBatch(
  { database, envelope, imageListBounds: bounds }: ImportOptions,
  batch: readonly NumberedLine[],
  imagined: Imagined | undefined,
): Promise<BatchOutcome | undefined> {
  const byName = grouped(batch);
  const names = [...byName.values()].flatMap(([first]) => first?.line.fullName ?? []);
  if (imagined) {
    const outcome = await decideBatch(database, { byName, names, envelope, bounds, namespaceIds: new Map(), imagined });
    for (const [name, state] of outcome.states) imagined.set(name, state);
    return outcome;
  }
  return inTransaction<BatchOutcome | undefined>(database, async (transaction, abort) => {
    const namespaceIds = await ensureNamespaces(transaction, names);
    const { appends, fresh, ...outcome } = await decideBatch(transaction, {
      byName,
      names,
      envelope,
      bounds,
      namespaceIds,
    });
    await takeNames(transaction, fresh);
    if (appends.length === 0) return outcome;
    const verdicts = await appendAll(transaction, appends);
    return verdicts.every(({ outcome: verdict }) => verdict === 'appended') ? outcome : abort(undefined);
  });
}

interface Batch {
  readonly byName: ReadonlyMap<string, readonly NumberedLine[]>;
  readonly names: readonly FullName[];
  readonly envelope: ImportOptions['envelope'];
  readonly bounds: ImageListBounds;
  readonly namespaceIds: ReadonlyMap<string, string>;
  readonly imagined?: Imagined;
}

/** Stands for the id of a namespace that a dry run does not make. */
const nowhere = '00000000-0000-0000-0000-000000000000';

async function decideBatch(
  database: Database,
  { byName, names, envelope, bounds, namespaceIds, imagined }: Batch,
): Promise<DecidedBatch> {
  const found = await lookUpMany(database, names);
  const appends: AppendCommand[] = [];
  const refused: RefusedLine[] = [];
  const fresh: FreshName[] = [];
  const states = new Map<string, RepositoryWithImages>();
  const counted = { created: 0, changed: 0, unchanged: 0, events: 0 };
  for (const [fullName, lines] of byName) {
    const stored = found.get(fullName);
    const { id: repositoryId = uuidv7(), version = 0 } = stored ?? {};
    const events: RepositoryEvent[] = [];
    const refuseLine = (number: number, rule: string) =>
      refused.push({ number, rule, subject: JSON.stringify(fullName) });
    let state = imagined?.get(fullName) ?? (await withImages(database, stored, lines));
    for (const { number, line } of lines) {
      const namespaceId = namespaceIds.get(line.fullName.namespace) ?? nowhere;
      const news = decideImport(state, { ...line.repository, namespaceId, name: line.fullName.name }, bounds);
      if (isRefusal(news)) {
        refuseLine(number, news.message);
        continue;
      }
      const tooLarge = news.map(whyTooLarge).find((reason) => reason !== undefined);
      if (tooLarge !== undefined) {
        refuseLine(number, tooLarge);
        continue;
      }
      if (version === 0 && events.length === 0 && news.length > 0) {
        fresh.push({ fullName: line.fullName, namespaceId, repositoryId });
      }
      if (news.length === 0) counted.unchanged += 1;
      else if (news.some(({ type }) => type === 'RepositoryCreated')) counted.created += 1;
      else counted.changed += 1;
      events.push(...news);
      state = news.reduce(evolveWithImages, state);
    }
    counted.events += events.length;
    if (events.length > 0) {
      states.set(fullName, state);
      const streamId = repositoryStream(repositoryId);
      appends.push({ streamId, expectedVersion: version, events, commandId: uuidv7(), ...envelope });
    }
  }
  return { ...counted, refused, appends, fresh, states };
}

/** As far as the lines name any: most lists name none. */
async function withImages(
  database: Database,
  stored: RepositoryAt | undefined,
  lines: readonly NumberedLine[],
): Promise<RepositoryWithImages> {
  if (!stored) return absentWithImages;
  const entries = lines.flatMap(({ line }) => line.repository.images);
  if (entries.length === 0) return { repository: stored.state, list: noRepositoryImages };
  const imageIds = entries.map(({ id }) => id);
  const tags = entries.flatMap(({ tag }) => tag ?? []);
  const list = await readNamedImages(database, stored.id, { imageIds, tags, announcedLengths: [] });
  return { repository: stored.state, list };
}

/** A file may name a repository several times: its lines count one after the other. */
function grouped(batch: readonly NumberedLine[]): Map<string, NumberedLine[]> {
  const groups = new Map<string, NumberedLine[]>();
  for (const numbered of batch) {
    const name = fullNameText(numbered.line.fullName);
    const group = groups.get(name);
    if (group) group.push(numbered);
    else groups.set(name, [numbered]);
  }
  return groups;
}

/** Namespaces that nobody has become reserved: registering the name answers that it is taken. */
async function ensureNamespaces(transaction: Transaction, names: readonly FullName[]): Promise<Map<string, string>> {
  // In one order, so that two imports at once do not wait for each other.
  const wanted = [...new Set(names.map(({ namespace }) => namespace))].toSorted();
  const read = async () => {
    const rows = await transaction
      .selectFrom('directory.namespaces')
      .select(['id', 'name'])
      .where('name', '=', sql<NamespaceName>`any(${wanted}::text[])`)
      .execute();
    return new Map<string, string>(rows.map(({ id, name }) => [name, id]));
  };
  const known = await read();
  const missing = wanted.filter((name) => !known.has(name));
  if (missing.length === 0) return known;
  await sql`insert into directory.namespaces (id, name)
    select * from unnest(${missing.map(() => uuidv7())}::uuid[], ${missing}::text[])
    on conflict (name) do nothing`.execute(transaction);
  const ids = await read();
  for (const name of wanted) if (!ids.has(name)) throw new Error(`the namespace ${name} is not there`);
  return ids;
}

/** A name that somebody else took in this moment is a unique violation, and the batch begins again. */
async function takeNames(transaction: Transaction, fresh: readonly FreshName[]): Promise<void> {
  if (fresh.length === 0) return;
  await sql`insert into directory.repository_names (namespace_id, name, repository_id)
    select * from unnest(
      ${fresh.map(({ namespaceId }) => namespaceId)}::uuid[],
      ${fresh.map(({ fullName }) => fullName.name)}::text[],
      ${fresh.map(({ repositoryId }) => repositoryId)}::uuid[])`.execute(transaction);
}
