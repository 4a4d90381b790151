/** Takes an import back, repository by repository, as events of the admin who does it. Repeatable and so resumable, as the import is. */
import type { Recorded } from '@docket/shared/event';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { repositoryOf } from '@docket/shared/stored-event';
import type { Database } from '@docket/store/connect';
import { readFullNames } from '@docket/store/directory/names';
import { appendAll } from '@docket/store/log/append';
import { readImportPage } from '@docket/store/log/imports';
import { readRepositoryStreams } from '@docket/store/log/read';
import type { AppendCommand } from '@docket/store/log/append';
import { inTransaction } from '@docket/store/transaction';
import { v7 as uuidv7 } from 'uuid';

import type { CommandEnvelope } from '../commands/envelope.ts';
import { retry } from './retry.ts';
import { decideUndo } from './undo-decider.ts';

const pageCommandsMax = 500;

export interface UndoCounts {
  /** The commands of the import that were looked at. */
  readonly commands: number;
  readonly repositories: number;
  readonly deleted: number;
  /** Values were given back. */
  readonly restored: number;
  /** Something of it stays. */
  readonly kept: number;
  readonly events: number;
}

export interface KeptRepository {
  readonly fullName: string;
  readonly reasons: readonly string[];
}

export interface UndoOptions {
  readonly database: Database;
  readonly importId: string;
  /** The admin who takes it back; caused by the import. */
  readonly envelope: Pick<CommandEnvelope, 'metadata' | 'context'>;
  /** Decides and counts, and writes nothing. */
  readonly dryRun: boolean;
  readonly onAppended: () => void;
  readonly onProgress: (counts: UndoCounts) => void;
  readonly onKept: (repository: KeptRepository) => void;
}

export async function undoImport(options: UndoOptions): Promise<UndoCounts> {
  const { database, importId, onAppended, onProgress, onKept } = options;
  let counts: UndoCounts = { commands: 0, repositories: 0, deleted: 0, restored: 0, kept: 0, events: 0 };
  // A stream that the import has written to in two pages is done with the first of them.
  const done = new Set<string>();
  for (let after: bigint | undefined = 0n; after !== undefined;) {
    const page = await readImportPage(database, importId, after, pageCommandsMax);
    after = page.end;
    const streamIds = page.streamIds.filter((streamId) => !done.has(streamId));
    counts = { ...counts, commands: counts.commands + page.commands };
    if (streamIds.length === 0) continue;
    for (const streamId of streamIds) done.add(streamId);
    const decided = await retry(`${streamIds.length} repositories could not be taken back`, () =>
      undoPage(options, streamIds),
    );
    for (const repository of await named(database, decided)) onKept(repository);
    if (decided.some(({ events }) => events.length > 0) && !options.dryRun) onAppended();
    counts = decided.reduce(counted, counts);
    onProgress(counts);
  }
  return counts;
}

interface Decided {
  readonly streamId: string;
  readonly version: number;
  readonly events: readonly RepositoryEvent[];
  readonly kept: readonly string[];
}

/** Undefined on a lost race: somebody changed one of them after it was read. */
async function undoPage(
  { database, importId, envelope, dryRun }: UndoOptions,
  streamIds: readonly string[],
): Promise<readonly Decided[] | undefined> {
  const streams = grouped(await readRepositoryStreams(database, streamIds));
  const decided = [...streams].map(([streamId, history]): Decided => ({
    streamId,
    version: history.length,
    ...decideUndo(history, importId),
  }));
  const appends = decided
    .filter(({ events }) => events.length > 0)
    .map(({ streamId, version, events }): AppendCommand => ({
      streamId,
      expectedVersion: version,
      events,
      commandId: uuidv7(),
      ...envelope,
    }));
  if (appends.length === 0 || dryRun) return decided;
  return inTransaction<readonly Decided[] | undefined>(database, async (transaction, abort) => {
    const verdicts = await appendAll(transaction, appends);
    return verdicts.every(({ outcome }) => outcome === 'appended') ? decided : abort(undefined);
  });
}

function grouped(events: readonly Recorded<RepositoryEvent>[]): Map<string, Recorded<RepositoryEvent>[]> {
  const streams = new Map<string, Recorded<RepositoryEvent>[]>();
  for (const recorded of events) {
    const stream = streams.get(recorded.streamId);
    if (stream) stream.push(recorded);
    else streams.set(recorded.streamId, [recorded]);
  }
  return streams;
}

function counted(counts: UndoCounts, { events, kept }: Decided): UndoCounts {
  const deleted = events.some(({ type }) => type === 'RepositoryDeleted');
  return {
    ...counts,
    repositories: counts.repositories + 1,
    deleted: counts.deleted + (deleted ? 1 : 0),
    restored: counts.restored + (!deleted && events.length > 0 ? 1 : 0),
    kept: counts.kept + (kept.length > 0 ? 1 : 0),
    events: counts.events + events.length,
  };
}

async function named(database: Database, decided: readonly Decided[]): Promise<KeptRepository[]> {
  const staying = decided.filter(({ kept }) => kept.length > 0);
  if (staying.length === 0) return [];
  const names = await readFullNames(
    database,
    staying.flatMap(({ streamId }) => repositoryOf(streamId) ?? []),
  );
  return staying.map(({ streamId, kept }) => ({
    fullName: names.get(repositoryOf(streamId) ?? '') ?? streamId,
    reasons: kept,
  }));
}
