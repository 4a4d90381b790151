import { contendedMsMax, retryPauseMsMax, retryPauseMsMin } from '@docket/shared/limits';

/**
 * How long who lost so many races in a row, the last one just now, waits before the next, in ms. The bound doubles with every loss, so
 * that many do not run into each other for ever, and shrinks with the age of what waits, so that the oldest is the most likely to be
 * first. `chance` is 0 to 1.
 */
export function retryPauseMs(losses: number, ageMs: number, chance: number): number {
  const bound = Math.min(retryPauseMsMax, retryPauseMsMin * 2 ** (losses - 1));
  return chance * bound * Math.max(0, 1 - ageMs / contendedMsMax);
}
