/**
 * Group commit: the commands that queued up while the last call ran go into the log with one call, each judged alone. One call in
 * flight per process. Alone, a command waits for nobody; among thirty-two it costs less than a plain INSERT.
 */
import { isConnectionLoss } from '../connect.ts';
import type { Database } from '../connect.ts';
import { appendAll } from './append.ts';
import type { AppendCommand, Verdict } from './append.ts';

const batchCommandsMax = 200;
const queuedCommandsMax = 5_000;
/** How long a command is sent again whose fate is unknown. Shorter than the patience of a client. */
const resendMsMax = 8_000;
const resendPauseMs = 100;

export class QueueFull extends Error {}

interface Waiting {
  readonly command: AppendCommand;
  readonly since: number;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommit {
  readonly append: (command: AppendCommand) => Promise<Verdict>;
}

export interface GroupCommitOptions {
  readonly database: Database;
  /** After a call that appended something. */
  readonly onAppended: () => void;
  /** After every call that was answered. */
  readonly onCall?: (call: AppendCall) => void;
}

export interface AppendCall {
  readonly way: 'group' | 'transaction';
  readonly seconds: number;
  /** Of each command of the call. */
  readonly outcomes: readonly Verdict['outcome'][];
}

export function groupCommit({ database, onAppended, onCall }: GroupCommitOptions): GroupCommit {
  let queue: Waiting[] = [];
  let running = false;

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const { batch, rest } = nextBatch(queue);
      queue = rest;
      await settle(batch);
    }
    running = false;
  }

  async function settle(batch: readonly Waiting[]): Promise<void> {
    const started = performance.now();
    try {
      const verdicts = await appendAll(
        database,
        batch.map(({ command }) => command),
      );
      const outcomes = verdicts.map(({ outcome }) => outcome);
      onCall?.({ way: 'group', seconds: (performance.now() - started) / 1_000, outcomes });
      for (const [index, verdict] of verdicts.entries()) batch[index]?.resolve(verdict);
      if (verdicts.some(({ outcome }) => outcome === 'appended')) onAppended();
    } catch (error) {
      await settleFailed(batch, error);
    }
  }

  async function settleFailed(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (isConnectionLoss(error)) {
      // Nobody knows whether it was written: the same command ids tell, as soon as somebody answers.
      const oldest = performance.now() - resendMsMax;
      for (const { since, reject } of batch) if (since < oldest) reject(error);
      const again = batch.filter(({ since }) => since >= oldest);
      if (again.length === 0) return;
      await new Promise((resolve) => {
        setTimeout(resolve, resendPauseMs);
      });
      await settle(again);
    } else if (batch.length === 1) {
      batch[0]?.reject(error);
    } else {
      // One command that Postgres does not take must not fail the others.
      for (const waiting of batch) await settle([waiting]);
    }
  }

  return {
    append: (command) =>
      new Promise((resolve, reject) => {
        if (queue.length >= queuedCommandsMax) {
          reject(new QueueFull(`${queuedCommandsMax} commands wait for the log`));
          return;
        }
        queue.push({ command, since: performance.now(), resolve, reject });
        if (running) return;
        running = true;
        // All requests of this turn of the event loop go together.
        setImmediate(() => void run());
      }),
  };
}

/** Never two commands of one stream, and never one command twice: they are judged against the state before the call. */
function nextBatch(queue: readonly Waiting[]): { batch: Waiting[]; rest: Waiting[] } {
  const batch: Waiting[] = [];
  const rest: Waiting[] = [];
  const taken = new Set<string>();
  for (const waiting of queue) {
    const { streamId, commandId } = waiting.command;
    if (batch.length < batchCommandsMax && !taken.has(streamId) && !taken.has(commandId)) {
      batch.push(waiting);
      taken.add(streamId).add(commandId);
    } else {
      rest.push(waiting);
    }
  }
  return { batch, rest };
}
