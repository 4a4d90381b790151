/** A pgbouncer in transaction mode before the databases of the run, where the program is on this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { freePort } from '@docket/infra/free-port';
import { systemUser } from '@docket/infra/system-user';
import pg from 'pg';

import { until } from './until.ts';

/** Debian puts it where only root looks. */
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
/** Fewer than the processes open to it, so that one after another they do get the sessions that others left. */
const serverConnectionsMax = 6;

export const pgbouncerProgram = folders.map((folder) => join(folder, 'pgbouncer')).find((file) => existsSync(file));

export interface Pgbouncer {
  readonly port: number;
  /** The row that its console shows. */
  readonly show: (what: 'stats' | 'pools') => Promise<readonly Readonly<Record<string, unknown>>[]>;
  readonly stop: () => Promise<void>;
}

/** `urls`: of the roles that may come through, of any database of their server. */
export async function startPgbouncer(program: string, urls: readonly string[]): Promise<Pgbouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'docket-pgbouncer-'));
  const port = await freePort();
  const roles = urls.map((url) => new URL(url));
  const [server] = roles;
  if (server === undefined) throw new Error('pgbouncer without a role that may come through');
  const users = join(folder, 'users.txt');
  writeFileSync(users, roles.map(({ username, password }) => `"${username}" "${password}"\n`).join(''));
  const configuration = join(folder, 'pgbouncer.ini');
  writeFileSync(
    configuration,
    `[databases]
* = host=${server.hostname} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${serverConnectionsMax}
max_client_conn = 200
stats_users = ${server.username}
`,
  );
  // It refuses to run as root.
  const user = systemUser('postgres');
  for (const file of [folder, users, configuration]) {
    if (user !== undefined) chownSync(file, user.uid, user.gid);
  }
  chmodSync(folder, 0o700);
  const child = spawn(program, [configuration], { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-4_000)));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGQUIT');
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const show: Pgbouncer['show'] = async (what) => {
    const url = new URL(server);
    url.port = String(port);
    url.pathname = '/pgbouncer';
    const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 2_000 });
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(`show ${what}`)).rows;
    } finally {
      await client.end();
    }
  };
  try {
    await until('pgbouncer answers', async () => {
      if (child.exitCode !== null) throw new Error('pgbouncer ended');
      return (await show('stats')).length >= 0;
    });
  } catch (error) {
    await stop();
    throw new Error(`pgbouncer did not start\n${said}`, { cause: error });
  }
  return { port, show, stop };
}
