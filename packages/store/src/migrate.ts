/** Numbered SQL files, each once, each in a transaction of its own, under a lock; then the grants, every time. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

import pg from 'pg';

const folder = new URL('../migrations/', import.meta.url);
const lockKey = 1_163_087_699;
const statementMsMax = 600_000;
const grantAttemptsMax = 10;

export interface MigrateOptions {
  /** Owner of the database's objects. */
  readonly ownerUrl: string;
  readonly apiUrl: string;
  readonly projectorUrl: string;
}

export class MigrationRefused extends Error {}

export async function migrate({
  ownerUrl,
  apiUrl,
  projectorUrl,
}: MigrateOptions): Promise<{ applied: readonly string[] }> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: 'docket migrate',
    connectionTimeoutMillis: 10_000,
    statement_timeout: statementMsMax,
  });
  client.on('error', () => undefined); // the query that was running reports it
  await client.connect();
  try {
    // Several processes may be started at once on an empty database.
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    const applied = await applyMissing(client);
    await applyGrants(client, roleOf(apiUrl), roleOf(projectorUrl), roleOf(ownerUrl));
    return { applied };
  } finally {
    await client.end();
  }
}

async function applyMissing(client: pg.Client): Promise<string[]> {
  await client.query(`create table if not exists public.docket_migrations (
    name text primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp())`);
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'select name, checksum from public.docket_migrations',
  );
  const known = new Map(rows.map(({ name, checksum }) => [name, checksum]));
  const files = (await readdir(folder)).filter((file) => /^\d{6}_\w+\.sql$/.test(file)).toSorted();
  const newer = [...known.keys()].filter((name) => !files.includes(name));
  if (newer.length > 0) {
    throw new MigrationRefused(`the database was migrated by a newer Docket (${newer.join(', ')}); start that one`);
  }
  const applied: string[] = [];
  for (const file of files) {
    const text = await readFile(new URL(file, folder), 'utf8');
    const checksum = createHash('sha256').update(text).digest('hex');
    const before = known.get(file);
    if (before === checksum) continue;
    if (before !== undefined) throw new MigrationRefused(`${file} is not the text that was applied to this database`);
    await inTransaction(client, async () => {
      await client.query(text);
      await client.query('insert into public.docket_migrations (name, checksum) values ($1, $2)', [file, checksum]);
    });
    applied.push(file);
  }
  return applied;
}

async function applyGrants(client: pg.Client, api: string, projector: string, owner: string): Promise<void> {
  // An installation with one role needs no grants, and the timeouts of the processes must not bind migrations.
  if (api === owner || projector === owner) return;
  const text = await readFile(new URL('grants.sql', folder), 'utf8');
  const named = text
    .replaceAll(':api', pg.escapeIdentifier(api))
    .replaceAll(':projector', pg.escapeIdentifier(projector));
  for (let attempt = 1; ; attempt++) {
    try {
      await inTransaction(client, () => client.query(named));
      return;
    } catch (error) {
      // Roles belong to the server and not to the database, and so no lock of ours holds off a Docket in the database beside it.
      if (!isLostRace(error) || attempt === grantAttemptsMax) throw error;
    }
  }
}

/** PostgreSQL has no code of its own for two who change one row of its catalog. */
function isLostRace(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === 'XX000' && /concurrently updated/.test(error.message);
}

async function inTransaction(client: pg.Client, work: () => Promise<unknown>): Promise<void> {
  await client.query('begin');
  try {
    await work();
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

function roleOf(url: string): string {
  return decodeURIComponent(new URL(url).username);
}
