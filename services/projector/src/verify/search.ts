import { setTimeout as elapsed } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import { markerDocumentId, searchIndexUid } from '@docket/shared/search-index';
import type { Database } from '@docket/store/connect';
import { readInstallationId } from '@docket/store/directory/installation';
import { readInUse, searchProjection, tablesProjection } from '@docket/store/followers/checkpoint';
import { readIndexedRows } from '@docket/store/read/indexed-rows';
import type { Meilisearch } from 'meilisearch';

import { documentOf } from '../search/follower.ts';
import { readMarker } from '../search/marker.ts';
import type { Engine } from '../search/tasks.ts';
import { chunkSize, firstId } from './difference.ts';
import type { Differs } from './difference.ts';

/** The index has this long to catch up with the tables; after it the lag itself is a difference. */
const catchUpMsMax = 30_000;
const catchUpPollMs = 100;

/** The documents of the index with the rows that they are made of. Answers with their number. */
export async function verifyIndex(database: Database, meilisearch: Meilisearch, differs: Differs): Promise<number> {
  const { target } = await readInUse(database, searchProjection);
  const uid = target ?? searchIndexUid(await readInstallationId(database));
  const behind = await catchUp(database, { client: meilisearch, uid });
  if (behind !== undefined) differs(behind);
  if ((await readMarker({ client: meilisearch, uid })) === undefined) return 0;
  const index = meilisearch.index(uid);
  const unseen = new Set(await allDocumentIds(index));
  unseen.delete(markerDocumentId);
  let documents = 0;
  let after = firstId;
  for (;;) {
    const rows = await database
      .selectFrom('read.repositories')
      .select('repository_id')
      .where('repository_id', '>', after)
      .orderBy('repository_id')
      .limit(chunkSize)
      .execute();
    const last = rows.at(-1);
    if (!last) break;
    const expected = (
      await readIndexedRows(
        database,
        rows.map((row) => row.repository_id),
      )
    ).flatMap((row) => documentOf(row) ?? []);
    const found = await fetchDocuments(
      index,
      expected.map(({ id }) => id),
    );
    for (const document of expected) {
      unseen.delete(document.id);
      const indexed = found.get(document.id);
      const stored: unknown = JSON.parse(JSON.stringify(document));
      if (indexed === undefined) differs(`${document.full_name} (${document.id}) is not in the search index`);
      else if (!isDeepStrictEqual(indexed, stored))
        differs(`${document.full_name} (${document.id}) is another in the search index`);
    }
    documents += expected.length;
    after = last.repository_id;
  }
  for (const id of unseen) differs(`document ${id} of the search index is of no repository`);
  return documents;
}

/**
 * Waits for the index; undefined when it is there. An index that was emptied a moment ago is behind too, whatever the checkpoint says
 * until the projector has seen it: the marker tells.
 */
async function catchUp(database: Database, engine: Pick<Engine, 'client' | 'uid'>): Promise<string | undefined> {
  const deadline = performance.now() + catchUpMsMax;
  for (;;) {
    const tables = await readInUse(database, tablesProjection);
    const search = await readInUse(database, searchProjection);
    const marker = await readMarker(engine);
    const lag = tables.position - search.position;
    if (lag <= 0n && marker !== undefined && marker.position >= search.position) return undefined;
    if (performance.now() > deadline) {
      return lag > 0n
        ? `the search index is ${lag} positions behind the tables`
        : 'the search index is not there, or older than its checkpoint';
    }
    await elapsed(catchUpPollMs);
  }
}

type Index = ReturnType<Meilisearch['index']>;

const idPage = 10_000;

async function allDocumentIds(index: Index): Promise<number[]> {
  const ids: number[] = [];
  for (let offset = 0; ; offset += idPage) {
    const { results } = await index.getDocuments({ fields: ['id'], limit: idPage, offset });
    ids.push(...results.map((document) => Number(document['id'])));
    if (results.length < idPage) return ids;
  }
}

async function fetchDocuments(index: Index, ids: readonly number[]): Promise<Map<number, unknown>> {
  if (ids.length === 0) return new Map();
  const { results } = await index.getDocuments({ ids: [...ids], limit: ids.length });
  return new Map(results.map((document) => [Number(document['id']), document]));
}
