import type { Refusal } from './refusal.ts';

/** Pure: no clock, no ids, no await. Whatever a decision needs beside the state comes in with the command. */
export interface Decider<State, Command, Event> {
  readonly initial: State;
  readonly decide: (state: State, command: Command) => readonly Event[] | Refusal;
  readonly evolve: (state: State, event: Event) => State;
}

export function fold<State, Event>(
  evolve: (state: State, event: Event) => State,
  state: State,
  events: readonly Event[],
): State {
  return events.reduce(evolve, state);
}
