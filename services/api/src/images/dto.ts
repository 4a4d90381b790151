import type { Image } from '@docket/shared/image-lists';
import { z } from 'zod';

/** In the order in which they were first named. */
export const imagesAnswer = z.array(z.object({ id: z.string(), checksum: z.string() })).meta({ id: 'Images' });
type ImagesDto = z.infer<typeof imagesAnswer>;

/** An image whose checksum nobody named has an empty one. */
export function imagesDto(images: readonly Image[]): ImagesDto {
  return images.map(({ id, checksum }) => ({ id, checksum: checksum ?? '' }));
}
