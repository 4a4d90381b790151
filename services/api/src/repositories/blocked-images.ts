/** Images that are taken down everywhere. Few installations have any, and `Lookup.imagesMayBeBlocked` tells whether this one has. */
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { Database } from '@docket/store/connect';
import type { Lookup } from '@docket/store/read/look-up';
import { sql } from 'kysely';

async function blockedAmong(database: Database, imageIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await database
    .selectFrom('directory.blocked_images')
    .select(['image_id', 'reason'])
    .where('image_id', '=', sql<string>`any(${imageIds}::text[])`)
    .execute();
  return new Map(rows.map(({ image_id, reason }) => [image_id, reason]));
}

export async function withoutBlocked<Image extends { readonly id: string }>(
  database: Database,
  images: readonly Image[],
): Promise<readonly Image[]> {
  const blocked = await blockedAmong(
    database,
    images.map(({ id }) => id),
  );
  return blocked.size === 0 ? images : images.filter(({ id }) => !blocked.has(id));
}

/** A push that names one is refused, with the reason for the person in front of it. */
export async function refuseBlocked(
  database: Database,
  { imagesMayBeBlocked }: Lookup,
  images: readonly { readonly id: string }[],
): Promise<Refusal | undefined> {
  if (!imagesMayBeBlocked || images.length === 0) return undefined;
  const blocked = await blockedAmong(
    database,
    images.map(({ id }) => id),
  );
  const [first] = blocked;
  return first && refuse('forbidden', `image ${first[0]} was taken down: ${first[1]}`);
}
