import { fold } from '@docket/shared/decider';
import { repositoryName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import { imageEntry } from '@docket/shared/image-lists';
import { absentWithImages, evolveWithImages } from '@docket/shared/repository-images';
import type { RepositoryWithImages } from '@docket/shared/repository-images';
import type { RepositoryEvent } from '@docket/shared/repositories';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { decideImport as decideWithin } from './decider.ts';
import type { ImportedRepository } from './decider.ts';

const namespaceId = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11';
const name = repositoryName.parse('redis');
const silent: ImportedRepository = {
  namespaceId,
  name,
  description: undefined,
  fullDescription: undefined,
  isPrivate: undefined,
  lastUpdated: undefined,
  starCount: undefined,
  pullCount: undefined,
  isAutomated: undefined,
  images: [],
};
const image = imageEntry.parse({ id: 'a', checksum: 'sha256:1', tag: 'latest' });
const full: ImportedRepository = {
  ...silent,
  description: 'a database of keys and values',
  starCount: 12,
  pullCount: 3_000_000_000,
  fullDescription: '# Redis',
  isAutomated: true,
  isPrivate: true,
  lastUpdated: '2024-08-16T05:01:22.863Z',
  images: [image],
};

const created = (life: number): RepositoryEvent => ({
  type: 'RepositoryCreated',
  data: { namespace_id: namespaceId, name, life },
});
const facts: readonly RepositoryEvent[] = [
  { type: 'DescriptionChanged', data: { description: 'a database of keys and values' } },
  { type: 'FullDescriptionChanged', data: { full_description: '# Redis' } },
  { type: 'VisibilityChanged', data: { is_private: true } },
  { type: 'AutomationChanged', data: { is_automated: true } },
  { type: 'CountsObserved', data: { star_count: 12, pull_count: 3_000_000_000 } },
  { type: 'ImagesAdded', data: { images: [image] } },
  { type: 'LastUpdatedObserved', data: { last_updated: '2024-08-16T05:01:22.863Z' } },
];
const deletion: readonly RepositoryEvent[] = [
  { type: 'DeletionRequested', data: {} },
  { type: 'RepositoryDeleted', data: {} },
];

const after = (...events: RepositoryEvent[]) => fold(evolveWithImages, absentWithImages, events);
const decideImport = (before: RepositoryWithImages, line: ImportedRepository) =>
  decideWithin(before, line, { imagesMax: 20, tagsMax: 20 });

it('creates what never was, with all that the line says of it', () => {
  expect(decideImport(absentWithImages, full)).toEqual([created(1), ...facts]);
  expect(decideImport(absentWithImages, silent)).toEqual([created(1)]);
});

it('says nothing of what is as the line has it', () => {
  expect(decideImport(after(created(1), ...facts), full)).toEqual([]);
});

it('says nothing of what the line does not know', () => {
  expect(decideImport(after(created(1), ...facts), silent)).toEqual([]);
});

it.each<[string, Partial<ImportedRepository>, RepositoryEvent]>([
  ['description', { description: '' }, { type: 'DescriptionChanged', data: { description: '' } }],
  ['full description', { fullDescription: '' }, { type: 'FullDescriptionChanged', data: { full_description: '' } }],
  ['visibility', { isPrivate: false }, { type: 'VisibilityChanged', data: { is_private: false } }],
  [
    'last update',
    { lastUpdated: '2025-01-01T00:00:00.000Z' },
    { type: 'LastUpdatedObserved', data: { last_updated: '2025-01-01T00:00:00.000Z' } },
  ],
  ['stars', { starCount: 0 }, { type: 'CountsObserved', data: { star_count: 0 } }],
  ['pulls', { pullCount: 1 }, { type: 'CountsObserved', data: { pull_count: 1 } }],
  ['automation', { isAutomated: false }, { type: 'AutomationChanged', data: { is_automated: false } }],
  [
    'images',
    { images: [image, imageEntry.parse({ id: 'b' })] },
    { type: 'ImagesAdded', data: { images: [imageEntry.parse({ id: 'b' })] } },
  ],
])('tells a change of the %s alone', (_what, change, event) => {
  expect(decideImport(after(created(1), ...facts), { ...full, ...change })).toEqual([event]);
});

it('begins a new life of what was deleted, with nothing of the old one', () => {
  const before = after(created(1), ...facts, ...deletion);
  expect(decideImport(before, full)).toEqual([created(2), ...facts]);
  expect(decideImport(before, silent)).toEqual([created(2)]);
});

it('keeps out of a deletion that is under way', () => {
  expect(decideImport(after(created(1), ...deletion.slice(0, 1)), full)).toEqual(
    refuse('forbidden', 'the repository is being deleted'),
  );
});

it('adds nothing the second time, whatever the line and the repository', () => {
  const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
  const line: fc.Arbitrary<ImportedRepository> = fc.record({
    namespaceId: fc.constant(namespaceId),
    name: fc.constant(name),
    description: maybe(fc.string()),
    fullDescription: maybe(fc.string()),
    isPrivate: maybe(fc.boolean()),
    lastUpdated: maybe(fc.constantFrom('2024-08-16T05:01:22.863Z', '2025-01-01T00:00:00.000Z')),
    starCount: maybe(fc.nat()),
    pullCount: maybe(fc.nat()),
    isAutomated: maybe(fc.boolean()),
    images: fc.array(
      fc
        .record(
          { id: fc.constantFrom('a', 'b'), checksum: fc.constantFrom('x', 'y'), tag: fc.constantFrom('t', 'u') },
          { requiredKeys: ['id'] },
        )
        .map((fields) => imageEntry.parse(fields)),
      { maxLength: 4 },
    ),
  });
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
      let state = absentWithImages;
      for (const next of lines) {
        const events = decideImport(state, next);
        expect(isRefusal(events)).toBe(false);
        if (isRefusal(events)) return;
        state = fold(evolveWithImages, state, events);
        expect(decideImport(state, next)).toEqual([]);
      }
    }),
  );
});
