/**
 * Reads of one repository, as fresh as the log: its row of the read model and the events after it, in one statement and so in one
 * snapshot, folded with the same `evolve`. Right while the projector is stopped, even since before the repository was created.
 */
import { fold } from '@docket/shared/decider';
import type { FullName, NamespaceName } from '@docket/shared/names';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { Repository } from '@docket/shared/repositories';
import { readRepositoryEvent } from '@docket/shared/stored-event';
import type { StoredEvent } from '@docket/shared/stored-event';

import type { Store } from './connect.ts';
import type { Executor } from './log.ts';

export interface NamespaceRow {
  readonly id: string;
  /** Null: reserved, nobody's but the admins'. */
  readonly ownerId: string | null;
}

/** As the table has it. */
export interface StoredAccount {
  readonly id: string;
  readonly namespace_id: string;
  readonly name: NamespaceName;
  readonly is_admin: boolean;
  readonly status: 'inactive' | 'active';
  readonly password_hash: string;
  readonly credential_version: number;
}

export interface RepositoryAt {
  readonly id: string;
  /** Of its document in the search index; undefined while the projector has not seen the repository. */
  readonly number: bigint | undefined;
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
  /** Null when there is no such namespace. */
  namespace_id: string | null;
  owner_id: string | null;
  repository_id: string | null;
  number: bigint | null;
  state: Repository | null;
  version: number;
  tail: readonly StoredEvent[] | null;
}

/** `r` is a row of the read model or null, `x` names the repository. */
const stateColumns = `r.state, coalesce(r.version, 0) as version,
  (select json_agg(json_build_object('type', e.type, 'schema_version', e.schema_version, 'data', e.data) order by e.version)
     from es.events e
     where e.stream_id = 'repository-' || x.repository_id and e.version > coalesce(r.version, 0)) as tail`;

/** Columns and tables of a look-up; `$1` is the namespace, `$2` the name. */
const lookupColumns = `n.id as namespace_id, n.account_id as owner_id, x.repository_id, r.number, ${stateColumns}`;
const lookupTables = `directory.namespaces n
     left join directory.repository_names x on x.namespace_id = n.id and x.name = $2
     left join read.repositories r on r.repository_id = x.repository_id`;

export async function lookUp(store: Store, { namespace, name }: FullName): Promise<Lookup> {
  const [row] = await store.query<LookupRow>(
    'look_up',
    `select ${lookupColumns} from ${lookupTables} where n.name = $1`,
    [namespace, name],
  );
  return lookup(row);
}

/** With the account of that id, if there is one that is not lapsed, in the same statement. */
export async function lookUpWithAccount(
  store: Store,
  { namespace, name }: FullName,
  accountId: string | undefined,
): Promise<{ readonly found: Lookup; readonly account: StoredAccount | undefined }> {
  const [row] = await store.query<LookupRow & { account: StoredAccount | null }>(
    'look_up_with_account',
    `select ${lookupColumns}, to_json(a) as account
     from (select 1) one
     left join (${lookupTables}) on n.name = $1
     left join lateral (
       select id, namespace_id, name, is_admin, status, password_hash, credential_version
       from directory.accounts where id = $3 and status <> 'lapsed'
     ) a on true`,
    [namespace, name, accountId ?? null],
  );
  return { found: lookup(row), account: row?.account ?? undefined };
}

function lookup(row: LookupRow | undefined): Lookup {
  if (!row || row.namespace_id === null) return { namespace: undefined, repository: undefined };
  return {
    namespace: { id: row.namespace_id, ownerId: row.owner_id },
    repository:
      row.repository_id === null
        ? undefined
        : { id: row.repository_id, number: row.number ?? undefined, ...current(row) },
  };
}

interface NamedRow {
  full_name: string;
  repository_id: string;
  number: bigint | null;
  state: Repository | null;
  version: number;
  tail: readonly StoredEvent[] | null;
}

/** By `namespace/name`; names that there never was a repository of are missing. */
export async function lookUpMany(executor: Executor, names: readonly FullName[]): Promise<Map<string, RepositoryAt>> {
  const { rows } = await executor.query<NamedRow>({
    text: `select n.name || '/' || x.name as full_name, x.repository_id, r.number, ${stateColumns}
      from unnest($1::text[], $2::text[]) as q(namespace, name)
      join directory.namespaces n on n.name = q.namespace
      join directory.repository_names x on x.namespace_id = n.id and x.name = q.name
      left join read.repositories r on r.repository_id = x.repository_id`,
    values: [names.map(({ namespace }) => namespace), names.map(({ name }) => name)],
  });
  return new Map(
    rows.map((row) => [row.full_name, { id: row.repository_id, number: row.number ?? undefined, ...current(row) }]),
  );
}

interface VisibilityRow {
  number: bigint;
  visible: boolean;
  state: Repository | null;
  version: number;
  tail: readonly StoredEvent[] | null;
}

/**
 * Which of the documents that a search found may be shown to everybody right now, by their numbers. The index lags; a repository
 * that was made private or is being deleted is not shown from the acknowledgement on.
 */
export async function publicNumbers(store: Store, numbers: readonly bigint[]): Promise<Set<bigint>> {
  const rows = await store.query<VisibilityRow>(
    'public_numbers',
    `select r.number, r.status = 'active' and not r.is_private as visible, r.version, t.tail,
       case when t.tail is not null then r.state end as state
     from read.repositories r
     cross join lateral (
       select json_agg(json_build_object('type', e.type, 'schema_version', e.schema_version, 'data', e.data) order by e.version) as tail
       from es.events e
       where e.stream_id = 'repository-' || r.repository_id and e.version > r.version
     ) t
     where r.number = any($1::bigint[])`,
    [numbers],
  );
  const shown = rows.filter((row) => {
    if (row.tail === null) return row.visible;
    const { state } = current(row);
    return state.status === 'active' && !state.is_private;
  });
  return new Set(shown.map(({ number }) => number));
}

function current(row: { state: Repository | null; version: number; tail: readonly StoredEvent[] | null }): {
  state: Repository;
  version: number;
} {
  const tail = row.tail ?? [];
  const events = tail.map(readRepositoryEvent);
  return { state: fold(evolve, row.state ?? absentRepository, events), version: row.version + tail.length };
}
