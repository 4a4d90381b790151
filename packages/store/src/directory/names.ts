/** Names of repositories: taken in the transaction that creates them, read wherever an id has to be told to people. */
import { sql } from 'kysely';

import type { Database } from '../connect.ts';

/** The full names of repositories, `namespace/name`, by their ids. */
export async function readFullNames(
  database: Database,
  repositoryIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await database
    .selectFrom('directory.repository_names as repository')
    .innerJoin('directory.namespaces as namespace', 'namespace.id', 'repository.namespace_id')
    .where('repository.repository_id', '=', sql<string>`any(${repositoryIds}::uuid[])`)
    .select(['repository.repository_id', 'namespace.name as namespace', 'repository.name'])
    .execute();
  return new Map(rows.map(({ repository_id, namespace, name }) => [repository_id, `${namespace}/${name}`]));
}
