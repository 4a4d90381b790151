/**
 * The repositories of a namespace that somebody may read. Rows come from the read model; those that it has not caught up with are read
 * from the log and take their place, so that nothing is listed or counted a moment longer than it may be seen.
 */
import { inSmallLetters } from '@docket/shared/names';
import type { RepositoryName } from '@docket/shared/names';
import type { ActiveRepository } from '@docket/shared/repositories';
import { repositoryOf } from '@docket/shared/stored-event';
import { readInUse, tablesProjection } from '@docket/store/followers/checkpoint';
import { registeredAt, repositoryStreamsAfter } from '@docket/store/log/repositories';
import { recordedAt } from '@docket/store/log/tail';
import type { Database } from '@docket/store/connect';
import type { NamespaceAt } from '@docket/store/read/look-up';
import { sql } from 'kysely';

import type { AccountRow } from '../access/accounts.ts';
import { readableNow } from '../access/readable.ts';
import { roleOf } from '../access/rights.ts';
import type { Ordering } from '../http/paging.ts';
import { detailsDto } from '../repositories/dto.ts';
import type { DetailsDto } from '../repositories/dto.ts';
import type { OwnNamespaceDto } from './dto.ts';

export interface ListQuestion {
  /** A part of the name, in small letters; empty is no filter. */
  readonly name: string;
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
  database: Database,
  viewer: AccountRow | undefined,
  namespace: NamespaceAt,
  question: ListQuestion,
): Promise<RepositoryList> {
  const behind = await notCaughtUp(database, namespace);
  const wanted = behind.filter(({ name }) => inSmallLetters(name).includes(question.name));
  const inserted = await visibleAtThisMoment(database, viewer, namespace, wanted);
  const excluded = behind.map(({ repositoryId }) => repositoryId);
  const viewed = { database, viewer, namespace, excluded, name: question.name };
  const stored = question.name === '' ? await countStored(viewed) : await countNamed(viewed);
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
async function notCaughtUp(database: Database, { id }: NamespaceAt): Promise<readonly Behind[]> {
  const { position } = await readInUse(database, tablesProjection);
  const streams = await repositoryStreamsAfter(database, position);
  if (streams.length === 0) return [];
  return database
    .selectFrom('directory.repository_names')
    .where('repository_id', '=', sql<string>`any(${streams.flatMap((stream) => repositoryOf(stream) ?? [])}::uuid[])`)
    .where('namespace_id', '=', id)
    .select(['repository_id as repositoryId', 'name'])
    .execute();
}

async function visibleAtThisMoment(
  database: Database,
  viewer: AccountRow | undefined,
  namespace: NamespaceAt,
  behind: readonly Behind[],
): Promise<Listed[]> {
  const { id: namespace_id, ownerId: owner_id, viewerRole: viewer_role } = namespace;
  const rows = behind.map(({ name }) => ({ namespace: namespace.name, name, namespace_id, owner_id, viewer_role }));
  const listed: Listed[] = [];
  for (const { row, repository } of await readableNow(database, viewer, rows)) {
    const { id, state, lastUpdated } = repository;
    if (state.status !== 'active') continue;
    listed.push({ name: row.name, state, lastUpdated, registered: await registeredAt(database, id) });
  }
  return listed;
}

interface Viewed {
  readonly database: Database;
  readonly viewer: AccountRow | undefined;
  readonly namespace: NamespaceAt;
  /** Repositories whose rows are not to be believed. */
  readonly excluded: readonly string[];
  readonly name: ListQuestion['name'];
}

/** Who may read all of a namespace; others read what is public and what they were let into. */
function seesAll({ viewer, namespace }: Viewed): boolean {
  return viewer !== undefined && roleOf(viewer, namespace) !== 'none';
}

/** What of `r`, a row of the read model, the viewer may see. */
function visibleTo(viewed: Viewed) {
  return sql`r.status = 'active' and (not r.is_private or ${seesAll(viewed)}::boolean
    or exists (select from read.grants g
      where g.repository_id = r.repository_id and g.account_id = ${viewed.viewer?.id ?? null}::uuid))`;
}

interface StoredCounts {
  readonly public: bigint | null;
  readonly private: bigint | null;
  readonly granted: bigint;
  readonly excluded: bigint;
}

/** The count comes from the counters of the read model: to count 100 000 rows would cost more than all the rest. */
async function countStored(viewed: Viewed): Promise<number> {
  const { database, viewer, namespace, excluded } = viewed;
  const { rows } = await sql<StoredCounts>`select
      (select public_count from read.namespaces where namespace_id = ${namespace.id}) as public,
      (select private_count from read.namespaces where namespace_id = ${namespace.id}) as private,
      (select count(*) from read.grants g join read.repositories r on r.repository_id = g.repository_id
         where g.account_id = ${viewer?.id ?? null}::uuid and r.namespace_id = ${namespace.id}
           and r.is_private and r.status = 'active') as granted,
      (select count(*) from read.repositories r
         where r.repository_id = any(${excluded}::uuid[]) and ${visibleTo(viewed)}) as excluded`.execute(database);
  const [row] = rows;
  if (!row) return 0;
  const hidden = seesAll(viewed) ? row.private : row.granted;
  return Number((row.public ?? 0n) + (hidden ?? 0n) - row.excluded);
}

/** What of `r` is listed: stored, visible, to be believed and of the name that was asked for. */
function listedOf(viewed: Viewed) {
  const { namespace, excluded, name } = viewed;
  return sql`r.namespace_id = ${namespace.id} and ${visibleTo(viewed)} and r.repository_id <> all(${excluded}::uuid[])
    and (${name}::text = '' or strpos(lower(r.name collate "C"), ${name}::text) > 0)`;
}

/** A part of a name is no prefix: every entry of the namespace is looked at, in the index alone. */
async function countNamed(viewed: Viewed): Promise<number> {
  const { rows } = await sql<{ readonly total: bigint }>`select count(*) as total from read.repositories r
    where ${listedOf(viewed)}`.execute(viewed.database);
  return Number(rows[0]?.total ?? 0);
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

/** What a list does not show of the state is not read: the full descriptions of a page may be megabytes. */
const shortened = `r.state || '{"full_description": ""}'`;

/** The statement reads from the nearer end, so the last page costs what the first one does. */
async function storedPage(
  viewed: Viewed,
  stored: number,
  ordering: Ordering,
  offset: number,
  wanted: number,
): Promise<Listed[]> {
  const limit = Math.min(wanted, stored - offset);
  if (limit <= 0) return [];
  const fromTheEnd = offset > stored / 2;
  const { by, descends } = columns[ordering];
  const order = sql.raw(by.map((column) => `${column} ${descends === fromTheEnd ? 'asc' : 'desc'}`).join(', '));
  // It is not prepared: a plan for any page is a plan for none, and would sort the whole namespace for each.
  const { rows } = await sql<StoredRow>`with page as (
      select r.repository_id from read.repositories r
      where ${listedOf(viewed)}
      order by ${order} limit ${limit} offset ${fromTheEnd ? stored - offset - limit : offset})
    select r.name, ${sql.raw(shortened)} as state, r.last_updated, ${sql.raw(recordedAt('r.number'))} as registered
    from page p
    join read.repositories r on r.repository_id = p.repository_id
    order by ${order}`.execute(viewed.database);
  const listed = rows.map(({ name, state, last_updated, registered }) => ({
    name,
    state,
    lastUpdated: last_updated,
    registered,
  }));
  return fromTheEnd ? listed.toReversed() : listed;
}

/** The account's own, and those of the organizations that it belongs to. */
export async function namespacesOf(
  database: Database,
  accountId: string,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly OwnNamespaceDto[] }> {
  const { rows } = await sql<
    OwnNamespaceDto & { readonly count: bigint }
  >`select name, type, role, count(*) over () as count
    from (
      select name, 'user' as type, 'owner' as role from directory.namespaces where account_id = ${accountId}
      union all
      select n.name, 'organization', m.role from directory.members m
      join directory.namespaces n on n.id = m.namespace_id where m.account_id = ${accountId}
    ) t
    order by name limit ${limit} offset ${offset}`.execute(database);
  return { count: Number(rows[0]?.count ?? 0), results: rows.map(({ name, type, role }) => ({ name, type, role })) };
}
