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
