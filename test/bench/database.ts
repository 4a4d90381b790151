/** A database of the bench's own, migrated and dropped again, on the server of DATABASE_URL. */
import { migrate } from '@docket/store/migrate';
import pg from 'pg';

export interface BenchDatabase {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export async function benchDatabase(): Promise<BenchDatabase> {
  const serverUrl = process.env['DATABASE_URL'];
  if (serverUrl === undefined) throw new Error('DATABASE_URL is not set: it says on which server to measure');
  const name = `docket_bench_${process.pid}`;
  await onServer(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await migrate({ ownerUrl: url.href, apiUrl: url.href, projectorUrl: url.href });
  return {
    url: url.href,
    stop: () => onServer(serverUrl, `drop database ${name} with (force)`),
  };
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
