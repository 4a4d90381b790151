/** A primary and a standby that streams from it: servers of their own, for tests of what happens when the one takes the other's place. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '@docket/infra/free-port';
import { startPostgres } from '@docket/infra/postgres';
import type { Postgres } from '@docket/infra/postgres';
import { postgresPrograms } from '@docket/infra/postgres-programs';
import { enginePlace, systemUser } from '@docket/infra/system-user';
import { migrate } from '@docket/store/migrate';
import pg from 'pg';

import { until } from './until.ts';

const connectMsMax = 2_000;

export interface PostgresPair {
  /** Also of the engines' passwords. */
  readonly dataDirectory: string;
  readonly primary: Postgres;
  /** The same roles and passwords as at the primary, at another port. */
  readonly standbyPort: number;
  /** Makes a primary of the standby. */
  readonly promote: () => Promise<void>;
  /** Everything that is written at the primary is at the standby. */
  readonly replayed: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startPostgresPair(): Promise<PostgresPair> {
  // In memory where that is possible: nothing of it has to outlive a power cut.
  const dataDirectory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'docket-pair-'));
  chmodSync(dataDirectory, 0o711);
  const ends: (() => Promise<unknown>)[] = [async () => rmSync(dataDirectory, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  };
  try {
    const first = await startPostgres({ dataDirectory, durable: false });
    const { port } = first;
    try {
      const { owner, api, projector } = first.urls();
      await migrate({ ownerUrl: owner, apiUrl: api, projectorUrl: projector });
    } finally {
      await first.stop();
    }
    const standbyFolder = copiedCluster(dataDirectory, first.superuserUrl('postgres'));
    const primary = await startPostgres({ dataDirectory, durable: false, port });
    ends.push(() => primary.stop());
    const standby = await startStandby(standbyFolder);
    ends.push(standby.stop);
    const onStandby = onPort(primary.superuserUrl('postgres'), standby.port);
    await until('the standby answers', () => asked(onStandby, 'select pg_is_in_recovery() as yes'));
    return {
      dataDirectory,
      primary,
      standbyPort: standby.port,
      promote: async () => {
        await asked(onStandby, 'select pg_promote() as yes');
      },
      replayed: () =>
        until('the standby has what the primary has', async () => {
          const position = await asked<string>(primary.superuserUrl('postgres'), 'select pg_current_wal_lsn() as yes');
          return asked(onStandby, `select pg_last_wal_replay_lsn() >= '${position}' as yes`);
        }).then(() => undefined),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Copies the cluster of a server that does not run. Answers with the folder of the copy, which follows the server of `url`. */
function copiedCluster(dataDirectory: string, url: string): string {
  const { folder } = enginePlace(dataDirectory, 'postgres', systemUser('postgres'));
  const standby = join(folder, 'standby');
  execFileSync('cp', ['-a', join(folder, 'cluster'), standby]);
  const { hostname, port, username, password } = new URL(url);
  appendFileSync(
    join(standby, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${hostname} port=${port} user=${username} password=${password}'\n`,
  );
  writeFileSync(join(standby, 'standby.signal'), '');
  return standby;
}

async function startStandby(folder: string): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> {
  const user = systemUser('postgres');
  const port = await freePort();
  const configuration = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    // A standby needs as many as its primary.
    'max_connections=200',
    'fsync=off',
  ];
  const child = spawn(
    postgresPrograms(user).postgres,
    ['-D', folder, ...configuration.flatMap((setting) => ['-c', setting])],
    { ...user, cwd: '/', env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }, stdio: 'ignore', detached: true },
  );
  return {
    port,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGQUIT');
      await gone;
    },
  };
}

/** The only value of the only row; undefined while nobody answers. */
export async function asked<Value>(url: string, statement: string): Promise<Value | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMsMax });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ yes: Value }>(statement);
    return rows[0]?.yes;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export function onPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
