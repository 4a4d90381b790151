import { expect, test } from 'vitest';

import { inLots } from './indexed-rows.ts';

const row = (id: string, bytes: number) => ({ repository_id: id, bytes });

test('repositories are put together up to the bytes of a lot, in their order', () => {
  expect(inLots([row('a', 4), row('b', 6), row('c', 1)], 10)).toEqual([['a', 'b'], ['c']]);
});

test('one that is larger than a lot is a lot of its own', () => {
  expect(inLots([row('a', 11), row('b', 30), row('c', 1)], 10)).toEqual([['a'], ['b'], ['c']]);
});

test('of none there is no lot', () => {
  expect(inLots([], 10)).toEqual([]);
});
