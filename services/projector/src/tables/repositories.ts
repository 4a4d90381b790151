/** The repositories of the read model: one row each, with the state that the API decides on; deleted ones stay as tombstones. */
import type { Recorded } from '@docket/shared/event';
import { imageCount, tagCount } from '@docket/shared/image-lists';
import type { ImageList } from '@docket/shared/image-lists';
import type { TagName } from '@docket/shared/names';
import { absentRepository, evolve, starsOf, updatedAt } from '@docket/shared/repositories';
import type { Repository, RepositoryEvent } from '@docket/shared/repositories';
import { beginsAnew, foldImages, noRepositoryImages } from '@docket/shared/repository-images';
import type { RepositoryImages } from '@docket/shared/repository-images';
import { repositoryOf } from '@docket/shared/stored-event';
import type { Database, Transaction } from '@docket/store/connect';
import { tablesProjection } from '@docket/store/followers/checkpoint';
import { prepared } from '@docket/store/prepared';

import { FollowerHalted } from '../follow.ts';
import { inEachSchema } from './schema.ts';
import type { ReadSchema } from './schema.ts';

export interface RepositoryRow {
  readonly repositoryId: string;
  /** Position of the event that created it. */
  readonly number: bigint;
  /** The version of the stream at `state`. */
  readonly version: number;
  readonly state: Repository;
  readonly lastUpdated: Date;
  readonly imageCount: number;
  readonly tagCount: number;
}

export interface RowChange {
  /** Undefined when the page created it. */
  readonly before: RepositoryRow | undefined;
  readonly after: RepositoryRow;
}

export interface RepositoryChange extends RowChange {
  /** The images and tags, as far as they are known. */
  readonly list: ImageList;
  /** Nothing is left of the list that was there before: another life has begun, or an import was taken back. */
  readonly isListNew: boolean;
  /** The position of the event that named a tag last, of the tags that pushes named in the page. */
  readonly announced: ReadonlyMap<TagName, bigint>;
}

/**
 * Events and rows → rows. Pure. Events that a row knows already change nothing; one that is missing before an event is an error.
 * `listOf` is what is known of the images of a row before the page.
 */
export function projectRepositories(
  rows: ReadonlyMap<string, RepositoryRow>,
  events: readonly Recorded<RepositoryEvent>[],
  listOf: (row: RepositoryRow) => RepositoryImages,
): RepositoryChange[] {
  const changed = new Map<string, { row: Counted; readonly applied: Recorded<RepositoryEvent>[] }>();
  for (const recorded of events) {
    const repositoryId = repositoryIdOf(recorded);
    const change = changed.get(repositoryId);
    const row = applyEvent(repositoryId, change?.row ?? rows.get(repositoryId), recorded);
    if (row === undefined) continue;
    if (change) {
      change.row = row;
      change.applied.push(recorded);
    } else {
      changed.set(repositoryId, { row, applied: [recorded] });
    }
  }
  return [...changed].map(([repositoryId, { row, applied }]) => {
    const before = rows.get(repositoryId);
    const list = foldImages(
      before ? listOf(before) : noRepositoryImages,
      applied.map(({ event }) => event),
    );
    return {
      before,
      after: { ...row, imageCount: imageCount(list), tagCount: tagCount(list) },
      list,
      isListNew: !before || applied.some(({ event }) => beginsAnew(event)),
      announced: announcedIn(applied),
    };
  });
}

/** The position of the event that named each tag last, of the tags that pushes named since the list began anew. */
export function announcedIn(
  events: readonly Pick<Recorded<RepositoryEvent>, 'event' | 'position'>[],
): ReadonlyMap<TagName, bigint> {
  const announced = new Map<TagName, bigint>();
  for (const { event, position } of events) {
    if (beginsAnew(event)) announced.clear();
    if (event.type !== 'PushOpened' && event.type !== 'ImagesAdded') continue;
    for (const { tag } of event.data.images) if (tag !== undefined) announced.set(tag, position);
  }
  return announced;
}

export function repositoryIdOf({ streamId }: Recorded<RepositoryEvent>): string {
  const repositoryId = repositoryOf(streamId);
  if (repositoryId === undefined) throw new FollowerHalted(`${streamId} is not the stream of a repository`);
  return repositoryId;
}

/** What is counted of the images is known at the end of a page. */
type Counted = Omit<RepositoryRow, 'imageCount' | 'tagCount'>;

function applyEvent(
  repositoryId: string,
  row: Counted | undefined,
  { event, version, position, streamId, recordedAt }: Recorded<RepositoryEvent>,
): Counted | undefined {
  const known = row?.version ?? 0;
  if (version <= known) return undefined;
  if (version !== known + 1) {
    throw new FollowerHalted(`${streamId} goes from version ${known} to ${version} at position ${position}`);
  }
  return {
    repositoryId,
    number: row?.number ?? position,
    version,
    state: evolve(row?.state ?? absentRepository, event),
    lastUpdated: updatedAt(row?.lastUpdated, event, recordedAt),
  };
}

interface StoredRow {
  readonly repository_id: string;
  readonly number: bigint;
  readonly version: number;
  readonly last_updated: Date;
  readonly state: Repository;
  readonly image_count: number;
  readonly tag_count: number;
}

const read = inEachSchema((schema) =>
  prepared<StoredRow, readonly [repositoryIds: readonly string[]]>(
    `repositories_of_page_${schema}`,
    `select repository_id, number, version, last_updated, state, image_count, tag_count from ${schema}.repositories
     where repository_id = any($1::uuid[])`,
  ),
);

export async function readRepositories(
  database: Database,
  schema: ReadSchema,
  repositoryIds: readonly string[],
): Promise<Map<string, RepositoryRow>> {
  const rows = await read[schema](database, [repositoryIds]);
  return new Map(
    rows.map(({ repository_id: repositoryId, last_updated, image_count, tag_count, ...row }) => [
      repositoryId,
      { repositoryId, ...row, lastUpdated: last_updated, imageCount: image_count, tagCount: tag_count },
    ]),
  );
}

/** One array for each column, in the order of the statement. */
type Columns = readonly (readonly (string | number | bigint | boolean | Date | null)[])[];

/** Prepared text: fourteen arrays go in with one statement, however many rows a page has. */
const write = inEachSchema((schema) =>
  prepared<never, Columns>(
    `write_repositories_${schema}`,
    `insert into ${schema}.repositories as r (repository_id, number, version, last_updated, state,
       namespace_id, name, status, is_private, description, star_count, pull_count, image_count, tag_count, tables_version)
     select *, ${tablesProjection.version} from unnest($1::uuid[], $2::bigint[], $3::int[], $4::timestamptz[], $5::jsonb[],
       $6::uuid[], $7::text[], $8::text[], $9::boolean[], $10::text[], $11::bigint[], $12::bigint[],
       $13::int[], $14::int[])
     on conflict (repository_id) do update set
       version = excluded.version, last_updated = excluded.last_updated, state = excluded.state,
       namespace_id = excluded.namespace_id, name = excluded.name, status = excluded.status,
       is_private = excluded.is_private, description = excluded.description,
       star_count = excluded.star_count, pull_count = excluded.pull_count,
       image_count = excluded.image_count, tag_count = excluded.tag_count
     where r.version < excluded.version`,
  ),
);

/** The rows as the statement takes them. */
export function repositoryColumns(rows: readonly RepositoryRow[]): Columns {
  const columns = rows.map(({ repositoryId, state }) => {
    if (state.status === 'absent') {
      throw new FollowerHalted(`the stream of repository ${repositoryId} does not begin with its creation`);
    }
    return columnsOf(state);
  });
  return [
    rows.map(({ repositoryId }) => repositoryId),
    rows.map(({ number }) => number),
    rows.map(({ version }) => version),
    rows.map(({ lastUpdated }) => lastUpdated),
    rows.map(({ state }) => JSON.stringify(state)),
    columns.map(({ namespace_id }) => namespace_id),
    columns.map(({ name }) => name),
    columns.map(({ status }) => status),
    columns.map(({ is_private }) => is_private),
    columns.map(({ description }) => description),
    columns.map(({ star_count }) => star_count),
    columns.map(({ pull_count }) => pull_count),
    rows.map(({ imageCount: images }) => images),
    rows.map(({ tagCount: tags }) => tags),
  ];
}

export async function writeRepositories(transaction: Transaction, schema: ReadSchema, columns: Columns): Promise<void> {
  await write[schema](transaction, columns);
}

/** A tombstone keeps whose name it is; what was deleted stands in its state alone, for its owner to have it back. */
const nothing = { is_private: false, description: '', star_count: null, pull_count: null };

export function columnsOf(state: Exclude<Repository, { status: 'absent' }>) {
  const { namespace_id, name, status } = state;
  switch (state.status) {
    case 'deleted':
      return { namespace_id, name, status, ...nothing };
    case 'active':
    case 'deleting': {
      const { is_private, description, pull_count, taken_down } = state;
      // A query for visible repositories asks for `active`, and so does not find those that were taken down.
      const shown = status === 'active' && taken_down !== null ? ('taken_down' as const) : status;
      return { namespace_id, name, status: shown, is_private, description, star_count: starsOf(state), pull_count };
    }
  }
}
