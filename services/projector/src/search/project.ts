/**
 * The search index: one document a repository, written whole from the read model. One page is at Meilisearch, what happens meanwhile
 * is the next one. The checkpoint moves when Meilisearch says that it is done, and moves back when the index turns out to be behind.
 */
import type { Log } from '@docket/runtime/log';
import { searchDocument } from '@docket/shared/search';
import type { SearchDocument } from '@docket/shared/search';
import { searchIndexUid } from '@docket/shared/search-index';
import { readCheckpoint, recordFailure, searchProjection } from '@docket/store/checkpoint';
import type { Checkpoint } from '@docket/store/checkpoint';
import type { Store } from '@docket/store/connect';
import { moveLeasedCheckpoint } from '@docket/store/lease';
import type { Lease } from '@docket/store/lease';
import { isInLog, readIndexedRows, readInstallationId, readSearchPage } from '@docket/store/search-pages';
import type { IndexedRow, SearchPage } from '@docket/store/search-pages';
import type { Meilisearch } from 'meilisearch';

import type { Progress } from '../follow.ts';
import { LeaseLost } from '../hold-lease.ts';
import type { HeldLease } from '../hold-lease.ts';
import { beginning, dropIndex, judgeMarker, markerLine, prepareIndex, readMarker } from './marker.ts';
import { addDocuments, deleteDocuments, payloadParts } from './tasks.ts';
import type { Engine, Line } from './tasks.ts';

const pageEventsMax = 10_000;
/** How long an index that was emptied under us goes unnoticed while nothing happens. */
const markerCheckMs = 2_000;

export interface SearchOptions {
  readonly store: Store;
  readonly client: Meilisearch;
  readonly log: Log;
}

/** One page of the search index, under its lease. */
export function searchStep({ store: { pool }, client, log }: SearchOptions): (held: HeldLease) => Promise<Progress> {
  let installation: string | undefined;
  let checkedFence: bigint | undefined;
  let checkedAt = -Infinity;

  return async ({ lease, ended }) => {
    installation ??= await readInstallationId(pool);
    const engine: Engine = { client, uid: searchIndexUid(installation), ended };
    const checkpoint = await readCheckpoint(pool, searchProjection);
    const page = await readSearchPage(pool, checkpoint.position, pageEventsMax);
    const checked = checkedFence === lease.fence && performance.now() - checkedAt < markerCheckMs;
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
    const inLog = marker !== undefined && (await isInLog(pool, { ...marker, commandId: marker.command_id }));
    const judged = judgeMarker({ marker, inLog, installation: ours, checkpoint });
    if (judged.verdict === 'in step') return false;
    const from = judged.verdict === 'foreign' ? beginning : judged.from;
    // On an empty log this is how it begins; later it is something that happened to the index.
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
    const rows = await readIndexedRows(pool, page.repositoryIds);
    const { lines, gone } = contents(rows);
    await deleteDocuments(engine, gone);
    const parts = payloadParts(lines);
    for (const [index, part] of parts.entries()) {
      // Until its last part a page is not in the index.
      const reached = index === parts.length - 1 ? page.end : before;
      for (const { id, reason } of await addDocuments(engine, part, markerLine(ours, reached))) {
        const subject = rows.find(({ number }) => number === BigInt(id))?.repositoryId ?? `document ${id}`;
        await recordFailure(pool, { projection: searchProjection.name, position: page.end.position, subject, reason });
        log.error({ subject, reason }, 'Meilisearch refuses a document; the others go on');
      }
    }
    log.debug(
      {
        position: `${page.end.position}`,
        documents: lines.length,
        deletions: gone.length,
        duration_ms: Math.round(performance.now() - started),
      },
      'indexed a page',
    );
  }

  async function move(lease: Lease, to: Checkpoint): Promise<void> {
    if (!(await moveLeasedCheckpoint(pool, lease, to)))
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
