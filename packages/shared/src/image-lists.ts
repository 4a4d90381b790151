/** The list of a repository's images as pushes announce it, and how one list is merged into another. */
import { z } from 'zod';

import { checksum, imageId, tagName } from './names.ts';
import type { Checksum, ImageId, TagName } from './names.ts';
import { refuse } from './refusal.ts';
import type { Refusal } from './refusal.ts';

export const imageEntry = z.object({ id: imageId, checksum: checksum.optional(), tag: tagName.optional() });
export type ImageEntry = z.infer<typeof imageEntry>;
export const imageEntries = z.array(imageEntry);

/** What a repository holds, as far as it was looked up. */
export interface ImageList {
  /** By id, in the order in which they were first named; null until somebody names a checksum. */
  readonly images: ReadonlyMap<ImageId, Checksum | null>;
  /** The image that each tag names. */
  readonly tags: ReadonlyMap<TagName, ImageId>;
  /** How many images there are beside those; 0 in a whole list. A command needs no others than it names. */
  readonly otherImages: number;
  readonly otherTags: number;
}

export const noImages: ImageList = { images: new Map(), tags: new Map(), otherImages: 0, otherTags: 0 };

/** How much one repository may hold. */
export interface ImageListBounds {
  readonly imagesMax: number;
  readonly tagsMax: number;
}

/**
 * Images are only ever added. A named checksum wins over a stored one; an entry without a checksum erases nothing; of several entries
 * for one image in one list the first with a checksum counts (docker-registry 0.5 to 0.9).
 */
export function addEntries({ images, tags }: ListInMaking, entries: readonly ImageEntry[]): void {
  for (const [id, given] of namedChecksums(entries)) {
    if (given !== null || !images.has(id)) images.set(id, given);
  }
  for (const { id, tag } of entries) if (tag !== undefined) tags.set(tag, id);
}

/** A list that nobody else holds. */
export interface ListInMaking {
  readonly images: Map<ImageId, Checksum | null>;
  readonly tags: Map<TagName, ImageId>;
}

/** The first checksum that a list names for each of its images. */
function namedChecksums(entries: readonly ImageEntry[]): Map<ImageId, Checksum | null> {
  const named = new Map<ImageId, Checksum | null>();
  for (const { id, checksum: given = null } of entries) {
    if (!named.get(id)) named.set(id, given);
  }
  return named;
}

/** The last image that a list names for each of its tags. */
function namedTags(entries: readonly ImageEntry[]): Map<TagName, ImageId> {
  const named = new Map<TagName, ImageId>();
  for (const { id, tag } of entries) if (tag !== undefined) named.set(tag, id);
  return named;
}

/**
 * The entries that change anything: a new image, another checksum, a tag that moves. Alone they lead to the same as the whole list:
 * of two checksums for one image, or two images for one tag, only the one that counts is left.
 */
export function changesIn({ images, tags }: ImageList, entries: readonly ImageEntry[]): ImageEntry[] {
  const checksums = namedChecksums(entries);
  const moved = namedTags(entries);
  const changes: ImageEntry[] = [];
  for (const { id, checksum: given, tag } of entries) {
    const before = images.get(id);
    const after = checksums.get(id) ?? before ?? null;
    const counts = tag !== undefined && moved.get(tag) === id;
    if (before === after && !(counts && tags.get(tag) !== id)) continue;
    changes.push({
      id,
      ...(given !== undefined && after === given ? { checksum: given } : {}),
      ...(counts ? { tag } : {}),
    });
  }
  return changes;
}

export function imageCount({ images, otherImages }: ImageList): number {
  return otherImages + images.size;
}

export function tagCount({ tags, otherTags }: ImageList): number {
  return otherTags + tags.size;
}

/** A repository holds as much as its bounds allow, whatever the number of pushes that brought it. */
export function refuseBeyond(
  list: ImageList,
  entries: readonly ImageEntry[],
  { imagesMax, tagsMax }: ImageListBounds,
): Refusal | undefined {
  const newImages = new Set(entries.flatMap(({ id }) => (list.images.has(id) ? [] : [id]))).size;
  const newTags = new Set(entries.flatMap(({ tag }) => (tag === undefined || list.tags.has(tag) ? [] : [tag]))).size;
  const [images, tags] = [imageCount(list) + newImages, tagCount(list) + newTags];
  if (newImages > 0 && images > imagesMax) {
    return refuse('conflict', `the repository would hold ${images} images, and ${imagesMax} are the most that it may`);
  }
  if (newTags > 0 && tags > tagsMax) {
    return refuse('conflict', `the repository would have ${tags} tags, and ${tagsMax} are the most that it may`);
  }
  return undefined;
}

/** The entries that lead from nothing to this list: an image once for each of its tags, or once without. */
export function entriesOf({ images, tags }: ImageList): ImageEntry[] {
  const tagsOf = new Map<ImageId, TagName[]>();
  for (const [tag, id] of tags) {
    const named = tagsOf.get(id);
    if (named) named.push(tag);
    else tagsOf.set(id, [tag]);
  }
  return [...images].flatMap(([id, known]): ImageEntry[] => {
    const entry = { id, ...(known === null ? {} : { checksum: known }) };
    return tagsOf.get(id)?.map((tag) => ({ ...entry, tag })) ?? [entry];
  });
}
