/** An image id that is taken down everywhere, and the undoing of it. One stream an image. */
import { z } from 'zod';

import { imageId } from './names.ts';

export const imageEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ImageTakenDown'), data: z.object({ image_id: imageId, reason: z.string() }) }),
  z.object({ type: z.literal('ImageReinstated'), data: z.object({ image_id: imageId }) }),
]);
export type ImageEvent = z.infer<typeof imageEvent>;

export interface ImageStanding {
  /** Null while it may be pushed and pulled. */
  readonly taken_down: string | null;
}

export const untouchedImage: ImageStanding = { taken_down: null };

export function evolveImage(_: ImageStanding, event: ImageEvent): ImageStanding {
  switch (event.type) {
    case 'ImageTakenDown':
      return { taken_down: event.data.reason };
    case 'ImageReinstated':
      return { taken_down: null };
  }
}
