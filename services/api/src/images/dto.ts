import type { ImageList } from '@docket/shared/image-lists';
import { z } from 'zod';

/** In the order in which they were first named. */
export const imagesAnswer = z.array(z.object({ id: z.string(), checksum: z.string() })).meta({ id: 'Images' });
export type ImagesDto = z.infer<typeof imagesAnswer>;

/** An image whose checksum nobody named has an empty one. */
export function imagesDto(images: ImageList['images']): ImagesDto {
  return Array.from(images, ([id, checksum]) => ({ id, checksum: checksum ?? '' }));
}
