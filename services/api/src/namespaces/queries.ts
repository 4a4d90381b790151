/**
 * The repositories of a namespace that somebody may read. Rows come from the read model; those that it has not caught up with are read
 * from the log and take their place, so that nothing is listed or counted a moment longer than it may be seen.
 */
import { fullNameText } from '@docket/shared/names';
import type { RepositoryName } from '@docket/shared/names';
import type { ActiveRepository } from '@docket/shared/repositories';
import { repositoryOf } from '@docket/shared/stored-event';
import { tablesProjection } from '@docket/store/followers/checkpoint';
import type { Store } from '@docket/store/connect';
import { lookUpMany } from '@docket/store/read/look-up';
import type { NamespaceAt } from '@docket/store/read/look-up';

import type { AccountRow } from '../access/accounts.ts';
import { may, roleOf } from '../access/rights.ts';
import { detailsDto } from '../repositories/dto.ts';
import type { DetailsDto } from '../repositories/dto.ts';
import { registeredAt } from '../repositories/queries.ts';

export const orderings = ['name', '-name', 'last_updated', '-last_updated'] as const;
export type Ordering = (typeof orderings)[number];

export interface ListQuestion {
  readonly ordering: Ordering;
  readonly offset: number;
  readonly limit: number;
}

export interface RepositoryList {
  readonly count: number;
  readonly results: readonly DetailsDto[];
}

interface Listed {
  readonly name: RepositoryName;
  readonly state: ActiveRepository;
  readonly lastUpdated: Date;
  readonly registered: Date;
}

export async function listRepositories(
  database: Store,
  viewer: AccountRow | undefined,
  namespace: NamespaceAt,
  question: ListQuestion,
): Promise<RepositoryList> {
  const behind = await notCaughtUp(database, namespace);
  const inserted = await visibleAtThisMoment(database, viewer, namespace, behind);
  const excluded = behind.map(({ repositoryId }) => repositoryId);
  const viewed = { database, viewer, namespace, excluded };
  const stored = await countStored(viewed);
  const listed = await merged(viewed, stored, inserted, question);
  return {
    count: stored + inserted.length,
    results: listed.map(({ name, state, lastUpdated, registered }) =>
      detailsDto(viewer, { namespace: namespace.name, name }, namespace, state, { registered, updated: lastUpdated }),
    ),
  };
}

interface Behind {
  readonly repositoryId: string;
  readonly name: RepositoryName;
}

/** Changed since the read model was written: few, and none most of the time. */
async function notCaughtUp(database: Store, { id }: NamespaceAt): Promise<readonly Behind[]> {
  const [standing] = await database.query<{ position: bigint }>(
    'tables_stand_at',
    'select position from es.projections where name = $1 order by version desc limit 1',
    [tablesProjection.name],
  );
  // Not prepared: a plan for any position would read the whole log.
  const { rows: streams } = await database.pool.query<{ stream_id: string }>({
    text: `select distinct stream_id from es.events where position > $1 and stream_id like 'repository-%'`,
    values: [standing?.position ?? 0n],
  });
  if (streams.length === 0) return [];
  return database.query<{ repositoryId: string; name: RepositoryName }>(
    'names_in_namespace',
    `select repository_id as "repositoryId", name from directory.repository_names
     where repository_id = any($1::uuid[]) and namespace_id = $2`,
    [streams.flatMap(({ stream_id }) => repositoryOf(stream_id) ?? []), id],
  );
}

async function visibleAtThisMoment(
  database: Store,
  viewer: AccountRow | undefined,
  namespace: NamespaceAt,
  behind: readonly Behind[],
): Promise<Listed[]> {
  if (behind.length === 0) return [];
  const names = behind.map(({ name }) => ({ namespace: namespace.name, name }));
  const states = await lookUpMany(database.pool, names);
  const listed: Listed[] = [];
  for (const name of names) {
    const repository = states.get(fullNameText(name));
    if (repository?.state.status !== 'active' || !may('read', viewer, namespace, repository.state)) continue;
    const registered = await registeredAt(database, repository.id);
    listed.push({ name: name.name, state: repository.state, lastUpdated: repository.lastUpdated, registered });
  }
  return listed;
}

interface Viewed {
  readonly database: Store;
  readonly viewer: AccountRow | undefined;
  readonly namespace: NamespaceAt;
  /** Repositories whose rows are not to be believed. */
  readonly excluded: readonly string[];
}

/** Who may read all of a namespace; others read what is public and what they were let into. */
function seesAll({ viewer, namespace }: Viewed): boolean {
  return viewer !== undefined && roleOf(viewer, namespace) !== 'none';
}

/** Its parameters: the viewer, and whether the viewer sees all. */
const visible = `r.status = 'active' and (not r.is_private or $3
  or exists (select from read.grants g where g.repository_id = r.repository_id and g.account_id = $2))`;

/** From the counters of the read model: to count 100 000 rows would cost more than all the rest. */
async function countStored(viewed: Viewed): Promise<number> {
  const { database, viewer, namespace, excluded } = viewed;
  const [row] = await database.query<{
    public: bigint | null;
    private: bigint | null;
    granted: bigint;
    excluded: bigint;
  }>(
    'count_repositories',
    `select
       (select public_count from read.namespaces where namespace_id = $1) as public,
       (select private_count from read.namespaces where namespace_id = $1) as private,
       (select count(*) from read.grants g join read.repositories r on r.repository_id = g.repository_id
          where g.account_id = $2 and r.namespace_id = $1 and r.is_private and r.status = 'active') as granted,
       (select count(*) from read.repositories r where r.repository_id = any($4::uuid[]) and ${visible}) as excluded`,
    [namespace.id, viewer?.id ?? null, seesAll(viewed), excluded],
  );
  if (!row) return 0;
  const hidden = seesAll(viewed) ? row.private : row.granted;
  return Number((row.public ?? 0n) + (hidden ?? 0n) - row.excluded);
}

/**
 * The page of the list that both make together. Before its first row stand at most as many of the inserted ones as there are, so the
 * stored rows that it may hold begin so many places earlier.
 */
async function merged(
  viewed: Viewed,
  stored: number,
  inserted: readonly Listed[],
  { ordering, offset, limit }: ListQuestion,
): Promise<Listed[]> {
  const from = Math.max(0, offset - inserted.length);
  const rows = await storedPage(viewed, stored, ordering, from, offset + limit - from);
  const all = inserted.length === 0 ? rows : [...rows, ...inserted].toSorted(comparing(ordering));
  return all.slice(offset - from, offset - from + limit);
}

function comparing(ordering: Ordering): (one: Listed, other: Listed) => number {
  const byName = (one: Listed, other: Listed) => Buffer.compare(Buffer.from(one.name), Buffer.from(other.name));
  const byDate = (one: Listed, other: Listed) =>
    one.lastUpdated.getTime() - other.lastUpdated.getTime() || byName(one, other);
  switch (ordering) {
    case 'name':
      return byName;
    case '-name':
      return (one, other) => byName(other, one);
    case 'last_updated':
      return byDate;
    case '-last_updated':
      return (one, other) => byDate(other, one);
  }
}

const columns: Readonly<Record<Ordering, { readonly by: readonly string[]; readonly descends: boolean }>> = {
  name: { by: ['r.name collate "C"'], descends: false },
  '-name': { by: ['r.name collate "C"'], descends: true },
  last_updated: { by: ['r.last_updated', 'r.name collate "C"'], descends: false },
  '-last_updated': { by: ['r.last_updated', 'r.name collate "C"'], descends: true },
};

interface StoredRow {
  name: RepositoryName;
  state: ActiveRepository;
  last_updated: Date;
  registered: Date;
}

/** What a list does not show of the state is not read: the image lists of a page may be megabytes. */
const shortened = `r.state || '{"images": [], "tags": {}, "announced": null, "full_description": ""}'`;

/** From the nearer end: the last page costs what the first one does. */
async function storedPage(
  viewed: Viewed,
  stored: number,
  ordering: Ordering,
  offset: number,
  wanted: number,
): Promise<Listed[]> {
  const { database, viewer, namespace, excluded } = viewed;
  const limit = Math.min(wanted, stored - offset);
  if (limit <= 0) return [];
  const fromTheEnd = offset > stored / 2;
  const { by, descends } = columns[ordering];
  const order = by.map((column) => `${column} ${descends === fromTheEnd ? 'asc' : 'desc'}`).join(', ');
  // Not prepared: a plan for any page is a plan for none, and would sort the whole namespace for each.
  const { rows } = await database.pool.query<StoredRow>({
    text: `with page as (
       select r.repository_id from read.repositories r
       where r.namespace_id = $1 and ${visible} and r.repository_id <> all($4::uuid[])
       order by ${order} limit $5 offset $6)
     select r.name, ${shortened} as state, r.last_updated, e.recorded_at as registered
     from page p
     join read.repositories r on r.repository_id = p.repository_id
     join es.events e on e.position = r.number
     order by ${order}`,
    values: [
      namespace.id,
      viewer?.id ?? null,
      seesAll(viewed),
      excluded,
      limit,
      fromTheEnd ? stored - offset - limit : offset,
    ],
  });
  const listed = rows.map(({ name, state, last_updated, registered }) => ({
    name,
    state,
    lastUpdated: last_updated,
    registered,
  }));
  return fromTheEnd ? listed.toReversed() : listed;
}

export interface NamespaceDto {
  readonly name: string;
  readonly type: 'user' | 'organization';
  readonly role: 'owner' | 'member';
}

/** The account's own, and those of the organizations that it belongs to. */
export async function namespacesOf(
  database: Store,
  accountId: string,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly NamespaceDto[] }> {
  const rows = await database.query<NamespaceDto & { count: bigint }>(
    'namespaces_of',
    `select name, type, role, count(*) over () as count from (
       select name, 'user' as type, 'owner' as role from directory.namespaces where account_id = $1
       union all
       select n.name, 'organization', m.role from directory.members m
       join directory.namespaces n on n.id = m.namespace_id where m.account_id = $1
     ) t order by name limit $2 offset $3`,
    [accountId, limit, offset],
  );
  return { count: Number(rows[0]?.count ?? 0), results: rows.map(({ name, type, role }) => ({ name, type, role })) };
}
