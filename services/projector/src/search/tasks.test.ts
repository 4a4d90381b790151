import fc from 'fast-check';
import { expect, test } from 'vitest';

import { payloadParts } from './tasks.ts';

const bytesMax = 100;
const line = fc.record({ id: fc.nat(), json: fc.string({ unit: 'grapheme', maxLength: 60 }) });

test('the parts of a page are the page, in order, and none is larger than a payload may be unless one line alone is', () => {
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const parts = payloadParts(lines, bytesMax);
      expect(parts.flat()).toEqual(lines);
      for (const part of parts) {
        const bytes = Buffer.byteLength(part.map(({ json }) => `${json}\n`).join(''));
        expect(bytes <= bytesMax || part.length === 1).toBe(true);
      }
    }),
  );
});

test('a page without documents is one part, for the marker', () => {
  expect(payloadParts([])).toEqual([[]]);
});
