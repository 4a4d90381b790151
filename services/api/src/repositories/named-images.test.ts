/** A decision needs no more of a repository than its commands name: whatever else it holds, the events are the same. */
import { fold } from '@docket/shared/decider';
import { imageEntry } from '@docket/shared/image-lists';
import type { ImageEntry } from '@docket/shared/image-lists';
import { repositoryName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { RepositoryEvent } from '@docket/shared/repositories';
import type { RepositoryImages } from '@docket/shared/repository-images';
import type { NamedImages } from '@docket/store/read/images';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { repositoryDecider } from './decider.ts';
import type { RepositoryCommand } from './decider.ts';
import { namedImages } from './named-images.ts';

const namespaceId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a01';
const name = repositoryName.parse('web');
const decider = repositoryDecider({ imagesMax: 6, tagsMax: 3 });

const entry = fc
  .record(
    {
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      checksum: fc.constantFrom('sha256:1', 'sha256:2'),
      tag: fc.constantFrom('latest', 'v1', 'v2', 'v3', '__proto__'),
    },
    { requiredKeys: ['id'] },
  )
  .map((fields): ImageEntry => imageEntry.parse(fields));
const entries = fc.array(entry, { maxLength: 4 });
const command = fc.oneof(
  entries.map((images): RepositoryCommand => ({ type: 'OpenPush', namespaceId, name, images })),
  entries.map((images): RepositoryCommand => ({ type: 'PutImages', images, endpoints: [] })),
);
const event = fc.oneof(
  fc.record({ type: fc.constant('ImagesAdded' as const), data: fc.record({ images: entries }) }),
  fc.record({
    type: fc.constant('PushOpened' as const),
    data: fc.record({ push: fc.integer({ min: 1, max: 9 }), images: entries }),
  }),
  fc.constant<RepositoryEvent>({ type: 'PushCompleted', data: { push: 1 } }),
);
const created: RepositoryEvent = { type: 'RepositoryCreated', data: { namespace_id: namespaceId, name, life: 1 } };

/** As the look-up of what is named finds it. */
function restricted(list: RepositoryImages, named: NamedImages | undefined): RepositoryImages {
  const images = new Map([...list.images].filter(([id]) => named?.imageIds.includes(id)));
  const tags = new Map([...list.tags].filter(([tag]) => named?.tags.includes(tag)));
  const isComparable = list.announced !== null && named?.announcedLengths.includes(list.announced.length);
  return {
    images,
    tags,
    otherImages: list.images.size - images.size,
    otherTags: list.tags.size - tags.size,
    announced: isComparable ? list.announced : null,
  };
}

it('commands that are decided one after the other on what they name lead to what they lead to on the whole', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 8 }), fc.array(command, { minLength: 1, maxLength: 5 }), (past, sent) => {
      let whole = fold(decider.evolve, decider.initial, [created, ...past]);
      let part = { ...whole, list: restricted(whole.list, namedImages(sent)) };
      for (const next of sent) {
        const decided = decider.decide(whole, next);
        expect(decider.decide(part, next)).toEqual(decided);
        const events = isRefusal(decided) ? [] : decided;
        whole = fold(decider.evolve, whole, events);
        part = fold(decider.evolve, part, events);
      }
    }),
    { numRuns: 1_000 },
  );
});
