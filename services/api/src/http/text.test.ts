import { expect, it } from 'vitest';

import { text } from './text.ts';

it.each(['', ' stays \n', 'é 🐳', 'x'.repeat(10)])('%j is kept as it is', (given) => {
  expect(text(10).parse(given)).toBe(given);
});

it.each([
  ['x'.repeat(11), 'must have at most 10 characters'],
  ['a\0b', 'must not contain a zero character or half of a character'],
  ['a\ud800', 'must not contain a zero character or half of a character'],
  ['\udc00', 'must not contain a zero character or half of a character'],
])('%j is refused', (given, reason) => {
  expect(
    text(10)
      .safeParse(given)
      .error?.issues.map(({ message }) => message),
  ).toEqual([reason]);
});
