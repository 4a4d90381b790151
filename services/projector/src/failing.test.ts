import { expect, test } from 'vitest';

import { failedAgain, failuresMax, isTrouble } from './failing.ts';
import type { Failures } from './failing.ts';

const at = { checkpoint: 7n, next: 9n };

function failed(times: number, before?: Failures): Failures | undefined {
  let failures = before;
  for (let time = 1; time <= times; time++) failures = failedAgain(failures, at, time * 1_000);
  return failures;
}

test('given no failure, when a page fails, then it is the first one, at the event that the page begins with', () => {
  expect(failedAgain(undefined, at, 1_000)).toEqual({ at, failures: 1, sinceMs: 1_000 });
});

test('given fewer failures than are trouble, when the page fails once more at the same checkpoint, then it is trouble', () => {
  const before = failed(failuresMax - 1);
  expect(before && isTrouble(before)).toBe(false);
  const after = failedAgain(before, at, 60_000);
  expect(after).toEqual({ at, failures: failuresMax, sinceMs: 1_000 });
  expect(isTrouble(after)).toBe(true);
});

test('given failures at one checkpoint, when a page fails behind another, then they are not counted to each other', () => {
  const moved = { checkpoint: 8n, next: 9n };
  expect(failedAgain(failed(failuresMax), moved, 90_000)).toEqual({ at: moved, failures: 1, sinceMs: 90_000 });
});

test('given failures at the end of the log, when something is appended and fails too, then it is named and counted on', () => {
  const end = failedAgain(undefined, { checkpoint: 7n, next: undefined }, 1_000);
  expect(failedAgain(end, at, 2_000)).toEqual({ at, failures: 2, sinceMs: 1_000 });
});
