/** The list of a repository's images as pushes announce it, and how one list is merged into another. */
import { z } from 'zod';

import { checksum, imageId, tagName } from './names.ts';
import type { Checksum, ImageId, TagName } from './names.ts';

export const imageEntry = z.object({ id: imageId, checksum: checksum.optional(), tag: tagName.optional() });
export type ImageEntry = z.infer<typeof imageEntry>;

export interface Image {
  readonly id: ImageId;
  /** Null until somebody names one. */
  readonly checksum: Checksum | null;
}

/** The image that each tag names. */
export type Tags = Readonly<Record<string, ImageId>>;

export interface ImageList {
  readonly images: readonly Image[];
  readonly tags: Tags;
}

/**
 * Images are only ever added. A named checksum wins over a stored one; an entry without a checksum erases nothing; of several entries
 * for one image in one list the first with a checksum counts (docker-registry 0.5 to 0.9).
 */
export function mergeImages(stored: readonly Image[], entries: readonly ImageEntry[]): readonly Image[] {
  if (entries.length === 0) return stored;
  const named = new Map<ImageId, Checksum | null>();
  for (const { id, checksum: given = null } of entries) {
    if (!named.get(id)) named.set(id, given);
  }
  const merged = stored.map((image) => {
    const given = named.get(image.id);
    named.delete(image.id);
    return given ? { id: image.id, checksum: given } : image;
  });
  return [...merged, ...[...named].map(([id, given]) => ({ id, checksum: given }))];
}

/**
 * The entries that change anything: a new image, another checksum, a tag that moves. Alone they lead to the same as the whole list:
 * of two checksums for one image, or two images for one tag, only the one that counts is left.
 */
export function changesIn(state: ImageList, entries: readonly ImageEntry[]): ImageEntry[] {
  const before = checksums(state.images);
  const after = checksums(mergeImages(state.images, entries));
  const tags = mergeTags(state.tags, entries);
  return entries
    .map(({ id, checksum: given, tag }) => ({
      id,
      ...(given !== undefined && after.get(id) === given ? { checksum: given } : {}),
      ...(tag !== undefined && tags[tag] === id ? { tag } : {}),
    }))
    .filter(({ id, tag }) => before.get(id) !== after.get(id) || (tag !== undefined && state.tags[tag] !== id));
}

/** The list that leads from nothing to these images and tags: once for each tag, or once without. */
export function listOf({ images, tags }: ImageList): ImageEntry[] {
  const tagsOf = new Map<ImageId, TagName[]>();
  for (const [tag, id] of Object.entries(tags)) {
    const named = tagsOf.get(id) ?? [];
    tagsOf.set(id, [...named, tagName.parse(tag)]);
  }
  return images.flatMap(({ id, checksum: known }): ImageEntry[] => {
    const entry = { id, ...(known === null ? {} : { checksum: known }) };
    return tagsOf.get(id)?.map((tag) => ({ ...entry, tag })) ?? [entry];
  });
}

function checksums(images: readonly Image[]): ReadonlyMap<ImageId, Checksum | null> {
  return new Map(images.map((image) => [image.id, image.checksum]));
}

export function mergeTags(stored: Tags, entries: readonly ImageEntry[]): Tags {
  const tagged = entries.flatMap(({ id, tag }): [TagName, ImageId][] => (tag === undefined ? [] : [[tag, id]]));
  return tagged.length === 0 ? stored : { ...stored, ...Object.fromEntries(tagged) };
}

/** One image of the answer to GET images; keys and no others as the seed shows them. */
export interface ImageDto {
  readonly id: string;
  readonly checksum: string;
}

export function imageDtos(images: readonly Image[]): ImageDto[] {
  return images.map(({ id, checksum: known }) => ({ id, checksum: known ?? '' }));
}
