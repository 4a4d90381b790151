/** given(events).when(command).thenEvents(…), for the tests of every decider. */
import { expect } from 'vitest';

import { fold } from './decider.ts';
import type { Decider } from './decider.ts';
import { isRefusal } from './refusal.ts';
import type { RefusalCode } from './refusal.ts';

export function specification<State, Command, Event>(decider: Decider<State, Command, Event>) {
  return {
    given: (...events: readonly Event[]) => ({
      when: (command: Command) => {
        const outcome = decider.decide(fold(decider.evolve, decider.initial, events), command);
        return {
          thenEvents: (...expected: readonly Event[]) => {
            expect(outcome).toEqual(expected);
          },
          thenRefused: (code: RefusalCode, field?: string) => {
            expect(isRefusal(outcome) ? { refused: outcome.refused, field: outcome.field } : outcome).toEqual({
              refused: code,
              field,
            });
          },
        };
      },
    }),
  };
}
