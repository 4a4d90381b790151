/** Search without a search engine: every word must stand in the name, the namespace or the description; no typos, simpler order. */
import { searchResult } from '@docket/shared/search';
import type { SearchTerm } from '@docket/shared/search';
import type { NamespaceName, RepositoryName } from '@docket/shared/names';
import type { Store } from '@docket/store/connect';

import { searchDepthMax } from '../limits.ts';
import type { SearchEngine } from './engine.ts';

interface Row {
  number: bigint;
  namespace: NamespaceName;
  name: RepositoryName;
  description: string;
  star_count: bigint | null;
  is_automated: boolean | null;
  total: bigint;
}

const wordsMax = 10;

export function postgresSearch(database: Store): SearchEngine {
  return {
    name: 'postgres',
    search: async ({ term, without, offset, limit }) => {
      if (offset >= searchDepthMax) return { hits: [], total: await count(database, term, without) };
      const rows = await database.query<Row>('search', statement, [...conditions(term, without), limit + 1, offset]);
      const hits = rows.slice(0, limit).map(({ number, namespace, name, description, star_count, is_automated }) => ({
        number,
        result: searchResult(
          { namespace, name },
          {
            description,
            star_count: star_count === null ? null : Number(star_count),
            is_automated: is_automated ?? false,
          },
        ),
      }));
      const [first] = rows;
      return { hits, total: first ? Number(first.total) : await count(database, term, without) };
    },
  };
}

const matching = `from read.repositories r join directory.namespaces n on n.id = r.namespace_id
  where r.status = 'active' and not r.is_private and r.number is distinct from $1
    and ($2::text is null or n.name = $2)
    and (r.name || ' ' || n.name || ' ' || r.description) ilike all ($3::text[])`;

const statement = `select r.number, n.name as namespace, r.name, r.description, r.star_count,
    (r.state ->> 'is_automated')::boolean as is_automated, count(*) over () as total
  ${matching}
  order by r.name ilike all ($3::text[]) desc, n.name = 'library' desc, coalesce(r.star_count, 0) desc,
    coalesce(r.pull_count, 0) desc, r.number
  limit $4 offset $5`;

async function count(database: Store, term: SearchTerm, without: bigint | undefined): Promise<number> {
  const [row] = await database.query<{ total: bigint }>(
    'search_count',
    `select count(*) as total ${matching}`,
    conditions(term, without),
  );
  return Number(row?.total ?? 0);
}

function conditions(term: SearchTerm, without: bigint | undefined): unknown[] {
  const namespace = term.kind === 'namespace' ? term.namespace : null;
  const words = term.kind === 'words' ? term.text.split(/[\s/]+/).filter((word) => word !== '') : [];
  return [without ?? null, namespace, words.slice(0, wordsMax).map(pattern)];
}

/** Postgres refuses a zero character in a text, and no repository has one. */
function pattern(word: string): string {
  return `%${word.replaceAll('\0', '').replaceAll(/[%_\\]/g, String.raw`\$&`)}%`;
}
