/** Which repositories hold an image: one row for each pair, written by differences, so that a push costs what it brings. */
import type { Image } from '@docket/shared/image-lists';
import type { Repository } from '@docket/shared/repositories';
import type { Transaction } from '@docket/store/connect';
import { prepared } from '@docket/store/prepared';

import type { RepositoryChange } from './repositories.ts';
import { inEachSchema } from './schema.ts';
import type { ReadSchema } from './schema.ts';

export interface ImageChanges {
  /** Repositories that lost images: a life ended, or an import was taken back. What is still there is written anew. */
  readonly cleared: readonly string[];
  readonly written: readonly { readonly repositoryId: string; readonly image: Image }[];
}

/** Pure. */
export function projectImages(changes: readonly RepositoryChange[]): ImageChanges {
  const cleared: string[] = [];
  const written: { repositoryId: string; image: Image }[] = [];
  for (const { before, after } of changes) {
    const { repositoryId } = after;
    const sameLife = before !== undefined && lifeOf(before.state) === lifeOf(after.state);
    const known = before === undefined ? [] : imagesOf(before.state);
    const present = imagesOf(after.state);
    const goesOn = sameLife && known.every(({ id }, index) => present[index]?.id === id);
    const ended = known.length > 0 && !goesOn;
    if (ended) cleared.push(repositoryId);
    // Images are only ever added at the end and named checksums replace others in place.
    for (const [index, image] of present.entries()) {
      const old = ended ? undefined : known[index];
      if (old?.id !== image.id || old.checksum !== image.checksum) written.push({ repositoryId, image });
    }
  }
  return { cleared, written };
}

function lifeOf(state: Repository): number {
  return state.status === 'absent' ? 0 : state.life;
}

function imagesOf(state: Repository): readonly Image[] {
  return state.status === 'active' || state.status === 'deleting' ? state.images : [];
}

const clear = inEachSchema((schema) =>
  prepared<never, readonly [repositoryIds: readonly string[]]>(
    `clear_images_${schema}`,
    `delete from ${schema}.images where repository_id = any($1::uuid[])`,
  ),
);

const write = inEachSchema((schema) =>
  prepared<
    never,
    readonly [repositoryIds: readonly string[], imageIds: readonly string[], checksums: readonly (string | null)[]]
  >(
    `write_images_${schema}`,
    `insert into ${schema}.images (repository_id, image_id, checksum)
     select * from unnest($1::uuid[], $2::text[], $3::text[])
     on conflict (image_id, repository_id) do update set checksum = excluded.checksum`,
  ),
);

export async function writeImages(
  transaction: Transaction,
  schema: ReadSchema,
  { cleared, written }: ImageChanges,
): Promise<void> {
  if (cleared.length > 0) await clear[schema](transaction, [cleared]);
  if (written.length > 0) {
    await write[schema](transaction, [
      written.map(({ repositoryId }) => repositoryId),
      written.map(({ image }) => image.id),
      written.map(({ image }) => image.checksum),
    ]);
  }
}
