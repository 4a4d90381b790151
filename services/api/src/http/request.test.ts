import { entriesAtOnceMax, marksOfEntryMax } from '@docket/shared/limits';
import { expect, it } from 'vitest';
import { z } from 'zod';

import { readList } from './request.ts';
import { requestOf } from './request.testing.ts';

const schema = z.array(z.object({ id: z.string().regex(/^\w+$/, 'must be a word') }));
const listOf = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `image${index}` }));
const read = (value: unknown, entriesMax = 3_000) =>
  readList(requestOf({ text: () => Promise.resolve(JSON.stringify(value)) }), schema, {
    bytesMax: 1_000_000,
    entriesMax,
  });

it('takes a list of as many entries as one may have, in their order, and leaves others a turn between', async () => {
  let turns = 0;
  const turn = () => {
    turns += 1;
    setImmediate(turn).unref();
  };
  turn();
  const count = 3 * entriesAtOnceMax;
  expect(await read(listOf(count), count)).toEqual(listOf(count));
  expect(turns).toBeGreaterThanOrEqual(2);
});

it('refuses one entry more', async () => {
  expect(await read(listOf(11), 10)).toEqual({
    refused: 'content_too_large',
    message: 'the list has 11 entries; one may have 10',
  });
});

it('refuses what would be far more values than that before it makes them', async () => {
  const nested = [Array.from({ length: 2 * marksOfEntryMax }, () => [])];
  expect(await read(nested, 1)).toMatchObject({ refused: 'content_too_large' });
  // Fields that old clients send and nobody reads are no reason.
  const extended = listOf(10).map((entry) => ({ ...entry, a: 1, b: [1], c: {}, d: null }));
  expect(await read(extended, 10)).toEqual(listOf(10));
});

it('names the first entry that is wrong by its place in the whole list', async () => {
  const list = listOf(2 * entriesAtOnceMax);
  list[entriesAtOnceMax + 7] = { id: 'a b' };
  const field = `[${entriesAtOnceMax + 7}].id`;
  expect(await read(list)).toEqual({ refused: 'invalid_field', message: `${field}: must be a word`, field });
});

it('refuses what is no list', async () => {
  expect(await read({ id: 'image' })).toMatchObject({ refused: 'invalid_field' });
});
