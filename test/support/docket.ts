/** `./docket <verb>` as tests run it: what was built, in a process of its own, with nothing of this one's environment but PATH. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../services/cli/dist/main.js', import.meta.url));
const verbDeadlineMs = 60_000;
const readyDeadlineMs = 30_000;
/** Enough of what a process complained of to see why it ended. */
const complaintCharactersMax = 8_000;

export interface VerbResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a verb to its end, whatever that is. */
export async function docket(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<VerbResult> {
  const child = spawnDocket(words, env, 'pipe');
  const timer = setTimeout(() => child.kill('SIGKILL'), verbDeadlineMs);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  await once(child, 'close');
  clearTimeout(timer);
  return { status: child.exitCode, stdout: stdout(), stderr: stderr() };
}

/** Runs a verb that has to do what it is asked; answers with what it printed. */
export async function runDocket(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
): Promise<string> {
  const { status, stdout, stderr } = await docket(words, env, input);
  if (status !== 0) throw new Error(`docket ${words.join(' ')}: exit status ${status}\n${stderr}`);
  return stdout;
}

/** A process that serves until it is told to stop, and that may be killed and started again. */
export class Service {
  readonly #words: readonly string[];
  readonly #readyLine: RegExp;
  #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #complaints = '';
  #url = '';

  constructor(words: readonly string[], readyLine: RegExp, env: Readonly<Record<string, string>>) {
    this.#words = words;
    this.#readyLine = readyLine;
    this.#env = env;
  }

  /** The URL where it serves, if its line says one; it is the same after it was started again. */
  get url(): string {
    return this.#url;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#words.join(' ')} does not run`);
    return pid;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The latest of what it wrote on standard error. */
  get complaints(): string {
    return this.#complaints;
  }

  /** Resolves when it says that it is ready. */
  async start(): Promise<void> {
    const child = spawnDocket(this.#words, this.#env, 'ignore');
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#complaints = `${this.#complaints}${chunk.toString()}`.slice(-complaintCharactersMax);
    });
    const ended = once(child, 'exit').then(() => undefined);
    const line = await Promise.race([this.#ready(child), ended, afterMs(readyDeadlineMs)]);
    if (line === undefined) {
      child.kill('SIGKILL');
      throw new Error(`${this.#words.join(' ')} was not ready\n${this.#complaints}`);
    }
    this.#url = line.groups?.['url'] ?? '';
    if (this.#words[0] === 'api') this.#env = { ...this.#env, PORT: new URL(this.#url).port };
  }

  /** Resolves when the process is gone; answers with its exit status. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || !this.running) return child?.exitCode ?? null;
    const gone = once(child, 'exit').then(() => true);
    child.kill(signal);
    if ((await Promise.race([gone, afterMs(readyDeadlineMs)])) === undefined) {
      child.kill('SIGKILL');
      throw new Error(`${this.#words.join(' ')} did not end after ${signal}\n${this.#complaints}`);
    }
    return child.exitCode;
  }

  async restart(signal?: NodeJS.Signals): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  #ready(child: ChildProcess): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      if (child.stdout === null) return reject(new Error('the process has no standard output'));
      createInterface(child.stdout).on('line', (line) => {
        const said = this.#readyLine.exec(line);
        if (said !== null) resolve(said);
      });
    });
  }
}

export function apiService(env: Readonly<Record<string, string>>): Service {
  return new Service(['api'], /^api listening (?<url>\S+)$/, { ...env, PORT: '0' });
}

export function projectorService(env: Readonly<Record<string, string>>): Service {
  return new Service(['projector'], /^projector running$/, env);
}

/** The process itself, for a test that does something to it while it runs. */
export function spawnDocket(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin: 'pipe' | 'ignore',
): ChildProcess {
  const path = { PATH: process.env['PATH'] };
  return spawn(process.execPath, ['--enable-source-maps', program, ...words], {
    env: { ...path, ...env },
    stdio: [stdin, 'pipe', 'pipe'],
  });
}

function collected(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

function afterMs(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms).unref();
  });
}
