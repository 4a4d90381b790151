/**
 * Commands of one stream wait for each other in a process instead of racing: who finds nobody goes at once, who comes meanwhile is
 * decided with all who came, in their order. Other processes are raced once; from the first loss on the line is told that it is contended,
 * until nobody is left in it, so that it can have the stream to itself. Who loses goes first in the next round, until its time is up. A
 * stream that nobody waits for takes no memory.
 */
import {
  contendedMsMax,
  decidedAtOnceMax,
  decidedEntriesMax,
  waitingMax,
  waitingOfStreamMax,
} from '@docket/shared/limits';

import { retryPauseMs } from './retry-pause.ts';

/**
 * `first`: there was nobody before it, and what it read of the stream before it came here is as good as a new look. `contended`: another
 * process changes the stream as well.
 */
export type Attempt = 'first' | 'waited' | 'contended';

export type Ruling<Outcome> =
  | { readonly is: 'settled'; readonly outcome: Outcome }
  | { readonly is: 'failed'; readonly error: unknown }
  /** Another process was faster. */
  | { readonly is: 'lost' }
  /** It is not the task's turn yet: something before it has to be in the log first. The first of a batch never waits. */
  | { readonly is: 'later' };

export interface StreamQueueOptions<Command, Outcome> {
  /** Rulings in the order of the commands. */
  readonly settle: (commands: readonly Command[], attempt: Attempt) => Promise<readonly Ruling<Outcome>[]>;
  /** How many entries the lists of the command have, if it has any. */
  readonly entriesIn: (command: Command) => number;
  /** What is answered where too many wait, and where one waited too long. */
  readonly full: Outcome;
  readonly late: Outcome;
}

export interface StreamQueue<Command, Outcome> {
  readonly enter: (stream: string, command: Command) => Promise<Outcome>;
  /** How many streams have somebody in the queue, and how many commands wait. */
  readonly size: () => { readonly streams: number; readonly waiting: number };
}

interface Entry<Command, Outcome> {
  readonly command: Command;
  readonly since: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
  /** While it waits for its turn. */
  readonly patience: NodeJS.Timeout | undefined;
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

export function streamQueue<Command, Outcome>({
  settle,
  entriesIn,
  full,
  late,
}: StreamQueueOptions<Command, Outcome>): StreamQueue<Command, Outcome> {
  /** Who waits, by stream; somebody is at work on every stream that is in here. */
  const lines = new Map<string, Set<Entry<Command, Outcome>>>();
  let waiting = 0;

  function enter(stream: string, command: Command): Promise<Outcome> {
    const line = lines.get(stream);
    if (line && (line.size >= waitingOfStreamMax || waiting >= waitingMax)) return Promise.resolve(full);
    return new Promise((resolve, reject) => {
      const given = { command, since: performance.now(), resolve, reject };
      if (!line) {
        lines.set(stream, new Set());
        void work(stream, { ...given, patience: undefined });
        return;
      }
      const entry: Entry<Command, Outcome> = {
        ...given,
        patience: setTimeout(() => giveUp(line, entry), contendedMsMax),
      };
      line.add(entry);
      waiting += 1;
    });
  }

  function giveUp(line: Set<Entry<Command, Outcome>>, entry: Entry<Command, Outcome>): void {
    line.delete(entry);
    waiting -= 1;
    entry.resolve(late);
  }

  async function work(stream: string, first: Entry<Command, Outcome>): Promise<void> {
    let batch: readonly Entry<Command, Outcome>[] = [first];
    let attempt: Attempt = 'first';
    let losses = 0;
    while (batch.length > 0) {
      const { lost, later } = await settled(batch, attempt);
      const [oldest] = lost;
      if (oldest) attempt = 'contended';
      else if (attempt === 'first') attempt = 'waited';
      // The first loss is made good at once; those after it are of something that a moment may change.
      if (oldest && losses > 0) await elapsed(retryPauseMs(losses, performance.now() - oldest.since, Math.random()));
      losses = oldest ? losses + 1 : 0;
      const again = [...lost, ...later];
      batch = [...again, ...taken(stream, again)];
    }
    lines.delete(stream);
  }

  /** Answers everybody but those who have to try again. */
  async function settled(batch: readonly Entry<Command, Outcome>[], attempt: Attempt) {
    const lost: Entry<Command, Outcome>[] = [];
    const later: Entry<Command, Outcome>[] = [];
    const ruled = await rulings(batch, attempt);
    for (const [index, entry] of batch.entries()) {
      const ruling = ruled[index] ?? { is: 'failed', error: new Error('a command was not ruled on') };
      switch (ruling.is) {
        case 'settled':
          entry.resolve(ruling.outcome);
          break;
        case 'failed':
          entry.reject(ruling.error);
          break;
        case 'lost':
          if (performance.now() - entry.since > contendedMsMax) entry.resolve(late);
          else lost.push(entry);
          break;
        case 'later':
          later.push(entry);
          break;
      }
    }
    return { lost, later };
  }

  async function rulings(
    batch: readonly Entry<Command, Outcome>[],
    attempt: Attempt,
  ): Promise<readonly Ruling<Outcome>[]> {
    try {
      return await settle(
        batch.map(({ command }) => command),
        attempt,
      );
    } catch (error) {
      return batch.map(() => ({ is: 'failed', error }));
    }
  }

  /** The entries that go next, after those that go again. */
  function taken(stream: string, again: readonly Entry<Command, Outcome>[]): Entry<Command, Outcome>[] {
    const line = lines.get(stream) ?? new Set();
    const next: Entry<Command, Outcome>[] = [];
    let entries = again.reduce((total, { command }) => total + entriesIn(command), 0);
    for (const entry of line) {
      const together = again.length + next.length;
      entries += entriesIn(entry.command);
      if (together >= decidedAtOnceMax || (together > 0 && entries > decidedEntriesMax)) break;
      clearTimeout(entry.patience);
      line.delete(entry);
      next.push(entry);
    }
    waiting -= next.length;
    return next;
  }

  return { enter, size: () => ({ streams: lines.size, waiting }) };
}
