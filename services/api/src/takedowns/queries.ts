/** Images that are taken down everywhere. Few installations have any, and `Lookup.imagesMayBeBlocked` tells whether this one has. */
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { Reader } from '@docket/store/connect';
import type { Lookup } from '@docket/store/repositories';

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

export interface TakedownDto {
  readonly kind: 'image' | 'repository';
  /** An image id, or `namespace/name`. */
  readonly name: string;
  readonly reason: string;
}

/** What is taken down at present, by name. */
export async function listTakedowns(
  reader: Reader,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly TakedownDto[] }> {
  const rows = await reader.query<TakedownDto & { count: bigint }>(
    'takedowns',
    `select kind, name, reason, count(*) over () as count from (
       select 'image' as kind, image_id as name, reason from directory.blocked_images
       union all
       select 'repository', n.name || '/' || r.name, r.state ->> 'taken_down'
       from read.repositories r join directory.namespaces n on n.id = r.namespace_id where r.status = 'taken_down'
     ) t order by kind, name limit $1 offset $2`,
    [limit, offset],
  );
  return {
    count: Number(rows[0]?.count ?? 0),
    results: rows.map(({ kind, name, reason }) => ({ kind, name, reason })),
  };
}
