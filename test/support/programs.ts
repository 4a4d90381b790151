/** Programs that nobody here wrote, as Debian packages bring them. Where one is not installed its tests are skipped, and say so. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './until.ts';

const runMsMax = 60_000;
const startMsMax = 60_000;

export interface Run {
  readonly status: number | null;
  /** The output that a person sees: both streams, in no particular order between them. */
  readonly shown: string;
  readonly stdout: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Whether what a file needs is installed; if not, it says what is skipped and why, and its tests count as skipped. */
export function areInstalled(what: string, programs: readonly string[]): boolean {
  const absent = programs.filter(
    (program) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' }).status !== 0,
  );
  if (absent.length > 0) console.log(`skipped: ${what}, for want of ${absent.join(', ')}`);
  return absent.length === 0;
}

export async function run(
  program: string,
  words: readonly string[],
  { env = {}, input = '' }: RunOptions = {},
): Promise<Run> {
  const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), runMsMax);
  const chunks: { readonly stdout: Buffer[]; readonly stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  await once(child, 'close');
  clearTimeout(timer);
  const stdout = Buffer.concat(chunks.stdout).toString();
  return { status: child.exitCode, stdout, shown: `${stdout}${Buffer.concat(chunks.stderr).toString()}` };
}

export interface Daemon {
  readonly stop: () => Promise<void>;
}

/** Serves until it is stopped; ready when the condition says so. */
export async function startDaemon(
  program: string,
  words: readonly string[],
  isReady: () => Promise<boolean>,
  env: Readonly<Record<string, string>> = {},
): Promise<Daemon> {
  const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-4_000);
  });
  const ended = once(child, 'exit');
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const stop = async () => {
    if (isRunning()) child.kill('SIGTERM');
    await ended;
  };
  try {
    await until(
      `${program} serves`,
      async () => {
        if (!isRunning()) return 'ended' as const;
        return (await isReady()) ? ('ready' as const) : undefined;
      },
      startMsMax,
    );
    if (!isRunning()) throw new Error(`${program} ended`);
  } catch (error) {
    await stop();
    throw new Error(`${program} does not start: ${said}`, { cause: error });
  }
  return { stop };
}

export interface Folder {
  readonly path: (...names: readonly string[]) => string;
  readonly remove: () => void;
}

export function temporaryFolder(): Folder {
  const folder = mkdtempSync(join(tmpdir(), 'docket-client-'));
  return { path: (...names) => join(folder, ...names), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface Docker extends Daemon {
  /** `docker …` by the daemon, in the name of nobody who logged in elsewhere. */
  readonly docker: (words: readonly string[], input?: string) => Promise<Run>;
}

interface DockerOptions {
  /** Put before the command of the daemon, as `unshare -m`. */
  readonly wrap?: readonly string[];
  readonly daemonEnv?: Readonly<Record<string, string>>;
}

/** A daemon of its own: no network of containers, no data of another one. */
export async function startDocker(folder: Folder, { wrap = [], daemonEnv = {} }: DockerOptions = {}): Promise<Docker> {
  const host = `unix://${folder.path('socket')}`;
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: folder.path('config') };
  const docker: Docker['docker'] = (words, input = '') => run('docker', words, { env, input });
  const [program, ...before] = [...wrap, 'dockerd'];
  const words = [
    ...before,
    '--iptables=false',
    '--bridge=none',
    '--storage-driver=vfs',
    `--host=${host}`,
    `--data-root=${folder.path('data')}`,
    `--exec-root=${folder.path('exec')}`,
    `--pidfile=${folder.path('pid')}`,
  ];
  const daemon = await startDaemon(program, words, async () => (await docker(['version'])).status === 0, daemonEnv);
  return { docker, stop: daemon.stop };
}
