import { imageEntry } from '@docket/shared/image-lists';
import type { ImageEntry } from '@docket/shared/image-lists';
import { z } from 'zod';

/** `[{"id", "Tag"?, "checksum"?}]`: capital T, the same id once for each tag, parents without (docker 0.8 and later). */
const wireEntry = z
  .object({
    id: imageEntry.shape.id,
    checksum: imageEntry.shape.checksum.nullable().or(z.literal('')),
    Tag: imageEntry.shape.tag.nullable().or(z.literal('')),
  })
  .transform(({ id, checksum, Tag: tag }): ImageEntry => ({
    id,
    ...(checksum ? { checksum } : {}),
    ...(tag ? { tag } : {}),
  }));
export const imageList = z.array(wireEntry);
