/**
 * A page that fails is tried again, because most of what fails passes. One that fails again and again while its checkpoint stays where
 * it is, is trouble that somebody has to know of, whatever its reason: a broken connection as well may be the doing of one event. What a
 * reason is called may change from try to try, and so only the position counts.
 */
import type { Standpoint } from '@docket/store/followers/checkpoint';

/** Some three seconds of it: a database that is started anew is there again by then. */
export const failuresMax = 5;

export interface Failures {
  readonly at: Standpoint;
  readonly failures: number;
  /** As the clock of this process has it. */
  readonly sinceMs: number;
}

/** Pure. One failure more; the first one where the checkpoint has moved since. */
export function failedAgain(before: Failures | undefined, at: Standpoint, nowMs: number): Failures {
  if (before?.at.checkpoint !== at.checkpoint) return { at, failures: 1, sinceMs: nowMs };
  return { at, failures: before.failures + 1, sinceMs: before.sinceMs };
}

export function isTrouble({ failures }: Failures): boolean {
  return failures >= failuresMax;
}
