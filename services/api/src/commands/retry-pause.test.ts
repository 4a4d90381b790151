import { contendedMsMax, retryPauseMsMax, retryPauseMsMin } from '@docket/shared/limits';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { retryPauseMs } from './retry-pause.ts';

const losses = fc.integer({ min: 1, max: 200 });
const ageMs = fc.double({ min: 0, max: 2 * contendedMsMax, noNaN: true });
const chance = fc.double({ min: 0, max: 1, noNaN: true });

it('is never negative and never longer than the longest, however often it lost', () => {
  fc.assert(
    fc.property(losses, ageMs, chance, (lost, age, given) => {
      const ms = retryPauseMs(lost, age, given);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(retryPauseMsMax);
    }),
  );
});

it('grows with what was lost, and shrinks with age', () => {
  fc.assert(
    fc.property(losses, ageMs, chance, (lost, age, given) => {
      expect(retryPauseMs(lost + 1, age, given)).toBeGreaterThanOrEqual(retryPauseMs(lost, age, given));
      expect(retryPauseMs(lost, age + 100, given)).toBeLessThanOrEqual(retryPauseMs(lost, age, given));
    }),
  );
});

it('begins short, and is nothing when time is up', () => {
  expect(retryPauseMs(1, 0, 1)).toBe(retryPauseMsMin);
  expect(retryPauseMs(20, contendedMsMax, 1)).toBe(0);
});
