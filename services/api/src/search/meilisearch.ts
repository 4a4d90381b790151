/** Search by Meilisearch: whenever it is there and its index is not far behind the log. */
import { connectMeilisearch, keyRefusal, meilisearchRefusal } from '@docket/runtime/meilisearch';
import { searchDepthMax, searchMsMax } from '@docket/shared/limits';
import type { SearchTerm } from '@docket/shared/search';
import { searchIndexUid } from '@docket/shared/search-index';
import type { Database } from '@docket/store/connect';
import { searchProjection, tablesProjection } from '@docket/store/followers/checkpoint';
import { z } from 'zod';

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
  /** Why search is answered from the tables at present; undefined when it is not. */
  readonly unavailable: () => Promise<string | undefined>;
  readonly stop: () => Promise<void>;
}

export function meilisearchSearch(
  database: Database,
  {
    url,
    apiKey,
    installationId,
  }: { readonly url: string; readonly apiKey: string | undefined; readonly installationId: string },
): MeilisearchEngine {
  const { client, stop } = connectMeilisearch({ url, apiKey, connectionsMax, requestMsMax: searchMsMax });
  const standing = searchStanding(database);
  let restsUntil = 0;
  let refusedKey: string | undefined;
  return {
    name: 'meilisearch',
    stop,
    unavailable: async () => {
      if (refusedKey !== undefined) return refusedKey;
      if (performance.now() < restsUntil) return 'Meilisearch did not answer the last search';
      return (await standing.read()).fresh ? undefined : 'the search index is far behind the log or is being filled';
    },
    search: async ({ term, without, offset, limit }) => {
      if (performance.now() < restsUntil) return undefined;
      const { fresh, target } = await standing.read();
      if (!fresh) return undefined;
      // Meilisearch gives nothing behind its `maxTotalHits`, and refuses nothing there either.
      const within = Math.min(limit, Math.max(0, searchDepthMax - offset));
      try {
        const index = client.index(target ?? searchIndexUid(installationId));
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
        refusedKey = undefined;
        const parsed = z.array(hitSchema).parse(hits);
        // The last page gives an exact count; before it the count is an estimate.
        const last = parsed.length < within && (parsed.length > 0 || offset === 0);
        return { hits: parsed, total: last ? offset + parsed.length : estimatedTotalHits };
      } catch (error) {
        restsUntil = performance.now() + restMs;
        refusedKey = keyRefusal(error, 'MEILISEARCH_API_KEY');
        // Before the projector has made it, and after somebody removed it until it has.
        if (meilisearchRefusal(error)?.code === 'index_not_found') {
          standing.forget();
          return undefined;
        }
        throw refusedKey === undefined ? error : new Error(refusedKey, { cause: error });
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

interface SearchStanding {
  readonly fresh: boolean;
  /** The index to ask, where it is not the first one: another may take its place at any time. */
  readonly target: string | undefined;
}

/** Asks the database at most once a second. A checkpoint at 0 over a log that is not empty means that the index was found empty. */
function searchStanding(database: Database): {
  readonly read: () => Promise<SearchStanding>;
  readonly forget: () => void;
} {
  let readAt = -Infinity;
  let reading: Promise<SearchStanding> = Promise.resolve({ fresh: false, target: undefined });
  const forget = () => {
    readAt = -Infinity;
  };
  return {
    forget,
    read: () => {
      if (performance.now() - readAt > lagReadMs) {
        readAt = performance.now();
        reading = readStanding(database);
        reading.catch(forget);
      }
      return reading;
    },
  };
}

async function readStanding(database: Database): Promise<SearchStanding> {
  const row = await database
    .selectFrom('es.projections as search')
    .innerJoin('es.projections as tables', (join) => join.on('tables.name', '=', tablesProjection.name))
    .where('search.name', '=', searchProjection.name)
    .select(['search.position as search', 'search.target', 'tables.position as tables'])
    .executeTakeFirst();
  if (!row) return { fresh: false, target: undefined };
  return {
    fresh: (row.search > 0n || row.tables === 0n) && row.tables - row.search <= lagEventsMax,
    target: row.target ?? undefined,
  };
}
