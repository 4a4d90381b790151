/** One `./docket api` or `./docket projector` as a child of `up`. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { endOf, endProcess, identityOf } from '@docket/infra/process-identity';
import type { ProcessIdentity } from '@docket/infra/process-identity';
import { parseSettings } from '@docket/runtime/environment';
import { listeningUrl } from '@docket/runtime/listening';

import type { Running } from './supervisor.ts';

const readyDeadlineMs = 20_000;
/** Above the time in which a service stops by itself or says what hangs. */
const stopGraceMs = 12_000;

const program = fileURLToPath(new URL('../main.js', import.meta.url));

/** The line that each prints on its standard output when it is ready. */
const readyLines = { api: /^api listening (?<url>http:\S+)$/, projector: /^projector running$/ };

export interface ServiceProcess extends Running {
  readonly identity: ProcessIdentity;
  /** Where it serves, if it does. */
  readonly url: string | undefined;
}

interface Options {
  readonly verb: 'api' | 'projector';
  readonly env: NodeJS.ProcessEnv;
  /** Called with the process before it is ready. */
  readonly spawned: (identity: ProcessIdentity) => void;
}

/** Resolves when it says that it is ready. */
export async function startServiceProcess({ verb, env, spawned }: Options): Promise<ServiceProcess> {
  const child = spawn(process.execPath, ['--enable-source-maps', program, verb], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    // Out of the terminal's process group: Ctrl-C goes to `up`, which stops things in their order.
    detached: true,
  });
  const ended = endOf(child);
  const identity = child.pid === undefined ? undefined : identityOf(child.pid);
  if (identity === undefined) throw new Error(`it could not be started: ${await ended}`);
  spawned(identity);
  const stop = () => endProcess(identity, [{ signal: 'SIGTERM', graceMs: stopGraceMs }]);
  const ready = new Promise<RegExpExecArray>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const said = readyLines[verb].exec(line);
      if (said !== null) resolve(said);
    });
  });
  const deadline = AbortSignal.timeout(readyDeadlineMs);
  const tooLate = new Promise<never>((_, reject) => {
    deadline.addEventListener('abort', () => reject(new Error(`it was not ready within ${readyDeadlineMs} ms`)));
  });
  const tooSoon = ended.then((end): never => {
    throw new Error(`it ended before it was ready: ${end}`);
  });
  try {
    const said = await Promise.race([ready, tooSoon, tooLate]);
    return { identity, url: said.groups?.['url'] ?? healthUrl(env), ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A projector serves nothing but the answers to how it is. */
function healthUrl(env: NodeJS.ProcessEnv): string | undefined {
  const { host, healthPort } = parseSettings(env);
  return healthPort === 0 ? undefined : listeningUrl(host, healthPort);
}

/** Runs a verb to its end, or until the signal; rejects unless it did what it was asked. */
export async function runVerb(words: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const child = spawn(process.execPath, ['--enable-source-maps', program, ...words], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  });
  const end = await endOf(child);
  if (child.exitCode !== 0) throw new Error(`docket ${words.join(' ')}: ${end}`);
}
