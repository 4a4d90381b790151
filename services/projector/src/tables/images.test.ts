/** What a page writes of images and tags, given the rows that it names; applied to the rows it makes what the whole fold makes. */
import { fold } from '@docket/shared/decider';
import type { Recorded } from '@docket/shared/event';
import { checksum, imageId, repositoryName, tagName } from '@docket/shared/names';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { absentWithImages, evolveWithImages } from '@docket/shared/repository-images';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { knownListOf, projectImages } from './images.ts';
import type { ImageChanges, KnownImages } from './images.ts';
import { projectRepositories } from './repositories.ts';
import type { RepositoryRow } from './repositories.ts';

const repositoryId = '5f0c7a3e-3b5f-4d0a-9f43-0a3f4c8f2b11';
const namespace_id = 'b7a0b9d0-62b5-4b6e-8a51-6f9f0c1c9a77';
const name = repositoryName.parse('ubuntu');

const created = (life: number): RepositoryEvent => ({ type: 'RepositoryCreated', data: { namespace_id, name, life } });
const entry = (id: string, sum?: string, tag?: string) => ({
  id: imageId.parse(id),
  ...(sum === undefined ? {} : { checksum: checksum.parse(sum) }),
  ...(tag === undefined ? {} : { tag: tagName.parse(tag) }),
});
const added = (...images: ReturnType<typeof entry>[]): RepositoryEvent => ({ type: 'ImagesAdded', data: { images } });
const deleted: readonly RepositoryEvent[] = [
  { type: 'DeletionRequested', data: {} },
  { type: 'RepositoryDeleted', data: {} },
];

/** What the tables hold of the repository. */
interface Tables {
  row: RepositoryRow | undefined;
  readonly images: Map<string, { readonly checksum: string | null; readonly ordinal: number }>;
  readonly tags: Map<string, string>;
}

function empty(): Tables {
  return { row: undefined, images: new Map(), tags: new Map() };
}

/** A page of events, of which the tables are told nothing but what they name. */
function project(tables: Tables, events: readonly RepositoryEvent[]): ImageChanges {
  const { row } = tables;
  const first = row?.version ?? 0;
  const recorded = events.map((event, index): Recorded<RepositoryEvent> => ({
    position: BigInt(first + index + 1),
    streamId: `repository-${repositoryId}`,
    version: first + index + 1,
    event,
    metadata: { actor: null, request_id: 'r', correlation_id: 'r', causation_id: 'r' },
    commandId: '3f8b2f2e-86f5-4a53-9a57-3f0c6c2f8d10',
    recordedAt: new Date(0),
  }));
  const entries = events.flatMap((event) => ('images' in event.data ? event.data.images : []));
  const known: KnownImages = new Map([
    [
      repositoryId,
      {
        images: new Map(
          entries.flatMap(({ id }) => {
            const stored = tables.images.get(id);
            if (!stored) return [];
            return [[id, { ...stored, checksum: stored.checksum === null ? null : checksum.parse(stored.checksum) }]];
          }),
        ),
        tags: new Map(
          entries.flatMap(({ tag }) => {
            const stored = tag === undefined ? undefined : tables.tags.get(tag);
            return tag === undefined || stored === undefined ? [] : [[tag, imageId.parse(stored)]];
          }),
        ),
      },
    ],
  ]);
  const rows = new Map(row ? [[repositoryId, row]] : []);
  const changes = projectRepositories(rows, recorded, (of) => knownListOf(known, of));
  const written = projectImages(known, changes);
  if (written.cleared.length > 0) {
    tables.images.clear();
    tables.tags.clear();
  }
  for (const { id, checksum: sum, ordinal } of written.images) tables.images.set(id, { checksum: sum, ordinal });
  for (const { tag, imageId: id } of written.tags) tables.tags.set(tag, id);
  tables.row = changes[0]?.after ?? row;
  return written;
}

test('what a push brings is written, what was there is not written again', () => {
  const tables = empty();
  project(tables, [created(1), added(entry('a', 'c1'), entry('b', undefined, 'latest'))]);
  expect(project(tables, [added(entry('a', 'c1'), entry('b', 'c2', 'latest'), entry('d', undefined, 'v1'))])).toEqual({
    cleared: [],
    images: [
      { repositoryId, id: 'b', checksum: 'c2', ordinal: 1 },
      { repositoryId, id: 'd', checksum: null, ordinal: 2 },
    ],
    tags: [
      { repositoryId, tag: 'latest', imageId: 'b', position: 3n },
      { repositoryId, tag: 'v1', imageId: 'd', position: 3n },
    ],
  });
  expect(tables.row).toMatchObject({ imageCount: 3, tagCount: 2 });
});

test('what is deleted keeps its images for its owner, and the next life begins without them', () => {
  const tables = empty();
  project(tables, [created(1), added(entry('a', 'c1', 'latest'))]);
  expect(project(tables, deleted)).toEqual({ cleared: [], images: [], tags: [] });
  expect(project(tables, [created(2)])).toEqual({ cleared: [repositoryId], images: [], tags: [] });
  expect(tables.row).toMatchObject({ imageCount: 0, tagCount: 0 });
});

test('a life that ended and another that began in one page share no image, not even an equal one', () => {
  const tables = empty();
  project(tables, [created(1), added(entry('a', 'c1'), entry('b', 'c2'))]);
  expect(project(tables, [...deleted, created(2), added(entry('b', 'c2'))])).toEqual({
    cleared: [repositoryId],
    images: [{ repositoryId, id: 'b', checksum: 'c2', ordinal: 0 }],
    tags: [],
  });
});

test('whatever happens, in pages of any size, the tables hold what the fold of all events holds', () => {
  const entries = fc.array(
    fc
      .record(
        {
          id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
          sum: fc.constantFrom('c1', 'c2'),
          tag: fc.constantFrom('latest', 'v1', '__proto__'),
        },
        { requiredKeys: ['id'] },
      )
      .map(({ id, sum, tag }) => entry(id, sum, tag)),
    { maxLength: 5 },
  );
  const event = fc.oneof(
    { weight: 4, arbitrary: entries.map((images) => added(...images)) },
    {
      weight: 4,
      arbitrary: entries.map((images): RepositoryEvent => ({ type: 'PushOpened', data: { push: 1, images } })),
    },
    { weight: 1, arbitrary: entries.map((images): RepositoryEvent => ({ type: 'ImagesRestored', data: { images } })) },
    { weight: 1, arbitrary: fc.constant(created(2)) },
  );
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 6 }), { maxLength: 6 }), (pages) => {
      const tables = empty();
      const all = [[created(1)], ...pages];
      for (const page of all) project(tables, page);
      const { list } = fold(evolveWithImages, absentWithImages, all.flat());
      const inOrder = [...tables.images].toSorted(([, one], [, other]) => one.ordinal - other.ordinal);
      expect(inOrder.map(([id, { checksum: sum }]) => [id, sum])).toEqual([...list.images]);
      expect(inOrder.map(([, { ordinal }]) => ordinal)).toEqual(inOrder.map((_, index) => index));
      expect(tables.tags).toEqual(new Map(list.tags));
      expect(tables.row).toMatchObject({ imageCount: list.images.size, tagCount: list.tags.size });
    }),
  );
});
