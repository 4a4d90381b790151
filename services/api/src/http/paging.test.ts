import { expect, it } from 'vitest';
import { z } from 'zod';

import { wholeNumber } from './paging.ts';

const read = (schema: z.ZodType<number>, given: unknown) => {
  const { data, error } = schema.safeParse(given);
  return error ? error.issues.map(({ message }) => message) : data;
};

it.each([
  ['1', 1],
  ['7', 7],
  ['007', 7],
  ['100', 100],
])('%s is a whole number', (text, number) => {
  expect(read(wholeNumber(1, 100, 'refuse'), text)).toBe(number);
  expect(read(wholeNumber(1, 100, 'clamp'), text)).toBe(number);
});

it.each(['', ' 1', '1e1', '0x10', '+1', '-1', '1.0', '1_0', '١', 'many', '0', '1'.repeat(10)])(
  '"%s" is none, or too small, or longer than any',
  (text) => {
    for (const above of ['refuse', 'clamp'] as const) {
      expect(read(wholeNumber(1, 100, above), text)).toEqual(['must be a whole number from 1 to 100']);
    }
  },
);

it('is refused above the maximum, or taken for it', () => {
  expect(read(wholeNumber(0, 100, 'refuse'), '101')).toEqual(['must be a whole number from 0 to 100']);
  expect(read(wholeNumber(0, 100, 'clamp'), '999999999')).toBe(100);
  expect(read(wholeNumber(0, 100, 'clamp'), '0')).toBe(0);
});

it('is a number to who reads the document', () => {
  const { properties } = z.toJSONSchema(z.object({ n: wholeNumber(1, 100, 'refuse').default(10) }), { io: 'input' });
  expect(properties?.['n']).toEqual({ type: 'integer', minimum: 1, maximum: 100 });
});
