import { checksum, imageId, repositoryName } from '@docket/shared/names';
import type { Repository } from '@docket/shared/repositories';
import { expect, test } from 'vitest';

import { projectImages } from './images.ts';

const repositoryId = '5f0c7a3e-3b5f-4d0a-9f43-0a3f4c8f2b11';
const life = { namespace_id: 'b7a0b9d0-62b5-4b6e-8a51-6f9f0c1c9a77', name: repositoryName.parse('ubuntu') };

test('what a push brings is written, what was there is not written again', () => {
  const before = active(1, [
    ['a', 'c1'],
    ['b', null],
  ]);
  const after = active(1, [
    ['a', 'c1'],
    ['b', 'c2'],
    ['d', null],
  ]);
  expect(change(before, after)).toEqual({ cleared: [], written: [image('b', 'c2'), image('d', null)] });
});

test('a new repository writes all it has', () => {
  expect(change(undefined, active(1, [['a', null]]))).toEqual({ cleared: [], written: [image('a', null)] });
});

test('while it is being deleted its images stay', () => {
  const { status: _, ...contents } = active(1, [['a', 'c1']]);
  const deleting: Repository = { ...contents, status: 'deleting', authorized_by: null };
  expect(change(active(1, [['a', 'c1']]), deleting)).toEqual({ cleared: [], written: [] });
});

test('the end of a life clears its images', () => {
  const { status: _, ...contents } = active(1, [['a', 'c1']]);
  const deleted: Repository = { ...life, status: 'deleted', life: 1, contents };
  expect(change(active(1, [['a', 'c1']]), deleted)).toEqual({ cleared: [repositoryId], written: [] });
  expect(change(deleted, active(2, [['a', null]]))).toEqual({ cleared: [], written: [image('a', null)] });
});

test('a life that ended and another that began in one page share no image, not even an equal one', () => {
  expect(
    change(
      active(1, [
        ['a', 'c1'],
        ['b', 'c2'],
      ]),
      active(2, [['a', 'c1']]),
    ),
  ).toEqual({
    cleared: [repositoryId],
    written: [image('a', 'c1')],
  });
});

test('what is restored has its images again', () => {
  const { status: _, ...contents } = active(1, [['a', 'c1']]);
  const deleted: Repository = { ...life, status: 'deleted', life: 1, contents };
  expect(change(deleted, active(1, [['a', 'c1']]))).toEqual({ cleared: [], written: [image('a', 'c1')] });
});

type Entry = readonly [id: string, sum: string | null];

function active(number: number, images: readonly Entry[]) {
  return {
    ...life,
    status: 'active' as const,
    life: number,
    is_private: false,
    is_automated: false,
    description: '',
    full_description: '',
    grants: {},
    taken_down: null,
    stars: 0,
    last_updated: null,
    star_count: null,
    pull_count: null,
    images: images.map(([id, sum]) => image(id, sum).image),
    tags: {},
    pushes: 1,
    announced: null,
  };
}

function image(id: string, sum: string | null) {
  return { repositoryId, image: { id: imageId.parse(id), checksum: sum === null ? null : checksum.parse(sum) } };
}

function change(before: Repository | undefined, after: Repository) {
  const row = (state: Repository) => ({ repositoryId, number: 1n, version: 1, lastUpdated: new Date(0), state });
  return projectImages([{ before: before && row(before), after: row(after) }]);
}
