/**
 * The search index: one document a repository, written whole from the read model. One page is at Meilisearch, what happens meanwhile
 * is the next one. The checkpoint moves when Meilisearch says that it is done, and moves back when the index turns out to be behind.
 */
import type { Log } from '@docket/runtime/log';
import { indexedBytesMax } from '@docket/shared/limits';
import { searchDocument } from '@docket/shared/search';
import type { SearchDocument } from '@docket/shared/search';
import { searchIndexUid } from '@docket/shared/search-index';
import { readCheckpoint, searchProjection } from '@docket/store/followers/checkpoint';
import type { Checkpoint, Projection } from '@docket/store/followers/checkpoint';
import type { Database } from '@docket/store/connect';
import { dueFailures, recordFailure, resolveFailures } from '@docket/store/followers/failures';
import { moveLeasedCheckpoint } from '@docket/store/followers/lease';
import type { Lease } from '@docket/store/followers/lease';
import { readInstallationId } from '@docket/store/directory/installation';
import { isInLog, readSearchPage } from '@docket/store/log/search-pages';
import { indexedLots, readIndexedRows } from '@docket/store/read/indexed-rows';
import type { SearchPage } from '@docket/store/log/search-pages';
import type { IndexedRow } from '@docket/store/read/indexed-rows';
import type { Meilisearch } from 'meilisearch';

import type { Progress } from '../follow.ts';
import { LeaseLost } from '../hold-lease.ts';
import type { HeldLease } from '../hold-lease.ts';
import { beginning, dropIndex, judgeMarker, markerLine, prepareIndex, readMarker } from './marker.ts';
import { addDocuments, deleteDocuments, payloadParts } from './tasks.ts';
import type { Engine, Line, TaskMeasured } from './tasks.ts';

/** Ids alone are read of them; what is read of their repositories comes in lots of so many bytes (`indexedLots`). */
const pageEventsMax = 10_000;
/** An index that somebody emptied is noticed after this time while nothing happens. */
const markerCheckMs = 2_000;
const retryCheckMs = 1_000;
/** Before its number: one that is not among the rows it was made of. */
const unknownDocument = 'document ';
/** Some two minutes: whatever is wrong with a document is wrong with it for good, unless the engine had a bad moment. */
const retriesMax = 4;

export interface SearchOptions {
  readonly database: Database;
  readonly client: Meilisearch;
  readonly log: Log;
  readonly projection: Projection;
  readonly onTask: (task: TaskMeasured) => void;
  /** The size of the states of repositories that are read at once. */
  readonly lotBytesMax?: number;
}

/** One page of the search index, under its lease. */
export function searchStep({
  database,
  client,
  log,
  projection,
  onTask,
  lotBytesMax = indexedBytesMax,
}: SearchOptions): (held: HeldLease) => Promise<Progress> {
  let installation: string | undefined;
  let checkedFence: bigint | undefined;
  let checkedAt = -Infinity;
  let retriedAt = -Infinity;

  /** The running index and the one that takes its place share their failures: a document that one refuses the other refuses too. */
  const failuresOf = searchProjection.name;

  return async ({ lease, ended }) => {
    installation ??= await readInstallationId(database);
    const checkpoint = await readCheckpoint(database, projection);
    const engine: Engine = { client, uid: checkpoint.target ?? searchIndexUid(installation), ended, onTask };
    const page = await readSearchPage(database, checkpoint.position, pageEventsMax);
    const checked = checkedFence === lease.fence && performance.now() - checkedAt < markerCheckMs;
    if (checked && performance.now() - retriedAt > retryCheckMs) {
      retriedAt = performance.now();
      await retryFailures(engine, installation, checkpoint);
    }
    if (page === undefined && checked) return 'idle';

    const resumed = await reconcile(engine, lease, installation, checkpoint);
    checkedFence = lease.fence;
    checkedAt = performance.now();
    if (resumed) return 'advanced';
    if (page === undefined) return 'idle';

    await deliver(engine, installation, checkpoint, page);
    await move(lease, page.end);
    return 'advanced';
  };

  /** True when the checkpoint had to move back or the index had to be prepared: what was read is no longer what is next. */
  async function reconcile(engine: Engine, lease: Lease, ours: string, checkpoint: Checkpoint): Promise<boolean> {
    const marker = await readMarker(engine);
    const inLog = marker !== undefined && (await isInLog(database, { ...marker, commandId: marker.command_id }));
    const judged = judgeMarker({ marker, inLog, installation: ours, checkpoint });
    if (judged.verdict === 'in step') return false;
    const from = judged.verdict === 'foreign' ? beginning : judged.from;
    // An empty log begins like this; over a log with events it means that the index was lost.
    log[checkpoint.position === 0n ? 'info' : 'warn'](
      { index: engine.uid, checkpoint: `${checkpoint.position}`, from: `${from.position}`, verdict: judged.verdict },
      `the search index is ${judged.verdict}: it is filled from position ${from.position}`,
    );
    // First back, then forth: whoever dies in between leaves a checkpoint that is too low, never one too high.
    await move(lease, from);
    if (judged.verdict === 'foreign') await dropIndex(engine);
    if (judged.verdict !== 'behind') {
      await prepareIndex(engine);
      await addDocuments(engine, [], markerLine(ours, from));
    }
    return true;
  }

  async function deliver(engine: Engine, ours: string, before: Checkpoint, page: SearchPage): Promise<void> {
    const started = performance.now();
    const lots = await indexedLots(database, page.repositoryIds, lotBytesMax);
    let documents = 0;
    let deletions = 0;
    // A page without a repository has a mark all the same.
    for (const [lot, ids] of (lots.length === 0 ? [[]] : lots).entries()) {
      const rows = await readIndexedRows(database, ids);
      const { lines, gone } = contents(rows);
      await deleteDocuments(engine, gone);
      const parts = payloadParts(lines);
      for (const [index, part] of parts.entries()) {
        // Until the last part of its last lot a page is not in the index.
        const isLast = index === parts.length - 1 && lot >= lots.length - 1;
        await add(engine, rows, part, markerLine(ours, isLast ? page.end : before), page.end.position);
      }
      documents += lines.length;
      deletions += gone.length;
    }
    log.debug(
      {
        position: `${page.end.position}`,
        documents,
        deletions,
        duration_ms: Math.round(performance.now() - started),
      },
      'indexed a page',
    );
  }

  /** A document that Meilisearch refuses is recorded and gone past, and one that it took is no failure any more. */
  async function add(
    engine: Engine,
    rows: readonly IndexedRow[],
    lines: readonly Line[],
    marker: Line,
    position: bigint,
  ): Promise<void> {
    const refused = await addDocuments(engine, lines, marker);
    const subjects = new Map(rows.map(({ number, repositoryId }) => [Number(number), repositoryId]));
    const subjectOf = (id: number) => subjects.get(id) ?? `${unknownDocument}${id}`;
    for (const { id, reason } of refused) {
      const subject = subjectOf(id);
      await recordFailure(database, { projection: failuresOf, position, subject, reason, retriesMax });
      log.error({ subject, reason }, 'Meilisearch refuses a document; the others go on');
    }
    const failed = new Set(refused.map(({ id }) => id));
    const taken = lines.filter(({ id }) => !failed.has(id)).map(({ id }) => subjectOf(id));
    if (taken.length > 0) await resolveFailures(database, failuresOf, taken);
  }

  /** Written as they are now: whatever happened to them since is in it. */
  async function retryFailures(engine: Engine, ours: string, checkpoint: Checkpoint): Promise<void> {
    const due = await dueFailures(database, failuresOf);
    if (due.length === 0) return;
    const rows = await readIndexedRows(
      database,
      due.map(({ subject }) => subject).filter((subject) => !subject.startsWith(unknownDocument)),
    );
    const { lines } = contents(rows);
    await add(engine, rows, lines, markerLine(ours, checkpoint), checkpoint.position);
    const written = new Set(
      rows.filter((row) => documentOf(row) !== undefined).map(({ repositoryId }) => repositoryId),
    );
    await resolveFailures(
      database,
      failuresOf,
      due.filter(({ subject }) => !written.has(subject)).map(({ subject }) => subject),
    );
  }

  async function move(lease: Lease, to: Checkpoint): Promise<void> {
    if (!(await moveLeasedCheckpoint(database, lease, to)))
      throw new LeaseLost('the search checkpoint is not ours to move');
  }
}

/** Pure. What of a page is to be written, and what is to go. */
export function contents(rows: readonly IndexedRow[]): { readonly lines: Line[]; readonly gone: number[] } {
  const lines: Line[] = [];
  const gone: number[] = [];
  for (const row of rows) {
    const document = documentOf(row);
    if (document === undefined) gone.push(Number(row.number));
    else lines.push({ id: document.id, json: JSON.stringify(document) });
  }
  return { lines, gone };
}

export function documentOf({ number, namespace, name, state, lastUpdated }: IndexedRow): SearchDocument | undefined {
  return namespace && searchDocument({ number, fullName: { namespace, name }, state, lastUpdated });
}
