/**
 * The images and tags of one repository, as fresh as the log: the rows of the read model and the events after them, in one statement,
 * folded with the same `evolveImages`. Whole, or as far as a command names them: what it costs is then a matter of the command, and not
 * of the repository.
 */
import { imageEntries } from '@docket/shared/image-lists';
import type { ImageEntry } from '@docket/shared/image-lists';
import { parseInTurns, turnBetween } from '@docket/shared/in-turns';
import type { Checksum, ImageId, TagName } from '@docket/shared/names';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { foldImages, noRepositoryImages } from '@docket/shared/repository-images';
import type { RepositoryImages } from '@docket/shared/repository-images';
import { readRepositoryEventInTurns, UnreadableEvent } from '@docket/shared/stored-event';
import type { StoredEvent } from '@docket/shared/stored-event';

import type { Database } from '../connect.ts';
import { tablesProjection } from '../followers/checkpoint.ts';
import { imagesTailAfter, lastAnnounced } from '../log/tail.ts';
import { prepared } from '../prepared.ts';

/** Rows of `read.images`. */
type StoredImageRows = readonly (readonly [ImageId, Checksum | null])[];
type StoredTagRows = readonly (readonly [TagName, ImageId])[];

interface Row {
  readonly images: StoredImageRows | null;
  readonly tags: StoredTagRows | null;
  readonly tail: readonly StoredEvent[] | null;
}

/** `$1` is the repository. A row of another version of the tables is not believed, and so is none of its images. */
const tail = imagesTailAfter('$1::uuid', 'coalesce(r.version, 0)');
const from = `from (select 1) one
  left join read.repositories r on r.repository_id = $1::uuid and r.tables_version = ${tablesProjection.version}`;

const wholeStatement = prepared<Row, readonly [repositoryId: string]>(
  'images_of_repository',
  `select ${tail} as tail,
     (select json_agg(json_build_array(i.image_id, i.checksum) order by i.ordinal)
       from read.images i where i.repository_id = r.repository_id) as images,
     (select json_agg(json_build_array(t.tag, t.image_id)) from read.tags t where t.repository_id = r.repository_id) as tags
   ${from}`,
);

/** All that the repository holds, the tags in no order. */
export async function readImageList(database: Database, repositoryId: string): Promise<RepositoryImages> {
  const [row] = await wholeStatement(database, [repositoryId]);
  if (!row) return noRepositoryImages;
  await turnBetween((row.images?.length ?? 0) + (row.tags?.length ?? 0));
  const list = { ...noRepositoryImages, images: new Map(row.images ?? []), tags: new Map(row.tags ?? []) };
  return foldImages(list, await readTail(row.tail));
}

/** What commands name. */
export interface NamedImages {
  readonly imageIds: readonly ImageId[];
  readonly tags: readonly TagName[];
  /** How many entries those lists have that may be what the open push announced: a list of another length is not. */
  readonly announcedLengths: readonly number[];
}

interface NamedRow extends Row {
  readonly image_count: number;
  readonly tag_count: number;
  readonly announced: readonly unknown[] | null;
}

type NamedValues = readonly [
  repositoryId: string,
  imageIds: readonly string[],
  tags: readonly string[],
  announcedLengths: readonly number[],
];

/** What the events after the row name as well: whether they are new decides how many there are. */
const namedInTail = (key: 'id' | 'tag') =>
  `(select entry ->> '${key}' from json_array_elements(t.tail) event, json_array_elements(event -> 'data' -> 'images') entry
     where entry ->> '${key}' is not null)`;

const namedStatement = prepared<NamedRow, NamedValues>(
  'named_images_of_repository',
  `select coalesce(r.image_count, 0) as image_count, coalesce(r.tag_count, 0) as tag_count, t.tail,
     (select json_agg(json_build_array(i.image_id, i.checksum)) from read.images i
       where i.repository_id = r.repository_id and i.image_id = any($2::text[] || array(${namedInTail('id')}))) as images,
     (select json_agg(json_build_array(g.tag, g.image_id)) from read.tags g
       where g.repository_id = r.repository_id and g.tag = any($3::text[] || array(${namedInTail('tag')}))) as tags,
     case when cardinality($4::int[]) > 0 then ${lastAnnounced('$1::uuid', '$4::int[]')} end as announced
   ${from}
   cross join lateral (select ${tail} as tail) t`,
);

/** The images and tags of the repository that are named; `otherImages` and `otherTags` count the rest. */
export async function readNamedImages(
  database: Database,
  repositoryId: string,
  { imageIds, tags, announcedLengths }: NamedImages,
): Promise<RepositoryImages> {
  const [row] = await namedStatement(database, [repositoryId, imageIds, tags, announcedLengths]);
  if (!row) return noRepositoryImages;
  await turnBetween(row.images?.length ?? 0);
  const list = {
    images: new Map(row.images ?? []),
    tags: new Map(row.tags ?? []),
    otherImages: row.image_count - (row.images?.length ?? 0),
    otherTags: row.tag_count - (row.tags?.length ?? 0),
    announced: row.announced && (await readEntries(row.announced)),
  };
  return foldImages(list, await readTail(row.tail));
}

async function readTail(stored: readonly StoredEvent[] | null): Promise<readonly RepositoryEvent[]> {
  const events: RepositoryEvent[] = [];
  for (const each of stored ?? []) events.push(await readRepositoryEventInTurns(each));
  return events;
}

async function readEntries(stored: readonly unknown[]): Promise<readonly ImageEntry[]> {
  const entries = await parseInTurns(imageEntries, stored);
  if (!entries.success) throw new UnreadableEvent(`a list that was announced: ${entries.error.message}`);
  return entries.data;
}
