/**
 * Group commit: the commands that queued up while the last call ran go into the log with one call, those of each sender judged alone.
 * One call in flight per process. Alone, a command waits for nobody; among thirty-two it costs less than a plain INSERT.
 */
import { waitingMax } from '@docket/shared/limits';

import { isConnectionLoss } from '../connect.ts';
import type { Database } from '../connect.ts';
import { appendAll, dataBytes } from './append.ts';
import type { AppendCommand, Verdict } from './append.ts';

const batchCommandsMax = 200;
/** The data of the events of one call; a command that is larger goes alone. A call is text several times on its way. */
const batchBytesMax = 16 * 1024 * 1024;
/** A command whose fate is unknown is sent again for this long, which is shorter than the patience of a client. */
const resendMsMax = 8_000;
const resendPauseMs = 100;

export class QueueFull extends Error {}

/** The events that one sender appends with one decision; they go into one call or into none. */
interface Waiting {
  readonly commands: readonly AppendCommand[];
  readonly bytes: number;
  readonly since: number;
  readonly resolve: (verdicts: readonly Verdict[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommit {
  /**
   * Verdicts in the order of the commands. Several of one stream are a chain: each was decided on what the one before it leaves, and is
   * a conflict unless that was appended with it. At most two hundred.
   */
  readonly append: (commands: readonly AppendCommand[]) => Promise<readonly Verdict[]>;
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
  /** The outcomes of the commands of the call. */
  readonly outcomes: readonly Verdict['outcome'][];
}

export function groupCommit({ database, onAppended, onCall }: GroupCommitOptions): GroupCommit {
  let queue: Waiting[] = [];
  let queuedCommands = 0;
  let running = false;

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const { batch, rest } = nextBatch(queue);
      queue = rest;
      queuedCommands -= countOf(batch);
      await settle(batch);
    }
    running = false;
  }

  async function settle(batch: readonly Waiting[]): Promise<void> {
    const started = performance.now();
    try {
      const verdicts = await appendAll(
        database,
        batch.flatMap(({ commands }) => commands),
      );
      const outcomes = verdicts.map(({ outcome }) => outcome);
      onCall?.({ way: 'group', seconds: (performance.now() - started) / 1_000, outcomes });
      let answered = 0;
      for (const { commands, resolve } of batch) {
        resolve(verdicts.slice(answered, answered + commands.length));
        answered += commands.length;
      }
      if (verdicts.some(({ outcome }) => outcome === 'appended')) onAppended();
    } catch (error) {
      await settleFailed(batch, error);
    }
  }

  async function settleFailed(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (isConnectionLoss(error)) {
      // The call may have been written or not: the same command ids tell, as soon as the database answers.
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
      // A command that Postgres refuses from one sender must not fail the others.
      for (const waiting of batch) await settle([waiting]);
    }
  }

  return {
    append: (commands) =>
      new Promise((resolve, reject) => {
        if (commands.length > batchCommandsMax) {
          reject(new Error(`${commands.length} commands are more than one call takes`));
          return;
        }
        if (queuedCommands + commands.length > waitingMax) {
          reject(new QueueFull(`${queuedCommands} commands wait for the log`));
          return;
        }
        queue.push({ commands, bytes: bytesOf(commands), since: performance.now(), resolve, reject });
        queuedCommands += commands.length;
        if (running) return;
        running = true;
        // All requests of this turn of the event loop go together.
        setImmediate(() => void run());
      }),
  };
}

function bytesOf(commands: readonly AppendCommand[]): number {
  return commands.reduce((total, { events }) => events.reduce((sum, event) => sum + dataBytes(event), total), 0);
}

function countOf(batch: readonly Waiting[]): number {
  return batch.reduce((count, { commands }) => count + commands.length, 0);
}

/**
 * Never one stream of two senders, who both decided on the state before the call, and never one command twice: the log knows it only
 * after the call.
 */
function nextBatch(queue: readonly Waiting[]): { batch: Waiting[]; rest: Waiting[] } {
  const batch: Waiting[] = [];
  const rest: Waiting[] = [];
  const taken = new Set<string>();
  let count = 0;
  let bytes = 0;
  for (const waiting of queue) {
    const { commands } = waiting;
    const fits =
      count + commands.length <= batchCommandsMax &&
      (count === 0 || bytes + waiting.bytes <= batchBytesMax) &&
      commands.every(({ streamId, commandId }) => !taken.has(streamId) && !taken.has(commandId));
    if (fits) {
      batch.push(waiting);
      count += commands.length;
      bytes += waiting.bytes;
    } else {
      rest.push(waiting);
    }
    // A command that has to wait keeps its place before those that come after it in the same stream.
    for (const { streamId, commandId } of commands) taken.add(streamId).add(commandId);
  }
  return { batch, rest };
}
