/**
 * The images and tags of repositories, a row for each, written by differences: what a push costs is what it brings, and not what the
 * repository holds. Rows stay when a repository is deleted, because its owner may have it back; they go when its next life begins.
 */
import type { Recorded } from '@docket/shared/event';
import type { Checksum, ImageId, TagName } from '@docket/shared/names';
import type { RepositoryEvent } from '@docket/shared/repositories';
import type { RepositoryImages } from '@docket/shared/repository-images';
import type { Database, Transaction } from '@docket/store/connect';
import { prepared } from '@docket/store/prepared';

import { repositoryIdOf } from './repositories.ts';
import type { RepositoryChange, RepositoryRow } from './repositories.ts';
import { inEachSchema } from './schema.ts';
import type { ReadSchema } from './schema.ts';

/** The rows of the images and tags that events name, by their repositories. */
export type KnownImages = ReadonlyMap<string, KnownList>;

interface KnownList {
  readonly images: ReadonlyMap<ImageId, KnownImage>;
  readonly tags: ReadonlyMap<TagName, ImageId>;
}

interface KnownImage {
  readonly checksum: Checksum | null;
  readonly ordinal: number;
}

interface Names {
  readonly imageIds: Set<ImageId>;
  readonly tags: Set<TagName>;
}

/** By repository. Those that have no row yet have no images either. */
function namesIn(
  rows: ReadonlyMap<string, RepositoryRow>,
  events: readonly Recorded<RepositoryEvent>[],
): ReadonlyMap<string, Names> {
  const named = new Map<string, Names>();
  for (const recorded of events) {
    const { event } = recorded;
    if (event.type !== 'PushOpened' && event.type !== 'ImagesAdded' && event.type !== 'ImagesRestored') continue;
    const repositoryId = repositoryIdOf(recorded);
    const row = rows.get(repositoryId);
    if (!row || row.imageCount === 0) continue;
    const names = named.get(repositoryId) ?? { imageIds: new Set(), tags: new Set() };
    named.set(repositoryId, names);
    for (const { id, tag } of event.data.images) {
      names.imageIds.add(id);
      if (tag !== undefined) names.tags.add(tag);
    }
  }
  return named;
}

/** What the repository of a row holds, as far as it is known: the events of a page go on from it. */
export function knownListOf(
  known: KnownImages,
  { repositoryId, imageCount, tagCount }: RepositoryRow,
): RepositoryImages {
  const { images, tags }: KnownList = known.get(repositoryId) ?? { images: new Map(), tags: new Map() };
  return {
    images: new Map(Array.from(images, ([id, { checksum }]) => [id, checksum])),
    tags,
    otherImages: imageCount - images.size,
    otherTags: tagCount - tags.size,
    announced: null,
  };
}

export interface ImageChanges {
  /** Repositories whose rows are to go before those of `images` and `tags` come. */
  readonly cleared: readonly string[];
  readonly images: readonly ImageRow[];
  readonly tags: readonly TagRow[];
}

interface ImageRow extends KnownImage {
  readonly repositoryId: string;
  readonly id: ImageId;
}

interface TagRow {
  readonly repositoryId: string;
  readonly tag: TagName;
  readonly imageId: ImageId;
  /** The position of the event of a push that named it last; null where none did. */
  readonly position: bigint | null;
}

/** Pure. */
export function projectImages(known: KnownImages, changes: readonly RepositoryChange[]): ImageChanges {
  const cleared: string[] = [];
  const images: ImageRow[] = [];
  const tags: TagRow[] = [];
  for (const { before, after, list, isListNew, announced } of changes) {
    const { repositoryId } = after;
    if (isListNew && before && before.imageCount > 0) cleared.push(repositoryId);
    const stored = isListNew ? undefined : known.get(repositoryId);
    // What is new stands behind what was there, in the order in which it was first named.
    let next = isListNew ? 0 : (before?.imageCount ?? 0);
    for (const [id, checksum] of list.images) {
      const old = stored?.images.get(id);
      if (old && old.checksum === checksum) continue;
      images.push({ repositoryId, id, checksum, ordinal: old ? old.ordinal : next++ });
    }
    for (const [tag, imageId] of list.tags) {
      const position = announced.get(tag);
      if (position !== undefined || stored?.tags.get(tag) !== imageId) {
        tags.push({ repositoryId, tag, imageId, position: position ?? null });
      }
    }
  }
  return { cleared, images, tags };
}

interface StoredImage {
  readonly repository_id: string;
  readonly image_id: ImageId;
  readonly checksum: Checksum | null;
  readonly ordinal: number;
}

interface StoredTag {
  readonly repository_id: string;
  readonly tag: TagName;
  readonly image_id: ImageId;
}

/** Pairs of a repository and an image, or a tag. */
type Pairs = readonly [repositoryIds: readonly string[], names: readonly string[]];

const readImages = inEachSchema((schema) =>
  prepared<StoredImage, Pairs>(
    `images_of_page_${schema}`,
    `select i.repository_id, i.image_id, i.checksum, i.ordinal
     from unnest($1::uuid[], $2::text[]) as named(repository_id, image_id)
     join ${schema}.images i on i.repository_id = named.repository_id and i.image_id = named.image_id`,
  ),
);

const readTags = inEachSchema((schema) =>
  prepared<StoredTag, Pairs>(
    `tags_of_page_${schema}`,
    `select t.repository_id, t.tag, t.image_id
     from unnest($1::uuid[], $2::text[]) as named(repository_id, tag)
     join ${schema}.tags t on t.repository_id = named.repository_id and t.tag = named.tag`,
  ),
);

export async function readKnownImages(
  database: Database,
  schema: ReadSchema,
  rows: ReadonlyMap<string, RepositoryRow>,
  events: readonly Recorded<RepositoryEvent>[],
): Promise<KnownImages> {
  const named = namesIn(rows, events);
  if (named.size === 0) return new Map();
  const images = pairs(named, ({ imageIds }) => imageIds);
  const tags = pairs(named, ({ tags: names }) => names);
  const imageRows = images[0].length === 0 ? [] : await readImages[schema](database, images);
  const tagRows = tags[0].length === 0 ? [] : await readTags[schema](database, tags);
  const known = new Map<string, { images: Map<ImageId, KnownImage>; tags: Map<TagName, ImageId> }>();
  for (const repositoryId of named.keys()) known.set(repositoryId, { images: new Map(), tags: new Map() });
  for (const { repository_id, image_id, checksum, ordinal } of imageRows) {
    known.get(repository_id)?.images.set(image_id, { checksum, ordinal });
  }
  for (const { repository_id, tag, image_id } of tagRows) known.get(repository_id)?.tags.set(tag, image_id);
  return known;
}

function pairs(named: ReadonlyMap<string, Names>, namesOf: (names: Names) => ReadonlySet<string>): Pairs {
  const repositoryIds: string[] = [];
  const all: string[] = [];
  for (const [repositoryId, names] of named) {
    for (const name of namesOf(names)) {
      repositoryIds.push(repositoryId);
      all.push(name);
    }
  }
  return [repositoryIds, all];
}

const clearImages = inEachSchema((schema) =>
  prepared<never, readonly [repositoryIds: readonly string[]]>(
    `clear_images_${schema}`,
    `delete from ${schema}.images where repository_id = any($1::uuid[])`,
  ),
);

const clearTags = inEachSchema((schema) =>
  prepared<never, readonly [repositoryIds: readonly string[]]>(
    `clear_tags_${schema}`,
    `delete from ${schema}.tags where repository_id = any($1::uuid[])`,
  ),
);

const insertImages = inEachSchema((schema) =>
  prepared<
    never,
    readonly [
      repositoryIds: readonly string[],
      imageIds: readonly string[],
      checksums: readonly (string | null)[],
      ordinals: readonly number[],
    ]
  >(
    `write_images_${schema}`,
    `insert into ${schema}.images (repository_id, image_id, checksum, ordinal)
     select * from unnest($1::uuid[], $2::text[], $3::text[], $4::int[])
     on conflict (image_id, repository_id) do update set checksum = excluded.checksum`,
  ),
);

const insertTags = inEachSchema((schema) =>
  prepared<
    never,
    readonly [
      repositoryIds: readonly string[],
      tags: readonly string[],
      imageIds: readonly string[],
      positions: readonly (bigint | null)[],
    ]
  >(
    `write_tags_${schema}`,
    `insert into ${schema}.tags (repository_id, tag, image_id, position)
     select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
     on conflict (repository_id, tag) do update set image_id = excluded.image_id, position = excluded.position`,
  ),
);

export async function writeImages(
  transaction: Transaction,
  schema: ReadSchema,
  { cleared, images, tags }: ImageChanges,
): Promise<void> {
  if (cleared.length > 0) {
    await clearImages[schema](transaction, [cleared]);
    await clearTags[schema](transaction, [cleared]);
  }
  if (images.length > 0) {
    await insertImages[schema](transaction, [
      images.map(({ repositoryId }) => repositoryId),
      images.map(({ id }) => id),
      images.map(({ checksum }) => checksum),
      images.map(({ ordinal }) => ordinal),
    ]);
  }
  if (tags.length > 0) {
    await insertTags[schema](transaction, [
      tags.map(({ repositoryId }) => repositoryId),
      tags.map(({ tag }) => tag),
      tags.map(({ imageId }) => imageId),
      tags.map(({ position }) => position),
    ]);
  }
}
