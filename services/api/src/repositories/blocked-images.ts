/** Images that are taken down everywhere. Few installations have any, and `Lookup.imagesMayBeBlocked` tells whether this one has. */
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { Reader } from '@docket/store/connect';
import type { Lookup } from '@docket/store/read/look-up';

interface Blocked {
  image_id: string;
  reason: string;
}

export async function blockedAmong(reader: Reader, imageIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await reader.query<Blocked>(
    'blocked_images',
    'select image_id, reason from directory.blocked_images where image_id = any($1::text[])',
    [imageIds],
  );
  return new Map(rows.map(({ image_id, reason }) => [image_id, reason]));
}

export async function withoutBlocked<Image extends { readonly id: string }>(
  reader: Reader,
  images: readonly Image[],
): Promise<readonly Image[]> {
  const blocked = await blockedAmong(
    reader,
    images.map(({ id }) => id),
  );
  return blocked.size === 0 ? images : images.filter(({ id }) => !blocked.has(id));
}

/** A push that names one is refused, with the reason for the person in front of it. */
export async function refuseBlocked(
  reader: Reader,
  { imagesMayBeBlocked }: Lookup,
  images: readonly { readonly id: string }[],
): Promise<Refusal | undefined> {
  if (!imagesMayBeBlocked || images.length === 0) return undefined;
  const blocked = await blockedAmong(
    reader,
    images.map(({ id }) => id),
  );
  const [first] = blocked;
  return first && refuse('forbidden', `image ${first[0]} was taken down: ${first[1]}`);
}
