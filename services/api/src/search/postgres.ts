/** Search without a search engine: every word must stand in the name, the namespace or the description; no typos, simpler order. */
import { searchDepthMax, searchWordsMax } from '@docket/shared/limits';
import { searchResult } from '@docket/shared/search';
import type { SearchTerm } from '@docket/shared/search';
import type { NamespaceName, RepositoryName } from '@docket/shared/names';
import type { Database } from '@docket/store/connect';
import { sql } from 'kysely';

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

export function postgresSearch(database: Database): SearchEngine {
  return {
    name: 'postgres',
    search: async ({ term, without, offset, limit }) => {
      if (offset >= searchDepthMax) return { hits: [], total: await count(database, term, without) };
      const { rows } = await page(term, without, limit + 1, offset).execute(database);
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

function page(term: SearchTerm, without: bigint | undefined, limit: number, offset: number) {
  const words = patterns(term);
  return sql<Row>`select r.number, n.name as namespace, r.name, r.description, r.star_count,
      (r.state ->> 'is_automated')::boolean as is_automated, count(*) over () as total
    ${matching(term, words, without)}
    order by r.name ilike all (${words}::text[]) desc, n.name = 'library' desc, coalesce(r.star_count, 0) desc,
      coalesce(r.pull_count, 0) desc, r.number
    limit ${limit} offset ${offset}`;
}

async function count(database: Database, term: SearchTerm, without: bigint | undefined): Promise<number> {
  const statement = sql<{
    readonly total: bigint;
  }>`select count(*) as total ${matching(term, patterns(term), without)}`;
  const { rows } = await statement.execute(database);
  return Number(rows[0]?.total ?? 0);
}

function matching(term: SearchTerm, words: readonly string[], without: bigint | undefined) {
  const namespace = term.kind === 'namespace' ? term.namespace : null;
  return sql`from read.repositories r join directory.namespaces n on n.id = r.namespace_id
    where r.status = 'active' and not r.is_private and r.number is distinct from ${without ?? null}::bigint
      and (${namespace}::text is null or n.name = ${namespace})
      and (r.name || ' ' || n.name || ' ' || r.description) ilike all (${words}::text[])`;
}

function patterns(term: SearchTerm): readonly string[] {
  const words = term.kind === 'words' ? term.text.split(/[\s/]+/).filter((word) => word !== '') : [];
  return words.slice(0, searchWordsMax).map(pattern);
}

/** Postgres refuses a zero character in a text, and no repository has one. */
function pattern(word: string): string {
  return `%${word.replaceAll('\0', '').replaceAll(/[%_\\]/g, String.raw`\$&`)}%`;
}
