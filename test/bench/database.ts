/** A database of the bench's own, migrated and dropped again: on the server of DATABASE_URL, or on a durable one that is started for it. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startPostgres } from '@docket/infra/postgres';
import { migrate } from '@docket/store/migrate';
import pg from 'pg';

export interface BenchDatabase {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export interface BenchDatabases {
  readonly create: (label: string) => Promise<string>;
  readonly stop: () => Promise<void>;
}

export async function benchDatabase(): Promise<BenchDatabase> {
  const databases = await benchDatabases();
  try {
    return { url: await databases.create('one'), stop: databases.stop };
  } catch (error) {
    await databases.stop();
    throw error;
  }
}

/** Several on one server, to be compared under the same conditions. */
export async function benchDatabases(): Promise<BenchDatabases> {
  const server = await benchServer();
  const names: string[] = [];
  return {
    create: async (label) => {
      const name = `docket_bench_${process.pid}_${label}`;
      await onServer(server.url, `create database ${name}`);
      names.push(name);
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      await migrate({ ownerUrl: url.href, apiUrl: url.href, projectorUrl: url.href });
      return url.href;
    },
    stop: async () => {
      for (const name of names) await onServer(server.url, `drop database ${name} with (force)`);
      await server.stop();
    },
  };
}

/** Somebody who may create databases, on a server that waits for the disk. */
async function benchServer(): Promise<BenchDatabase> {
  const given = process.env['DATABASE_URL'];
  if (given !== undefined) return { url: given, stop: async () => undefined };
  const dataDirectory = await benchFolder();
  const postgres = await startPostgres({ dataDirectory, durable: true });
  return {
    url: postgres.superuserUrl('postgres'),
    stop: async () => {
      await postgres.stop();
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

/** That the system user of PostgreSQL can enter: what root closes to it would be put elsewhere, and not go again with the folder. */
export async function benchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'docket-bench-'));
  await chmod(folder, 0o711);
  return folder;
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
