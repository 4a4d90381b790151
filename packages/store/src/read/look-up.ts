/**
 * Reads of one repository, as fresh as the log: its row of the read model and the events after it, in one statement and so in one
 * snapshot, folded with the same `evolve`. Right while the projector is stopped, even since before the repository was created.
 */
import { fold } from '@docket/shared/decider';
import { turnBetween } from '@docket/shared/in-turns';
import type { ImageList } from '@docket/shared/image-lists';
import type { Checksum, FullName, ImageId, NamespaceName } from '@docket/shared/names';
import { absentRepository, evolve, isPublic, updatedAt } from '@docket/shared/repositories';
import type { Repository, RepositoryEvent } from '@docket/shared/repositories';
import { foldImages, noRepositoryImages } from '@docket/shared/repository-images';
import { NewerEvent, readRepositoryEvent, readRepositoryEventInTurns } from '@docket/shared/stored-event';
import type { StoredEvent } from '@docket/shared/stored-event';
import { sql } from 'kysely';
import type { NotNull } from 'kysely';

import type { Database } from '../connect.ts';
import { tablesProjection } from '../followers/checkpoint.ts';
import { tailAfter, tailWithImagesAfter } from '../log/tail.ts';
import { prepared } from '../prepared.ts';

export interface NamespaceRow {
  readonly id: string;
  /** Null: reserved, nobody's but the admins'. */
  readonly ownerId: string | null;
  /** What the account that asks is to the organization whose namespace it is. */
  readonly viewerRole: 'owner' | 'member' | null;
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

export const accountColumns = [
  'id',
  'namespace_id',
  'name',
  'is_admin',
  'status',
  'password_hash',
  'credential_version',
] as const satisfies readonly (keyof StoredAccount)[];

export interface RepositoryAt {
  readonly id: string;
  /** The id of its document in the search index; undefined while the projector has not seen the repository. */
  readonly number: bigint | undefined;
  readonly state: Repository;
  /** The stream version of the state. */
  readonly version: number;
  readonly lastUpdated: Date;
}

export interface Lookup {
  /** The account that asks; undefined for nobody, and for one that lapsed. */
  readonly viewer: StoredAccount | undefined;
  /** `performance.now()` before it was asked: what has changed since may not be in it. */
  readonly readAt: number;
  /** Undefined when there is no such namespace. */
  readonly namespace: NamespaceRow | undefined;
  /** Undefined when there never was a repository of this name. */
  readonly repository: RepositoryAt | undefined;
  /** Some images are taken down everywhere; they may be among these. */
  readonly imagesMayBeBlocked: boolean;
}

interface StateRow {
  state: Repository | null;
  version: number;
  last_updated: Date | null;
  tail: readonly (StoredEvent & { recorded_at: string })[] | null;
}

interface LookupRow extends StateRow {
  account: StoredAccount | null;
  /** Null when there is no such namespace. */
  namespace_id: string | null;
  owner_id: string | null;
  viewer_role: 'owner' | 'member' | null;
  any_blocked: boolean;
  repository_id: string | null;
  number: bigint | null;
}

/**
 * The row `r` of the repository that `x` names. One that another version of the tables wrote is not believed: the repository is then
 * folded from its first event on.
 */
const rowOfRepository = `left join read.repositories r
       on r.repository_id = x.repository_id and r.tables_version = ${tablesProjection.version}`;

const rowColumns = 'r.state, coalesce(r.version, 0) as version, r.last_updated';
const stateColumns = `${rowColumns}, ${tailAfter('x.repository_id', 'coalesce(r.version, 0)')} as tail`;

/** Columns and tables of a look-up; `$1` is the namespace, `$2` the name, `$3` the account that asks. */
const namedColumns = `n.id as namespace_id, n.account_id as owner_id,
  (select m.role from directory.members m where m.namespace_id = n.id and m.account_id = $3) as viewer_role,
  exists (select from directory.blocked_images) as any_blocked, x.repository_id, r.number`;
const lookupColumns = `${namedColumns}, ${stateColumns}`;
const lookupTables = `directory.namespaces n
     left join directory.repository_names x on x.namespace_id = n.id and x.name = $2
     ${rowOfRepository}`;
const accountOfViewer = `(select to_json(a) from (
     select ${accountColumns.join(', ')}
     from directory.accounts where id = $3 and status <> 'lapsed'
   ) a) as account`;

/** The namespace, the name, and the account that asks. */
type LookupValues = readonly [string, string, string];

/**
 * The account of who asks without one. Null would say the same and cost three times as much: PostgreSQL finds the plan for null cheaper
 * than the one for any account, never keeps that one, and plans each call anew.
 */
const nobody = '00000000-0000-0000-0000-000000000000';

const lookUpStatement = prepared<LookupRow, LookupValues>(
  'look_up',
  `select ${lookupColumns}, ${accountOfViewer}
   from (select 1) one left join (${lookupTables}) on n.name = $1`,
);

interface WithImages {
  /** Of `StoredImage`s, as text: most who ask want it written out again. */
  readonly images: string | null;
}

const lookUpImagesStatement = prepared<LookupRow & WithImages, LookupValues>(
  'look_up_images',
  `select ${namedColumns}, ${rowColumns}, ${accountOfViewer},
     ${tailWithImagesAfter('x.repository_id', 'coalesce(r.version, 0)')} as tail,
     (select '[' || string_agg('{"id":' || to_json(i.image_id)::text || ',"checksum":'
         || to_json(coalesce(i.checksum, ''))::text || '}', ',' order by i.ordinal) || ']'
       from read.images i where i.repository_id = r.repository_id) as images
   from (select 1) one left join (${lookupTables}) on n.name = $1`,
);

/** `viewerId`: the account that asks, and what it is to the namespace. */
export async function lookUp(database: Database, { namespace, name }: FullName, viewerId?: string): Promise<Lookup> {
  const readAt = performance.now();
  const [row] = await lookUpStatement(database, [namespace, name, viewerId ?? nobody]);
  return lookup(row, readAt);
}

export interface StoredImage {
  readonly id: ImageId;
  /** Empty until somebody names one. */
  readonly checksum: Checksum | '';
}

export interface LookupWithImages extends Lookup {
  /**
   * All of them, in the order in which they were first named: the JSON of `StoredImage`s as the read model has it, or a list where the
   * log knows more.
   */
  readonly images:
    { readonly as: 'json'; readonly json: string } | { readonly as: 'list'; readonly list: ImageList['images'] };
}

/** The same with all images of the repository, which may be thousands. */
export async function lookUpImages(
  database: Database,
  { namespace, name }: FullName,
  viewerId?: string,
): Promise<LookupWithImages> {
  const readAt = performance.now();
  const [row] = await lookUpImagesStatement(database, [namespace, name, viewerId ?? nobody]);
  const tail: TailEvent[] = [];
  for (const stored of row?.tail ?? []) {
    tail.push({ event: await readRepositoryEventInTurns(stored), recordedAt: new Date(stored.recorded_at) });
  }
  const images = await imagesAfter(row?.images ?? '[]', tail);
  return { ...lookup(row, readAt, tail), images };
}

async function imagesAfter(json: string, tail: readonly TailEvent[]): Promise<LookupWithImages['images']> {
  if (tail.length === 0) return { as: 'json', json };
  const stored: readonly StoredImage[] = JSON.parse(json);
  await turnBetween(stored.length);
  const list = {
    ...noRepositoryImages,
    images: new Map(stored.map(({ id, checksum }) => [id, checksum === '' ? null : checksum])),
  };
  const { images } = foldImages(
    list,
    tail.map(({ event }) => event),
  );
  return { as: 'list', list: images };
}

function lookup(row: LookupRow | undefined, readAt: number, tail = tailOf(row)): Lookup {
  const viewer = row?.account ?? undefined;
  if (!row || row.namespace_id === null) {
    return { viewer, readAt, namespace: undefined, repository: undefined, imagesMayBeBlocked: false };
  }
  return {
    viewer,
    readAt,
    imagesMayBeBlocked: row.any_blocked,
    namespace: { id: row.namespace_id, ownerId: row.owner_id, viewerRole: row.viewer_role },
    repository:
      row.repository_id === null
        ? undefined
        : { id: row.repository_id, number: row.number ?? undefined, ...current(row, tail) },
  };
}

export interface ViewerAt {
  readonly account: StoredAccount;
  readonly role: NamespaceRow['viewerRole'];
}

/** The accounts as they are, and what they are to the organization whose namespace it is; those that lapsed are missing. */
export async function lookUpViewers(
  database: Database,
  namespaceId: string | undefined,
  accountIds: readonly string[],
): Promise<ReadonlyMap<string, ViewerAt>> {
  const rows = await database
    .selectFrom('directory.accounts as account')
    .leftJoin('directory.members as member', (join) =>
      join
        .onRef('member.account_id', '=', 'account.id')
        .on('member.namespace_id', '=', sql<string>`${namespaceId ?? null}::uuid`),
    )
    .select('member.role')
    .select(accountColumns.map((column) => `account.${column}` as const))
    .where('account.id', '=', sql<string>`any(${accountIds}::uuid[])`)
    .where('account.status', '<>', 'lapsed')
    .$narrowType<{ name: NotNull; status: StoredAccount['status'] }>()
    .execute();
  return new Map(rows.map(({ role, ...account }) => [account.id, { account, role }]));
}

export interface NamespaceAt extends NamespaceRow {
  readonly name: NamespaceName;
  readonly isOrganization: boolean;
}

/** Undefined when there is no such namespace. */
export async function lookUpNamespace(
  database: Database,
  name: NamespaceName,
  viewerId: string | undefined,
): Promise<NamespaceAt | undefined> {
  const row = await database
    .selectFrom('directory.namespaces as namespace')
    .leftJoin('directory.members as member', (join) =>
      join
        .onRef('member.namespace_id', '=', 'namespace.id')
        .on('member.account_id', '=', sql<string>`${viewerId ?? null}::uuid`),
    )
    .where('namespace.name', '=', name)
    .select(['namespace.id', 'namespace.account_id', 'namespace.is_organization', 'member.role'])
    .executeTakeFirst();
  return (
    row && { id: row.id, name, ownerId: row.account_id, viewerRole: row.role, isOrganization: row.is_organization }
  );
}

interface NamedRow extends StateRow {
  full_name: string;
  repository_id: string;
  number: bigint | null;
}

/** By `namespace/name`; names that there never was a repository of are missing. */
export async function lookUpMany(database: Database, names: readonly FullName[]): Promise<Map<string, RepositoryAt>> {
  const namespaces = names.map(({ namespace }) => namespace);
  const { rows } = await sql<NamedRow>`select n.name || '/' || x.name as full_name, x.repository_id, r.number,
      ${sql.raw(stateColumns)}
    from unnest(${namespaces}::text[], ${names.map(({ name }) => name)}::text[]) as q(namespace, name)
    join directory.namespaces n on n.name = q.namespace
    join directory.repository_names x on x.namespace_id = n.id and x.name = q.name
    ${sql.raw(rowOfRepository)}`.execute(database);
  return new Map(
    rows.map((row) => [row.full_name, { id: row.repository_id, number: row.number ?? undefined, ...current(row) }]),
  );
}

interface VisibilityRow extends StateRow {
  readonly number: bigint;
  readonly visible: boolean;
}

/** The array goes through a subquery, so that its plan does not hang on how many numbers there are and is made once. */
const publicNumbersStatement = prepared<VisibilityRow, readonly [numbers: readonly bigint[]]>(
  'public_numbers',
  `select r.number, r.status = 'active' and not r.is_private as visible, r.version, r.last_updated, t.tail,
     case when t.tail is not null then r.state end as state
   from read.repositories r
   cross join lateral (select ${tailAfter('r.repository_id', 'r.version')} as tail) t
   where r.number = any(array(select unnest($1::bigint[])))`,
);

/**
 * Which of the documents that a search found may be shown to everybody right now, by their numbers. The index lags; a repository
 * that was made private or is being deleted is not shown from the acknowledgement on.
 */
export async function publicNumbers(database: Database, numbers: readonly bigint[]): Promise<Set<bigint>> {
  const rows = await publicNumbersStatement(database, [numbers]);
  const shown = rows.filter((row) => (row.tail === null ? row.visible : isPublicNow(row)));
  return new Set(shown.map(({ number }) => number));
}

/** What a newer version wrote about a repository hides it from this one alone, and not what else a search found. */
function isPublicNow(row: StateRow): boolean {
  try {
    return isPublic(current(row).state);
  } catch (error) {
    if (error instanceof NewerEvent) return false;
    throw error;
  }
}

interface TailEvent {
  readonly event: RepositoryEvent;
  readonly recordedAt: Date;
}

function tailOf(row: StateRow | undefined): readonly TailEvent[] {
  return (row?.tail ?? []).map((stored) => ({
    event: readRepositoryEvent(stored),
    recordedAt: new Date(stored.recorded_at),
  }));
}

function current(row: StateRow, tail = tailOf(row)): Pick<RepositoryAt, 'state' | 'version' | 'lastUpdated'> {
  return {
    state: fold(
      evolve,
      row.state ?? absentRepository,
      tail.map(({ event }) => event),
    ),
    version: row.version + tail.length,
    // There is always one: whatever has a state was created.
    lastUpdated:
      tail.reduce<Date | undefined>(
        (before, { event, recordedAt }) => updatedAt(before, event, recordedAt),
        row.last_updated ?? undefined,
      ) ?? new Date(0),
  };
}
