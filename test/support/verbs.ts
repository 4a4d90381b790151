/**
 * Verbs of one test file: in a process that runs one after the other, because the start of one costs a second. Verbs that run at once
 * have a process each. A world whose environment changes how node starts has a new process for every verb, as `up` has in its tests.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { docket } from './docket.ts';
import type { VerbResult } from './docket.ts';

const program = fileURLToPath(new URL('verb-process.mjs', import.meta.url));
const verbDeadlineMs = 60_000;

const resultSchema = z.object({ status: z.int().nullable(), stdout: z.string(), stderr: z.string() });

const idle: ChildProcess[] = [];

/** Runs a verb to its end, whatever that is. */
export async function runVerb(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<VerbResult> {
  if ('NODE_OPTIONS' in env) return docket(words, env, input);
  const child = idle.pop() ?? started();
  child.ref();
  child.channel?.ref();
  const ended = new AbortController();
  const timer = setTimeout(() => child.kill('SIGKILL'), verbDeadlineMs);
  try {
    const answered = once(child, 'message', { signal: ended.signal });
    const gone = once(child, 'exit', { signal: ended.signal }).then(() => undefined);
    child.send({ words, env, input });
    const message: unknown[] | undefined = await Promise.race([answered, gone]);
    if (message === undefined)
      return { status: null, stdout: '', stderr: `docket ${words.join(' ')}: the process ended` };
    idle.push(child);
    return resultSchema.parse(message[0]);
  } finally {
    ended.abort();
    clearTimeout(timer);
    // A process that waits for its next verb ends with this one.
    child.unref();
    child.channel?.unref();
  }
}

function started(): ChildProcess {
  const env = { PATH: process.env['PATH'] };
  return fork(program, { execArgv: ['--enable-source-maps'], env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}
