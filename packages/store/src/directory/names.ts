/** Names of repositories: taken in the transaction that creates them, read wherever an id has to be told to people. */
import { sql } from 'kysely';

import type { Database, Transaction } from '../connect.ts';
import { isBehind } from '../log/tail.ts';

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

/** Counts the names of repositories that are or were in the namespace, up to `max`. */
export async function countNames(database: Database, namespaceId: string, max: number): Promise<number> {
  const { rows } = await sql<{ readonly count: bigint }>`select count(*) as count from (
      select from directory.repository_names where namespace_id = ${namespaceId} limit ${max}
    ) as names`.execute(database);
  return Number(rows[0]?.count ?? 0);
}

/** False: somebody else holds it. It keeps nobody from using what is in the namespace. */
export async function lockNamespace(transaction: Transaction, namespaceId: string): Promise<boolean> {
  const row = await transaction
    .selectFrom('directory.namespaces')
    .select('id')
    .where('id', '=', namespaceId)
    .forNoKeyUpdate()
    .skipLocked()
    .executeTakeFirst();
  return row !== undefined;
}

/** Counts the repositories of a namespace without those that are deleted for good. One that was deleted a moment ago may still count. */
export async function countRepositories(transaction: Transaction, namespaceId: string): Promise<number> {
  const { rows } = await sql<{ readonly count: bigint }>`select count(*) as count
    from directory.repository_names x
    left join read.repositories r on r.repository_id = x.repository_id
    where x.namespace_id = ${namespaceId}
      and (r.status is distinct from 'deleted' or ${sql.raw(isBehind('x.repository_id', 'r.version'))})`.execute(
    transaction,
  );
  return Number(rows[0]?.count ?? 0);
}
