import { randomBytes } from 'node:crypto';

import { MigrationRefused, migrate } from '@docket/store/migrate';
import type { MigrateOptions } from '@docket/store/migrate';
import pg from 'pg';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';

let database: MigrateOptions;
let client: pg.Client;

beforeEach(async () => {
  const { superuserUrl, urls } = inject('stack');
  const name = `migrated_${randomBytes(6).toString('hex')}`;
  await asSuperuser(superuserUrl, `create database ${name} owner docket_owner`);
  const of = (url: string) => {
    const changed = new URL(url);
    changed.pathname = `/${name}`;
    return changed.href;
  };
  database = { ownerUrl: of(urls.owner), apiUrl: of(urls.api), projectorUrl: of(urls.projector) };
  client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  return async () => {
    await asSuperuser(superuserUrl, `drop database ${name} with (force)`);
  };
});

afterEach(() => client.end());

async function asSuperuser(url: string, statement: string): Promise<void> {
  const superuser = new pg.Client({ connectionString: url });
  await superuser.connect();
  try {
    await superuser.query(statement);
  } finally {
    await superuser.end();
  }
}

/** Every object outside of Postgres's own, as it is defined. */
async function schema(): Promise<readonly unknown[]> {
  const { rows } = await client.query(
    `select n.nspname || '.' || c.relname as name, c.relkind::text as kind,
        (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
           from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as definition
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname !~ '^pg_|^information_schema$'
     union all
     select n.nspname || '.' || p.proname, 'function', pg_get_functiondef(p.oid)
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname !~ '^pg_|^information_schema$'
     order by 1, 3`,
  );
  return rows;
}

test('an empty database gets every migration, in order; the second time there is nothing to do', async () => {
  const { applied } = await migrate(database);
  expect(applied[0]).toBe('000001_log.sql');
  expect(applied).toEqual(applied.toSorted());
  const before = await schema();
  expect(await migrate(database)).toEqual({ applied: [] });
  expect(await schema()).toEqual(before);
});

test('every migration has a number of its own: two branches that took the same one are told apart here', async () => {
  const { applied } = await migrate(database);
  const numbers = applied.map((file) => file.slice(0, file.indexOf('_')));
  expect(numbers).toEqual([...new Set(numbers)]);
});

test('several at once on an empty database wait for each other: each file is applied by one of them', async () => {
  const runs = await Promise.all([migrate(database), migrate(database), migrate(database)]);
  const applied = runs.flatMap((run) => run.applied);
  expect(new Set(applied).size).toBe(applied.length);
  const { rows } = await client.query<{ name: string }>('select name from public.docket_migrations order by name');
  expect(applied.toSorted()).toEqual(rows.map(({ name }) => name));
  expect(runs.filter((run) => run.applied.length > 0)).toHaveLength(1);
});

test('two databases of one server are migrated at once, though the roles are the same', async () => {
  const { superuserUrl } = inject('stack');
  const names = Array.from({ length: 4 }, () => `beside_${randomBytes(6).toString('hex')}`);
  for (const name of names) await asSuperuser(superuserUrl, `create database ${name} owner docket_owner`);
  try {
    const beside = names.map((name) => {
      const of = (url: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
      return { ownerUrl: of(database.ownerUrl), apiUrl: of(database.apiUrl), projectorUrl: of(database.projectorUrl) };
    });
    const runs = await Promise.all([database, ...beside].map(migrate));
    expect(new Set(runs.map(({ applied }) => applied.length)).size).toBe(1);
  } finally {
    for (const name of names) await asSuperuser(superuserUrl, `drop database ${name} with (force)`);
  }
});

test('a database of a newer Docket is refused with a sentence, and left as it is', async () => {
  await migrate(database);
  await client.query(`insert into public.docket_migrations (name, checksum) values ('999999_future.sql', 'f')`);
  const before = await schema();
  await expect(migrate(database)).rejects.toEqual(
    new MigrationRefused('the database was migrated by a newer Docket (999999_future.sql); start that one'),
  );
  expect(await schema()).toEqual(before);
});

test('a file that is no longer what was applied is refused with a sentence', async () => {
  await migrate(database);
  await client.query(`update public.docket_migrations set checksum = 'other' where name = '000002_directory.sql'`);
  await expect(migrate(database)).rejects.toEqual(
    new MigrationRefused('000002_directory.sql is not the text that was applied to this database'),
  );
});

test('a migration that fails leaves nothing of itself behind, and is tried again', async () => {
  // In the way of the second file.
  await client.query('create schema directory');
  await expect(migrate(database)).rejects.toMatchObject({ code: '42P06' });
  const { rows } = await client.query('select name from public.docket_migrations');
  expect(rows).toEqual([{ name: '000001_log.sql' }]);
  await client.query('drop schema directory');
  const { applied } = await migrate(database);
  expect(applied[0]).toBe('000002_directory.sql');
});

test('grants that were lost come back with the next run', async () => {
  await migrate(database);
  await client.query('revoke all on schema es from docket_api');
  await migrate(database);
  const { rows } = await client.query(`select has_schema_privilege('docket_api', 'es', 'usage') as granted`);
  expect(rows).toEqual([{ granted: true }]);
});
