/** Search by Meilisearch: whenever it is there and its index is not far behind the log. */
import { connectMeilisearch, meilisearchRefusal } from '@docket/runtime/meilisearch';
import type { SearchTerm } from '@docket/shared/search';
import { searchIndexUid } from '@docket/shared/search-index';
import type { Store } from '@docket/store/connect';
import { z } from 'zod';

import { searchDepthMax, searchMsMax } from '../limits.ts';
import type { SearchEngine } from './engine.ts';

const connectionsMax = 16;
/** After a failure the next searches do not wait for it again. */
const restMs = 1_000;
/** An index that is being filled again must not answer with the half of it. */
const lagEventsMax = 10_000;
const lagReadMs = 1_000;

const hitSchema = z
  .object({
    id: z.int(),
    full_name: z.string(),
    description: z.string(),
    star_count: z.int(),
    is_official: z.boolean(),
    is_trusted: z.boolean(),
    is_automated: z.boolean(),
  })
  .transform(({ id, full_name: name, ...result }) => ({ number: BigInt(id), result: { name, ...result } }));

export interface MeilisearchEngine extends SearchEngine {
  readonly stop: () => Promise<void>;
}

export function meilisearchSearch(
  store: Store,
  {
    url,
    apiKey,
    installationId,
  }: { readonly url: string; readonly apiKey: string | undefined; readonly installationId: string },
): MeilisearchEngine {
  const { client, stop } = connectMeilisearch({ url, apiKey, connectionsMax, requestMsMax: searchMsMax });
  const index = client.index(searchIndexUid(installationId));
  const isUpToDate = freshness(store);
  let restsUntil = 0;
  return {
    name: 'meilisearch',
    stop,
    search: async ({ term, without, offset, limit }) => {
      if (performance.now() < restsUntil || !(await isUpToDate())) return undefined;
      // Meilisearch gives nothing behind its `maxTotalHits`, and refuses nothing there either.
      const within = Math.min(limit, Math.max(0, searchDepthMax - offset));
      try {
        const { hits, estimatedTotalHits } = await index.search(term.kind === 'words' ? term.text : '', {
          filter: filter(term, without),
          offset: Math.min(offset, searchDepthMax),
          limit: within,
          attributesToRetrieve: [
            'id',
            'full_name',
            'description',
            'star_count',
            'is_official',
            'is_trusted',
            'is_automated',
          ],
        });
        const parsed = z.array(hitSchema).parse(hits);
        // On the last page the count is known, before it is an estimate.
        const last = parsed.length < within && (parsed.length > 0 || offset === 0);
        return { hits: parsed, total: last ? offset + parsed.length : estimatedTotalHits };
      } catch (error) {
        restsUntil = performance.now() + restMs;
        // Before the projector has made it, and after somebody removed it until it has.
        if (meilisearchRefusal(error)?.code === 'index_not_found') return undefined;
        throw error;
      }
    },
  };
}

function filter(term: SearchTerm, without: bigint | undefined): string {
  return [
    'private = false',
    ...(term.kind === 'namespace' ? [`namespace = "${term.namespace}"`] : []),
    ...(without === undefined ? [] : [`id != ${without}`]),
  ].join(' AND ');
}

/** Asked of the database at most once a second. A checkpoint at 0 over a log that is not empty: the index was found empty. */
function freshness(store: Store): () => Promise<boolean> {
  let readAt = -Infinity;
  let reading: Promise<boolean> = Promise.resolve(false);
  return () => {
    if (performance.now() - readAt > lagReadMs) {
      readAt = performance.now();
      reading = readFreshness(store);
      reading.catch(() => {
        readAt = -Infinity;
      });
    }
    return reading;
  };
}

async function readFreshness(store: Store): Promise<boolean> {
  const [row] = await store.query<{ search: bigint; tables: bigint }>(
    'search_lag',
    `select (select position from es.projections where name = 'search') as search,
       (select position from es.projections where name = 'tables') as tables`,
    [],
  );
  if (!row) return false;
  return (row.search > 0n || row.tables === 0n) && row.tables - row.search <= lagEventsMax;
}
