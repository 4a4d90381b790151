/** A PostgreSQL whose processes all stand still, as on a machine that does: connections are accepted by the system, and nobody answers. */
import pg from 'pg';

import type { Postgres } from './postgres.ts';

const connectMsMax = 2_000;

/** Answers with what lets it go on. */
export async function frozen(postgres: Postgres): Promise<() => void> {
  const { pid: postmaster } = postgres.identity;
  const client = new pg.Client({
    connectionString: postgres.superuserUrl('postgres'),
    connectionTimeoutMillis: connectMsMax,
  });
  client.on('error', () => undefined);
  await client.connect();
  // The one that starts others first, and then those whom it started.
  signal([postmaster], 'SIGSTOP');
  const { rows } = await client.query<{ pid: number }>('select pid from pg_stat_activity');
  const pids = [postmaster, ...rows.map(({ pid }) => pid)];
  signal(pids, 'SIGSTOP');
  return () => {
    signal(pids, 'SIGCONT');
    void client.end().catch(() => undefined);
  };
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended meanwhile.
    }
  }
}
