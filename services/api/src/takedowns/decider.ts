/** What may happen to an image id everywhere; repositories are taken down by their own decider. */
import type { Decider } from '@docket/shared/decider';
import { evolveImage, untouchedImage } from '@docket/shared/takedowns';
import type { ImageEvent, ImageStanding } from '@docket/shared/takedowns';
import type { ImageId } from '@docket/shared/names';

export type ImageCommand =
  | { readonly type: 'TakeDown'; readonly imageId: ImageId; readonly reason: string }
  | { readonly type: 'Reinstate'; readonly imageId: ImageId };

export const imageDecider: Decider<ImageStanding, ImageCommand, ImageEvent> = {
  initial: untouchedImage,
  decide,
  evolve: evolveImage,
};

function decide(state: ImageStanding, command: ImageCommand): readonly ImageEvent[] {
  const image_id = command.imageId;
  switch (command.type) {
    case 'TakeDown':
      if (state.taken_down === command.reason) return [];
      return [{ type: 'ImageTakenDown', data: { image_id, reason: command.reason } }];
    case 'Reinstate':
      return state.taken_down === null ? [] : [{ type: 'ImageReinstated', data: { image_id } }];
  }
}
