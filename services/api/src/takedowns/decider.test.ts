import { specification } from '@docket/shared/decider.testing';
import type { ImageEvent } from '@docket/shared/takedowns';
import { imageId } from '@docket/shared/names';
import { it } from 'vitest';

import { imageDecider } from './decider.ts';

const { given } = specification(imageDecider);

const id = imageId.parse('layer');
const down = (reason: string): ImageEvent => ({ type: 'ImageTakenDown', data: { image_id: id, reason } });
const up: ImageEvent = { type: 'ImageReinstated', data: { image_id: id } };

it('an image is taken down once for a reason, and once more for another', () => {
  given().when({ type: 'TakeDown', imageId: id, reason: 'a key' }).thenEvents(down('a key'));
  given(down('a key')).when({ type: 'TakeDown', imageId: id, reason: 'a key' }).thenEvents();
  given(down('a key')).when({ type: 'TakeDown', imageId: id, reason: 'coins' }).thenEvents(down('coins'));
});

it('what is not down is not put up again', () => {
  given().when({ type: 'Reinstate', imageId: id }).thenEvents();
  given(down('a key')).when({ type: 'Reinstate', imageId: id }).thenEvents(up);
  given(down('a key'), up).when({ type: 'Reinstate', imageId: id }).thenEvents();
});
