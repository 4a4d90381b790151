/**
 * Reads of one repository, as fresh as the log: its row of the read model and the events after it, in one statement and so in one
 * snapshot, folded with the same `evolve`. Right while the projector is stopped, even since before the repository was created.
 */
import { fold } from '@docket/shared/decider';
import type { FullName } from '@docket/shared/names';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { Repository } from '@docket/shared/repositories';
import { readRepositoryEvent } from '@docket/shared/stored-event';
import type { StoredEvent } from '@docket/shared/stored-event';

import type { Store } from './connect.ts';

export interface NamespaceRow {
  readonly id: string;
  /** Null: reserved, nobody's but the admins'. */
  readonly ownerId: string | null;
}

export interface RepositoryAt {
  readonly id: string;
  readonly state: Repository;
  /** The stream version of the state. */
  readonly version: number;
}

export interface Lookup {
  /** Undefined when there is no such namespace. */
  readonly namespace: NamespaceRow | undefined;
  /** Undefined when there never was a repository of this name. */
  readonly repository: RepositoryAt | undefined;
}

interface LookupRow {
  namespace_id: string;
  owner_id: string | null;
  repository_id: string | null;
  state: Repository | null;
  version: number;
  tail: readonly StoredEvent[] | null;
}

/** `r` is a row of the read model or null, `x` names the repository. */
const stateColumns = `r.state, coalesce(r.version, 0) as version,
  (select json_agg(json_build_object('type', e.type, 'schema_version', e.schema_version, 'data', e.data) order by e.version)
     from es.events e
     where e.stream_id = 'repository-' || x.repository_id and e.version > coalesce(r.version, 0)) as tail`;

export async function lookUp(store: Store, { namespace, name }: FullName): Promise<Lookup> {
  const [row] = await store.query<LookupRow>(
    'look_up',
    `select n.id as namespace_id, n.account_id as owner_id, x.repository_id, ${stateColumns}
     from directory.namespaces n
     left join directory.repository_names x on x.namespace_id = n.id and x.name = $2
     left join read.repositories r on r.repository_id = x.repository_id
     where n.name = $1`,
    [namespace, name],
  );
  if (!row) return { namespace: undefined, repository: undefined };
  return {
    namespace: { id: row.namespace_id, ownerId: row.owner_id },
    repository: row.repository_id === null ? undefined : { id: row.repository_id, ...current(row) },
  };
}

interface VisibilityRow {
  number: bigint;
  owner_id: string | null;
  state: Repository;
  version: number;
  tail: readonly StoredEvent[] | null;
}

/** The present state of the repositories that a search found, by the numbers of their documents. */
export async function lookUpNumbers(
  store: Store,
  numbers: readonly bigint[],
): Promise<Map<bigint, { readonly state: Repository; readonly ownerId: string | null }>> {
  const rows = await store.query<VisibilityRow>(
    'look_up_numbers',
    `select r.number, n.account_id as owner_id, ${stateColumns}
     from read.repositories r
     join directory.repository_names x on x.repository_id = r.repository_id
     join directory.namespaces n on n.id = r.namespace_id
     where r.number = any($1::bigint[])`,
    [numbers],
  );
  return new Map(rows.map((row) => [row.number, { state: current(row).state, ownerId: row.owner_id }]));
}

function current(row: { state: Repository | null; version: number; tail: readonly StoredEvent[] | null }): {
  state: Repository;
  version: number;
} {
  const tail = row.tail ?? [];
  const events = tail.map(readRepositoryEvent);
  return { state: fold(evolve, row.state ?? absentRepository, events), version: row.version + tail.length };
}
