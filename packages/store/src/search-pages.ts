/** What the search index is built from: the rows of the read model that a page of the log touched. And which index is asked. */
import type { NamespaceName, RepositoryName } from '@docket/shared/names';
import type { Repository } from '@docket/shared/repositories';

import { tablesProjection } from './followers/checkpoint.ts';
import type { Checkpoint } from './followers/checkpoint.ts';
import type { Executor } from './log.ts';

export interface SearchPage {
  /** The last event of the page. */
  readonly end: Checkpoint;
  readonly repositoryIds: readonly string[];
}

interface PageRow {
  position: bigint | null;
  command_id: string;
  repository_ids: readonly string[] | null;
}

/** Never ahead of the tables, of whichever version they are: their rows are what is indexed. Undefined at the end. */
export async function readSearchPage(
  executor: Executor,
  after: bigint,
  eventsMax: number,
): Promise<SearchPage | undefined> {
  const { rows } = await executor.query<PageRow>({
    text: `with page as (
        select position, command_id, stream_id from es.events
        where position > $1 and position <= (select position from es.projections where name = $3)
        order by position limit $2)
      select max(position) as position, (array_agg(command_id order by position desc))[1] as command_id,
        array_agg(distinct substr(stream_id, 12)) filter (where stream_id like 'repository-%') as repository_ids
      from page`,
    values: [after, eventsMax, tablesProjection.name],
  });
  const [row] = rows;
  if (!row || row.position === null) return undefined;
  return { end: { position: row.position, commandId: row.command_id }, repositoryIds: row.repository_ids ?? [] };
}

export interface IndexedRow {
  readonly repositoryId: string;
  readonly number: bigint;
  /** Undefined when there is no namespace of that id any more. */
  readonly namespace: NamespaceName | undefined;
  readonly name: RepositoryName;
  readonly state: Repository;
  readonly lastUpdated: Date;
}

interface StoredRow {
  repository_id: string;
  number: bigint;
  namespace: NamespaceName | null;
  name: RepositoryName;
  state: Repository;
  last_updated: Date;
}

export async function readIndexedRows(executor: Executor, repositoryIds: readonly string[]): Promise<IndexedRow[]> {
  const { rows } = await executor.query<StoredRow>({
    text: `select r.repository_id, r.number, n.name as namespace, r.name, r.state, r.last_updated
      from read.repositories r left join directory.namespaces n on n.id = r.namespace_id
      where r.repository_id = any($1::uuid[])`,
    values: [repositoryIds],
  });
  return rows.map(({ repository_id: repositoryId, number, namespace, name, state, last_updated: lastUpdated }) => ({
    repositoryId,
    number,
    namespace: namespace ?? undefined,
    name,
    state,
    lastUpdated,
  }));
}

/** False for the mark of a log that is not this one, or that this one was once and then was restored to an older day. */
export async function isInLog(executor: Executor, { position, commandId }: Checkpoint): Promise<boolean> {
  if (position === 0n) return true;
  const { rowCount } = await executor.query({
    text: 'select from es.events where position = $1 and command_id = $2',
    values: [position, commandId],
  });
  return rowCount === 1;
}

export async function readInstallationId(executor: Executor): Promise<string> {
  const { rows } = await executor.query<{ id: string }>({ text: 'select id from directory.installation' });
  const [row] = rows;
  if (!row) throw new Error('directory.installation is empty: the database was not migrated');
  return row.id;
}

export async function supersededIndexes(executor: Executor, afterMs: number): Promise<string[]> {
  const { rows } = await executor.query<{ uid: string }>({
    text: `select uid from es.superseded_indexes where since < clock_timestamp() - $1 * interval '1 millisecond'`,
    values: [afterMs],
  });
  return rows.map(({ uid }) => uid);
}

export async function forgetSupersededIndex(executor: Executor, uid: string): Promise<void> {
  await executor.query({ text: 'delete from es.superseded_indexes where uid = $1', values: [uid] });
}
