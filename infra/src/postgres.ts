/**
 * An embedded PostgreSQL of one data directory: a real server with its three login roles, in a process group of its own so that what
 * interrupts its owner does not interrupt it before its clients are gone. Data stays; what a killed owner left running is stopped first.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as elapsed } from 'node:timers/promises';

import pg from 'pg';

import { freePort } from './free-port.ts';
import { postgresPrograms } from './postgres-programs.ts';
import type { PostgresPrograms } from './postgres-programs.ts';
import { keptInPrivateFile, openEngineLog, readIfThere } from './private-file.ts';
import { commandLine, endOf, endProcess, identityOf } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { claimPlace, enginePlace, systemUser } from './system-user.ts';
import type { SystemUser } from './system-user.ts';

const initdbDeadlineMs = 60_000;
/** Recovery after a kill reads the log of up to a checkpoint; minutes would mean that something is wrong. */
const readyDeadlineMs = 60_000;
const connectTimeoutMs = 2_000;
const readyPollMs = 20;
/** A port taken in between, or the shared memory of a killed server that its last children have not yet let go. */
const startAttemptsMax = 5;
const startRetryMs = 300;
const passwordBytes = 24;
const clusterName = 'cluster';
const unfinishedMark = '.unfinished-';
const maxConnections = 200;

const stopRequests = [
  // "Fast": open transactions are rolled back; then "immediate": recovery on the next start.
  { signal: 'SIGINT', graceMs: 8_000 },
  { signal: 'SIGQUIT', graceMs: 2_000 },
] as const;

const roleNames = { owner: 'docket_owner', api: 'docket_api', projector: 'docket_projector' } as const;
const databaseName = 'docket';
const superuserName = 'postgres';

export interface PostgresOptions {
  /** Absolute; must exist. */
  readonly dataDirectory: string;
  /** False only where no promise of durability is tested. */
  readonly durable: boolean;
  /** Default: any free one. */
  readonly port?: number;
  readonly say?: (line: string) => void;
}

export interface DatabaseUrls {
  readonly owner: string;
  readonly api: string;
  readonly projector: string;
}

export interface Postgres {
  readonly identity: ProcessIdentity;
  readonly port: number;
  /** The URLs of a database in the cluster; without a name, of the one that is made with it. */
  urls(database?: string): DatabaseUrls;
  superuserUrl(database: string): string;
  /** Makes one more database beside the usual one, with the same owner. */
  createDatabase(database: string): Promise<void>;
  /** How it ended. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

export async function startPostgres({ dataDirectory, durable, port, say }: PostgresOptions): Promise<Postgres> {
  const user = systemUser('postgres');
  const place = enginePlace(dataDirectory, 'postgres', user);
  const cluster = join(place.folder, clusterName);
  await stopOrphan(cluster, say);
  claimPlace(place, dataDirectory, 'postgres', user);
  const programs = postgresPrograms(user);
  const passwords = keptPasswords(dataDirectory);
  if (!existsSync(cluster)) {
    say?.('preparing a new PostgreSQL database');
    await initialise({ programs, user, folder: place.folder, cluster, password: passwords(superuserName), durable });
  }
  const logFile = join(dataDirectory, 'postgres.log');
  const server = await startServer({
    programs,
    user,
    cluster,
    durable,
    port,
    logFile,
    password: passwords(superuserName),
  });
  const url = (role: string, database: string) =>
    `postgres://${role}:${passwords(role)}@127.0.0.1:${server.port}/${database}`;
  const postgres: Postgres = {
    ...server,
    urls: (database = databaseName) => ({
      owner: url(roleNames.owner, database),
      api: url(roleNames.api, database),
      projector: url(roleNames.projector, database),
    }),
    superuserUrl: (database) => url(superuserName, database),
    createDatabase: (database) => createDatabase(url(superuserName, 'postgres'), database),
    stop: () => endProcess(server.identity, stopRequests),
  };
  try {
    await ensureDatabase(postgres.superuserUrl('postgres'), passwords);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return postgres;
}

/** Stops what is left running on a data directory whose owner is gone. */
export async function stopLeftPostgres(dataDirectory: string): Promise<void> {
  await stopOrphan(join(enginePlace(dataDirectory, 'postgres', systemUser('postgres')).folder, clusterName));
}

/** One random password for each role, kept where only the owner of the data directory reads it. */
function keptPasswords(dataDirectory: string): (role: string) => string {
  const folder = join(dataDirectory, 'postgres-passwords');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return (role) => keptInPrivateFile(join(folder, role), () => randomBytes(passwordBytes).toString('hex'));
}

interface Initialisation {
  readonly programs: PostgresPrograms;
  readonly user: SystemUser;
  readonly folder: string;
  readonly cluster: string;
  readonly password: string;
  readonly durable: boolean;
}

/** The cluster is made beside its place and moved there when it is whole: a start that is killed leaves no half of one. */
async function initialise({ programs, user, folder, cluster, password, durable }: Initialisation): Promise<void> {
  removeUnfinished(folder);
  // A name of its own: an initdb whose owner was killed may still be writing to another.
  const suffix = `${unfinishedMark}${randomBytes(4).toString('hex')}`;
  const unfinished = join(folder, `${clusterName}${suffix}`);
  const passwordFile = join(folder, `password${suffix}`);
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid);
  const words = [
    `--pgdata=${unfinished}`,
    `--username=${superuserName}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
  if (!durable) words.push('--no-sync');
  const initdb = spawn(programs.initdb, words, {
    ...user,
    cwd: '/',
    env: serverEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: initdbDeadlineMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [initdb.stdout, initdb.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const end = await endOf(initdb);
  rmSync(passwordFile, { force: true });
  if (initdb.exitCode !== 0) throw new Error(`PostgreSQL could not be prepared (initdb ${end}):\n${output}`);
  renameSync(unfinished, cluster);
}

function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder).filter((candidate) => candidate.includes(unfinishedMark))) {
    try {
      rmSync(join(folder, name), { recursive: true, force: true });
    } catch {
      // Still being written to; the next start that prepares one removes it.
    }
  }
}

interface ServerOptions {
  readonly programs: PostgresPrograms;
  readonly user: SystemUser;
  readonly cluster: string;
  readonly durable: boolean;
  readonly port: number | undefined;
  readonly logFile: string;
  readonly password: string;
}

interface Server {
  readonly identity: ProcessIdentity;
  readonly port: number;
  readonly ended: Promise<string>;
}

async function startServer(options: ServerOptions): Promise<Server> {
  let end = '';
  for (let attempt = 1; attempt <= startAttemptsMax; attempt++) {
    const port = options.port ?? (await freePort());
    const child = spawnServer(options, port);
    const ended = endOf(child);
    const identity = child.pid === undefined ? undefined : identityOf(child.pid);
    if (identity !== undefined) {
      const url = `postgres://${superuserName}:${options.password}@127.0.0.1:${port}/postgres`;
      const ready = await answering(url, child).catch(async (error: unknown) => {
        await endProcess(identity, stopRequests);
        throw error;
      });
      if (ready) return { identity, port, ended };
    }
    end = await ended;
    await elapsed(startRetryMs);
  }
  throw new Error(`PostgreSQL does not start (${end}); see ${options.logFile}`);
}

function spawnServer({ programs, user, cluster, durable, logFile }: ServerOptions, port: number): ChildProcess {
  const configuration = {
    listen_addresses: '127.0.0.1',
    port,
    // No socket file: its path has a length limit that a deep checkout passes.
    unix_socket_directories: '',
    max_connections: maxConnections,
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const words = Object.entries(configuration).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openEngineLog(logFile);
  const child = spawn(programs.postgres, ['-D', cluster, ...words], {
    ...user,
    cwd: '/',
    env: serverEnvironment(),
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  return child;
}

/** False when it ended before. */
async function answering(url: string, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + readyDeadlineMs;
  while (child.exitCode === null && child.signalCode === null) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`PostgreSQL did not answer within ${readyDeadlineMs} ms`, { cause: error });
      }
    } finally {
      await client.end();
    }
    await elapsed(readyPollMs);
  }
  return false;
}

async function ensureDatabase(superuserUrl: string, passwords: (role: string) => string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: connectTimeoutMs });
  await client.connect();
  try {
    for (const role of Object.values(roleNames)) {
      const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
      if (rowCount === 0) await client.query(`create role ${role} login password '${passwords(role)}'`);
    }
    // Migrations set the timeouts of the two service roles; that takes the right to administer them, though not to be them.
    await client.query(`alter role ${roleNames.owner} createrole`);
    await client.query(
      `grant ${roleNames.api}, ${roleNames.projector} to ${roleNames.owner} with admin true, inherit false, set false`,
    );
    const { rowCount } = await client.query('select from pg_database where datname = $1', [databaseName]);
    if (rowCount === 0) await client.query(`create database ${databaseName} owner ${roleNames.owner}`);
  } finally {
    await client.end();
  }
}

async function createDatabase(superuserUrl: string, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: connectTimeoutMs });
  await client.connect();
  try {
    await client.query(`create database ${client.escapeIdentifier(database)} owner ${roleNames.owner}`);
  } finally {
    await client.end();
  }
}

/** A server that an owner left behind when it was killed. */
async function stopOrphan(cluster: string, say?: PostgresOptions['say']): Promise<void> {
  const lockFile = join(cluster, 'postmaster.pid');
  const pid = Number(readIfThere(lockFile)?.split('\n')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return;
  const identity = identityOf(pid);
  if (identity !== undefined && servesFrom(pid, cluster)) {
    say?.(`stopping a PostgreSQL that was left running (pid ${pid})`);
    await endProcess(identity, stopRequests);
    return;
  }
  // The number belongs to nobody or to a stranger; PostgreSQL would take the stranger for a running server and refuse to start.
  rmSync(lockFile, { force: true });
}

function servesFrom(pid: number, cluster: string): boolean {
  if (commandLine(pid).some((word) => word.includes(cluster))) return true;
  try {
    // A server that was started in another way works in its cluster's folder all the same.
    return readlinkSync(`/proc/${pid}/cwd`) === cluster;
  } catch {
    return false;
  }
}

/** This process reads its messages in English, and none of the settings of this process are meant for it. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}
