import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';

import { lines, markdown, sentence, shownOnTerminal, text } from './text.ts';

const refusals = (schema: z.ZodType, given: string) =>
  schema.safeParse(given).error?.issues.map(({ message }) => message) ?? [];

it.each(['', ' stays \n', 'é 🐳', 'x'.repeat(10)])('%j is kept as it is', (given) => {
  expect(text(10).parse(given)).toBe(given);
});

it.each([
  ['x'.repeat(11), 'must have at most 10 characters'],
  ['a\0b', 'must not contain a zero character or half of a character'],
  ['a\ud800', 'must not contain a zero character or half of a character'],
  ['\udc00', 'must not contain a zero character or half of a character'],
])('%j is refused, also where it is shown', (given, reason) => {
  for (const kind of [text, sentence, lines, markdown]) expect(refusals(kind(10), given)).toEqual([reason]);
});

const turned = ['\u061c', '\u200e', '\u200f', '\u202a', '\u202e', '\u2066', '\u2069'];

describe.each([
  ['a sentence', sentence, 'control characters, line breaks'],
  ['a text with lines', lines, 'control characters'],
  ['a text of Markdown', markdown, 'control characters'],
] as const)('%s', (_what, kind, what) => {
  it.each(['\u001b[2J', '\u001b]0;owned\u0007', '\b', '\v', '\f', '\u007f', '\u0085', '\u009b2J', ...turned])(
    'has no %j in it, wherever it stands',
    (acting) => {
      const reason = `must not contain ${what} or characters that turn the direction of writing`;
      for (const given of [acting, `before ${acting}`, `${acting} behind`, `\t${acting}\n`]) {
        expect(refusals(kind(100), given)).toEqual([reason]);
      }
    },
  );

  it.each(['', ' ', '“é” e\u0301 東京 עברית عربى 👩‍👩‍👧 \ufeff\u00ad\u2028'])('may be %j', (given) => {
    expect(kind(100).parse(given)).toBe(given);
  });
});

it.each([
  ['\n', [false, true, true]],
  ['\t', [false, true, true]],
  ['\r\n', [false, true, true]],
  ['\r', [false, false, true]],
  ['\r\r\n', [false, false, true]],
])('%j breaks a line where there are lines', (given, allowed) => {
  const kinds = [sentence, lines, markdown];
  expect(kinds.map((kind) => refusals(kind(100), `a${given}b`).length === 0)).toEqual(allowed);
});

it('is shown without what would be refused, and else as it is', () => {
  expect(shownOnTerminal('a\u001b[2J\u001b]0;owned\u0007\u202eb\r\n\tc\rd')).toBe('a[2J]0;ownedb\r\n\tcd');
  const characters = fc.constantFrom('a', '\r', '\n', '\t', '\u001b', '\u009b', '\u200f', ...turned, '🐳', ' ');
  fc.assert(
    fc.property(fc.string({ unit: characters }), (given) => {
      const shown = shownOnTerminal(given);
      return (
        refusals(lines(1_000), shown).length === 0 && (refusals(lines(1_000), given).length > 0 || shown === given)
      );
    }),
  );
});
