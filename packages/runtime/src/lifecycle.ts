/**
 * A process from start to stop: steps start in order, run until a signal asks for the end or one of them says that it failed, and
 * stop in reverse. A step that does not stop in time is named, and the process ends without it.
 */
import { setTimeout as elapsed } from 'node:timers/promises';

import type { Log } from './log.ts';

/** Below the 30 s after which orchestrators kill, above what a drained API and a page of the projector take. */
const stopDeadlineMs = 10_000;
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export interface Step<Started> {
  readonly name: string;
  start(): Promise<Started>;
  stop(started: Started): Promise<void>;
}

export interface Lifecycle {
  /** Starts the next step. Rejects, starting nothing, when the process has been asked to end meanwhile. */
  run<Started>(step: Step<Started>): Promise<Started>;
  /** Stops everything as a signal does; the process has done well. */
  end(): void;
  /** Something that should run on has ended: everything stops and the process fails. */
  fail(error: Error): void;
  /** Aborted when the process is to end. */
  readonly ending: AbortSignal;
}

interface Options {
  readonly log: Pick<Log, 'error'>;
  readonly start: (lifecycle: Lifecycle) => Promise<void>;
  readonly deadlineMs?: number;
  /** Where the signals come from. */
  readonly source?: NodeJS.EventEmitter;
}

/** Answers with the exit status: 0 after a signal, 1 when a step failed or hung. Rejects with what went wrong while starting. */
export async function runUntilSignal({
  log,
  start,
  deadlineMs = stopDeadlineMs,
  source = process,
}: Options): Promise<number> {
  const ending = new AbortController();
  const running: { readonly name: string; stop(): Promise<void> }[] = [];
  let failure: Error | undefined;

  // Terminals signal the whole process group and npm passes signals on: the second one is an echo of the first.
  const onSignal = () => ending.abort();
  for (const signal of signals) source.on(signal, onSignal);

  const lifecycle: Lifecycle = {
    ending: ending.signal,
    end: () => ending.abort(),
    fail: (error) => {
      failure ??= error;
      ending.abort();
    },
    run: async (step) => {
      if (ending.signal.aborted) throw new Error(`asked to end before ${step.name}`);
      const started = await step.start();
      running.push({ name: step.name, stop: () => step.stop(started) });
      return started;
    },
  };

  let hung: string | undefined;
  try {
    await start(lifecycle);
    await aborted(ending.signal);
  } catch (error) {
    // A step that cannot start because everything is to stop has not failed.
    if (!ending.signal.aborted) throw error;
  } finally {
    ending.abort();
    hung = await stopInReverse(running, log, deadlineMs);
    for (const signal of signals) source.off(signal, onSignal);
  }
  if (failure !== undefined) log.error({ err: failure }, failure.message);
  if (hung !== undefined) log.error(`${hung} did not stop within ${deadlineMs} ms`);
  return failure === undefined && hung === undefined ? 0 : 1;
}

/** Answers with the name of the step that was stopping at the deadline, if there was one. */
async function stopInReverse(
  running: readonly { readonly name: string; stop(): Promise<void> }[],
  log: Options['log'],
  deadlineMs: number,
): Promise<string | undefined> {
  let stopping: string | undefined;
  const deadline = new AbortController();
  const stopAll = async () => {
    for (const step of running.toReversed()) {
      stopping = step.name;
      try {
        await step.stop();
      } catch (error) {
        log.error({ err: error }, `${step.name} did not stop well`);
      }
    }
    stopping = undefined;
  };
  await Promise.race([stopAll(), elapsed(deadlineMs, undefined, { signal: deadline.signal }).catch(() => undefined)]);
  deadline.abort();
  return stopping;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
