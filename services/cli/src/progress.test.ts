import { expect, test } from 'vitest';

import { progressText } from './progress.ts';

const lines = { total: 80_000, unit: 'lines' };

test('a bar says how much of the whole is done, how fast, and how long it still takes', () => {
  expect(progressText({ ...lines, done: 20_000, elapsedMs: 2_000 })).toBe(
    '[######..................] 25 %, 20000 of 80000 lines, 10000/s, 6 s left',
  );
});

test('before anything is done nobody knows how long it takes', () => {
  expect(progressText({ ...lines, done: 0, elapsedMs: 1 })).toBe(
    '[........................] 0 %, 0 of 80000 lines, 0/s',
  );
});

test('what comes through a pipe has no end that is known', () => {
  expect(progressText({ done: 500, total: undefined, unit: 'lines', elapsedMs: 100 })).toBe(
    '500 lines, 5000/s, no end known',
  );
});
