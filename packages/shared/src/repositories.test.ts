import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { fold } from './decider.ts';
import { checksum, imageId, repositoryName, tagName } from './names.ts';
import { entriesOf } from './image-lists.ts';
import type { ImageEntry } from './image-lists.ts';
import { absentRepository, evolve, updatedAt } from './repositories.ts';
import type { Repository, RepositoryEvent } from './repositories.ts';
import { absentWithImages, evolveImages, evolveWithImages, noRepositoryImages } from './repository-images.ts';
import type { RepositoryImages, RepositoryWithImages } from './repository-images.ts';

/** Few enough to meet again. */
const ids = ['a', 'b', 'c', 'd', 'e'].map((text) => imageId.parse(text));
const sums = ['sha256:1', 'md5:2', 'tarsum+sha256:3'].map((text) => checksum.parse(text));
const tags = ['latest', '__proto__', 'constructor'].map((text) => tagName.parse(text));
const entry: fc.Arbitrary<ImageEntry> = fc.record(
  { id: fc.constantFrom(...ids), checksum: fc.constantFrom(...sums), tag: fc.constantFrom(...tags) },
  { requiredKeys: ['id'] },
);
const entries = fc.array(entry, { maxLength: 8 });
const lists = fc.array(entries, { maxLength: 6 });

describe('the merge rule', () => {
  const mergeEntries = (list: RepositoryImages, images: readonly ImageEntry[]) =>
    evolveImages(list, { type: 'ImagesAdded', data: { images: [...images] } });
  const stored = lists.map((all) => all.reduce(mergeEntries, noRepositoryImages));

  test('images are only ever added, and each stands in the list once', () => {
    fc.assert(
      fc.property(stored, entries, (before, list) => {
        const named = new Set([...before.images.keys(), ...list.map(({ id }) => id)]);
        expect([...mergeEntries(before, list).images.keys()]).toEqual([...named]);
      }),
    );
  });

  test('the first checksum of an image in a list wins over the stored one; without one the stored one stays', () => {
    fc.assert(
      fc.property(stored, entries, (before, list) => {
        for (const [id, known] of mergeEntries(before, list).images) {
          const given = list.find((each) => each.id === id && each.checksum !== undefined)?.checksum;
          expect(known).toBe(given ?? before.images.get(id) ?? null);
        }
      }),
    );
  });

  test('the same list again changes nothing', () => {
    fc.assert(
      fc.property(stored, entries, (before, list) => {
        const once = mergeEntries(before, list);
        expect(mergeEntries(once, list)).toEqual(once);
      }),
    );
  });

  test('what was stored is not touched by merging into it', () => {
    fc.assert(
      fc.property(stored, entries, (before, list) => {
        const copy = structuredClone(before);
        mergeEntries(before, list);
        expect(before).toEqual(copy);
      }),
    );
  });
});

const namespaceId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09';
const created = (life: number): RepositoryEvent => ({
  type: 'RepositoryCreated',
  data: { namespace_id: namespaceId, name: repositoryName.parse('redis'), life },
});
const instant = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());
const event: fc.Arbitrary<RepositoryEvent> = fc.oneof(
  fc.integer({ min: 1, max: 9 }).map(created),
  fc.record({
    type: fc.constant('PushOpened'),
    data: fc.record({ push: fc.integer({ min: 1, max: 9 }), images: entries }),
  }),
  fc.record({ type: fc.constant('ImagesAdded'), data: fc.record({ images: entries }) }),
  fc.record({ type: fc.constant('PushCompleted'), data: fc.record({ push: fc.integer({ min: 1, max: 9 }) }) }),
  fc.record({ type: fc.constant('DeletionAuthorized'), data: fc.record({ token_id: fc.string() }) }),
  fc.record({ type: fc.constantFrom('DeletionRequested', 'RepositoryDeleted'), data: fc.constant({}) }),
  fc.record({ type: fc.constant('DescriptionChanged'), data: fc.record({ description: fc.string() }) }),
  fc.record({
    type: fc.constant('CountsObserved'),
    data: fc.record({ star_count: fc.option(fc.nat()), pull_count: fc.option(fc.nat()) }, { requiredKeys: [] }),
  }),
  fc.record({ type: fc.constant('FullDescriptionChanged'), data: fc.record({ full_description: fc.string() }) }),
  fc.record({ type: fc.constant('LastUpdatedObserved'), data: fc.record({ last_updated: instant }) }),
  fc.record({ type: fc.constant('ImagesRestored'), data: fc.record({ images: entries }) }),
  fc.record({ type: fc.constant('VisibilityChanged'), data: fc.record({ is_private: fc.boolean() }) }),
  fc.record({ type: fc.constant('AutomationChanged'), data: fc.record({ is_automated: fc.boolean() }) }),
);
const story = fc.array(event, { maxLength: 30 });

function stateAfter(events: readonly RepositoryEvent[]): Repository {
  return fold(evolve, absentRepository, events);
}

function wholeAfter(events: readonly RepositoryEvent[]): RepositoryWithImages {
  return fold(evolveWithImages, absentWithImages, events);
}

describe('the lives of a repository', () => {
  test('any sequence of events leads to a state, one event at a time or from any state in between', () => {
    fc.assert(
      fc.property(story, fc.nat({ max: 30 }), (events, cut) => {
        const whole = stateAfter(events);
        expect(['absent', 'active', 'deleting', 'deleted']).toContain(whole.status);
        expect(fold(evolve, stateAfter(events.slice(0, cut)), events.slice(cut))).toEqual(whole);
      }),
    );
  });

  test('a state that went through JSON, as the read model keeps it, goes on like the one that did not', () => {
    fc.assert(
      fc.property(story, story, (before, after) => {
        const state = stateAfter(before);
        const kept: Repository = JSON.parse(JSON.stringify(state));
        expect(JSON.stringify(fold(evolve, kept, after))).toBe(JSON.stringify(fold(evolve, state, after)));
      }),
    );
  });

  test('a later life has the images and tags of its own events and of no earlier one', () => {
    fc.assert(
      fc.property(story, story, (earlier, later) => {
        expect(wholeAfter([...earlier, created(2), ...later])).toEqual(wholeAfter([created(2), ...later]));
      }),
    );
  });

  test('nothing but its creation brings a repository into being or back', () => {
    fc.assert(
      fc.property(story, story, (earlier, later) => {
        const state = wholeAfter([...earlier, { type: 'RepositoryDeleted', data: {} }]);
        const others = later.filter(({ type }) => type !== 'RepositoryCreated');
        expect(fold(evolveWithImages, state, others)).toEqual(state);
      }),
    );
  });

  test('while it lives no image is lost, whatever else happens but the taking back of an import', () => {
    fc.assert(
      fc.property(story, (events) => {
        const others = events.filter(
          ({ type }) => !['RepositoryCreated', 'RepositoryDeleted', 'ImagesRestored'].includes(type),
        );
        const { list } = wholeAfter([created(1), ...others]);
        const named = others.flatMap((each) =>
          each.type === 'PushOpened' || each.type === 'ImagesAdded' ? each.data.images.map(({ id }) => id) : [],
        );
        expect([...list.images.keys()]).toEqual([...new Set(named)]);
      }),
    );
  });

  test('a tag is any word, those that JavaScript knows included', () => {
    fc.assert(
      fc.property(lists, (all) => {
        const { list } = wholeAfter([
          created(1),
          ...all.map((images): RepositoryEvent => ({ type: 'ImagesAdded', data: { images } })),
        ]);
        const last = new Map(all.flat().flatMap(({ id, tag }) => (tag === undefined ? [] : [[tag, id] as const])));
        expect(list.tags).toEqual(last);
      }),
    );
  });
});

test('a list of images and tags can be told in entries, and told again', () => {
  fc.assert(
    fc.property(story, (events) => {
      const { list } = wholeAfter([created(1), ...events]);
      const told: RepositoryEvent = { type: 'ImagesRestored', data: { images: entriesOf(list) } };
      const again = wholeAfter([created(1), told]).list;
      expect([[...again.images], new Map(again.tags)]).toEqual([[...list.images], new Map(list.tags)]);
    }),
  );
});

describe('the last update', () => {
  const then = new Date('2020-01-01T00:00:00.000Z');
  const now = new Date('2026-01-01T00:00:00.000Z');

  test('is the creation, and then what changes contents and words', () => {
    expect(updatedAt(undefined, created(1), now)).toEqual(now);
    expect(updatedAt(then, { type: 'FullDescriptionChanged', data: { full_description: '' } }, now)).toEqual(now);
    expect(updatedAt(then, { type: 'PushOpened', data: { push: 1, images: [] } }, now)).toEqual(now);
  });

  test('is not the counting of stars', () => {
    expect(updatedAt(then, { type: 'CountsObserved', data: { star_count: 3 } }, now)).toEqual(then);
  });

  test('is what was told of it where the repository comes from', () => {
    const told = '2024-08-16T05:01:22.863Z';
    expect(updatedAt(then, { type: 'LastUpdatedObserved', data: { last_updated: told } }, now)).toEqual(new Date(told));
  });
});
