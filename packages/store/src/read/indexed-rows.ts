/** Rows of the read model as the search index is made of them. */
import type { NamespaceName, RepositoryName } from '@docket/shared/names';
import type { Repository } from '@docket/shared/repositories';
import { sql } from 'kysely';

import type { Database } from '../connect.ts';

export interface IndexedRow {
  readonly repositoryId: string;
  readonly number: bigint;
  /** Undefined when there is no namespace of that id any more. */
  readonly namespace: NamespaceName | undefined;
  readonly name: RepositoryName;
  readonly state: Repository;
  readonly lastUpdated: Date;
}

/**
 * The ids of a page in lots whose states together are so many bytes at the most as they are unpacked, but one repository at least: a
 * page is bounded by its events, and not by what repositories have become.
 */
export async function indexedLots(
  database: Database,
  repositoryIds: readonly string[],
  bytesMax: number,
): Promise<readonly (readonly string[])[]> {
  const rows = await database
    .selectFrom('read.repositories')
    .where('repository_id', '=', sql<string>`any(${repositoryIds}::uuid[])`)
    .select('repository_id')
    .select(sql<number>`pg_column_size(state || '{}')`.as('bytes'))
    .execute();
  return inLots(rows, bytesMax);
}

/** Pure. */
export function inLots(
  rows: readonly { readonly repository_id: string; readonly bytes: number }[],
  bytesMax: number,
): readonly (readonly string[])[] {
  const lots: string[][] = [];
  let lotBytes = Infinity;
  for (const { repository_id: id, bytes } of rows) {
    if (lotBytes + bytes > bytesMax) {
      lots.push([]);
      lotBytes = 0;
    }
    lots.at(-1)?.push(id);
    lotBytes += bytes;
  }
  return lots;
}

export async function readIndexedRows(
  database: Database,
  repositoryIds: readonly string[],
): Promise<readonly IndexedRow[]> {
  const rows = await database
    .selectFrom('read.repositories as repository')
    .leftJoin('directory.namespaces as namespace', 'namespace.id', 'repository.namespace_id')
    .where('repository.repository_id', '=', sql<string>`any(${repositoryIds}::uuid[])`)
    .select(['repository.repository_id', 'repository.number', 'repository.name', 'repository.state'])
    .select(['repository.last_updated', 'namespace.name as namespace'])
    .execute();
  return rows.map(({ repository_id: repositoryId, number, namespace, name, state, last_updated: lastUpdated }) => ({
    repositoryId,
    number,
    namespace: namespace ?? undefined,
    name,
    state,
    lastUpdated,
  }));
}
