import { readEvent } from '@docket/shared/stored-event';
import type { Connection } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import { readAfter, readStream } from '@docket/store/log/read';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { command, openStore } from '../support/append-commands.ts';
import { docket } from '../support/docket.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const roles = ['api', 'projector', 'owner'] as const;
const refused = '42501';

let world: System;
let stores: Readonly<Record<(typeof roles)[number], Connection>>;

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  const { api, projector, owner } = world.databaseUrls;
  stores = { api: openStore(api), projector: openStore(projector), owner: openStore(owner) };
  await appendAll(stores.api.database, [command()]);
});

afterAll(async () => {
  await Promise.all(Object.values(stores).map((store) => store.stop()));
  await world.stop();
});

async function log(): Promise<readonly unknown[]> {
  return world.query('select * from es.events order by position');
}

const rewrites = [
  `update es.events set data = '{}'`,
  `update es.events set data = '{}' where false`,
  'delete from es.events',
  'delete from es.events where false',
  'truncate es.events',
  'truncate es.events cascade',
  `with gone as (delete from es.events returning 1) select * from gone`,
  `merge into es.events e using (select 1 as position) x on e.position = x.position when matched then delete`,
  `insert into es.events (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
    select stream_id, version, type, schema_version, command_id, command_seq, data, metadata from es.events
    on conflict (stream_id, version) do update set data = '{}'`,
];

describe.each(roles)('the role of the %s', (role) => {
  test.each(rewrites)('cannot rewrite the log: %s', async (statement) => {
    const before = await log();
    await expect(sql.raw(statement).execute(stores[role].database)).rejects.toMatchObject({ code: refused });
    expect(await log()).toEqual(before);
  });
});

describe.each(['api', 'projector'] as const)('the role of the %s', (role) => {
  test.each([
    `insert into es.events (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
      values ('s', 1, 'T', 1, gen_random_uuid(), 1, '{}', '{}')`,
    'copy es.events (stream_id) from stdin',
    `select nextval('es.events_position_seq')`,
    `select setval('es.events_position_seq', 1)`,
    `insert into es.request_contexts (command_id) values (gen_random_uuid())`,
    'delete from es.request_contexts',
    'alter table es.events disable trigger all',
    'drop trigger events_are_facts on es.events',
    'drop function es.safe_position()',
    'alter function es.append reset search_path',
    `set session_replication_role = 'replica'`,
    'update public.docket_migrations set checksum = null',
  ])('goes by the one door or not at all: %s', async (statement) => {
    await expect(sql.raw(statement).execute(stores[role].database)).rejects.toMatchObject({ code: refused });
  });

  test.each([
    'create table public.mine (n int)',
    'create table es.mine (n int)',
    'create table directory.mine (n int)',
    'create table read.mine (n int)',
    'create schema mine',
    'create function es.mine() returns int language sql as $$ select 1 $$',
    'create function public.mine() returns int language sql as $$ select 1 $$',
    'create role mine',
    'create database mine',
  ])('makes nothing: %s', async (statement) => {
    await expect(sql.raw(statement).execute(stores[role].database)).rejects.toMatchObject({ code: refused });
  });

  test('reads the log', async () => {
    expect((await readAfter(stores[role].database, 0n, 10)).length).toBeGreaterThan(0);
  });
});

test('the API appends, by the function', async () => {
  expect(await appendAll(stores.api.database, [command()])).toMatchObject([{ outcome: 'appended', version: 1 }]);
});

test('the projector does not append', async () => {
  await expect(appendAll(stores.projector.database, [command()])).rejects.toMatchObject({ code: refused });
});

const all = '*';
/** The columns by what may be done with them, and what may be done with whole rows. */
interface Grants {
  readonly select?: readonly string[] | typeof all;
  readonly insert?: readonly string[] | typeof all;
  readonly update?: readonly string[] | typeof all;
  readonly rows?: readonly string[];
}
type Granted = Readonly<Record<string, Grants>>;

const read: Grants = { select: all };
const written: Grants = { select: all, insert: all, update: all, rows: ['delete'] };
const projected: Grants = { ...written, rows: ['delete', 'truncate'] };

/** All that the roles of the two processes may do with tables. What is not here is refused, in tables that are yet to come too. */
const meant: Readonly<Record<'api' | 'projector', Granted>> = {
  api: {
    'es.events': read,
    'es.projections': read,
    'es.projection_failures': { select: ['projection'] },
    'es.request_contexts': { select: ['command_id', 'fingerprint'] },
    'directory.installation': { select: ['id'] },
    'directory.namespaces': { select: all, insert: all, update: ['account_id'], rows: ['delete'] },
    'directory.accounts': {
      select: all,
      insert: ['id', 'is_admin', 'name', 'namespace_id', 'password_hash', 'status'],
      update: ['credential_version', 'name', 'password_hash', 'status'],
    },
    'directory.addresses': {
      select: ['account_id', 'added_at', 'address_key', 'confirmed', 'id'],
      insert: ['account_id', 'address', 'address_key', 'confirmed', 'id'],
      update: ['confirmed'],
      rows: ['delete'],
    },
    'directory.spent_links': { insert: ['link_id'] },
    'directory.repository_names': { select: all, insert: all },
    'directory.members': { select: all, insert: all, update: ['role'], rows: ['delete'] },
    'directory.stars': {
      select: all,
      insert: ['account_id', 'life', 'repository_id'],
      update: ['life', 'starred_at'],
      rows: ['delete'],
    },
    'directory.blocked_images': {
      select: ['image_id', 'reason'],
      insert: ['image_id', 'reason'],
      update: ['reason'],
      rows: ['delete'],
    },
    'directory.usage': { select: all, insert: all, update: ['bytes', 'events'], rows: ['delete'] },
    'directory.imports': { select: all, insert: all },
    'directory.rate_limits': { select: all, insert: all, update: ['expire', 'points'], rows: ['delete'] },
    'read.repositories': read,
    'read.images': read,
    'read.tags': read,
    'read.grants': read,
    'read.namespaces': read,
  },
  projector: {
    'es.events': read,
    'es.projections': written,
    'es.projection_failures': written,
    'es.superseded_indexes': written,
    'directory.installation': { select: ['id'] },
    'directory.namespaces': { select: ['id', 'name'] },
    'directory.accounts': { select: ['credential_version', 'id', 'is_admin', 'name', 'namespace_id', 'status'] },
    'directory.addresses': { select: ['account_id', 'address', 'address_key', 'confirmed', 'id'] },
    'directory.repository_names': read,
    'directory.members': read,
    'directory.stars': { select: ['account_id', 'life', 'repository_id'] },
    'directory.blocked_images': { select: ['image_id', 'reason'] },
    'read.repositories': projected,
    'read.images': projected,
    'read.tags': projected,
    'read.grants': projected,
    'read.namespaces': projected,
  },
};

const columnDeeds = ['select', 'insert', 'update'] as const;
const rowDeeds = ['delete', 'truncate'] as const;

interface Table {
  readonly name: string;
  readonly isView: boolean;
  readonly columns: readonly string[];
}

async function tables(): Promise<readonly Table[]> {
  return world.query<Table & Record<string, unknown>>(`
    select n.nspname || '.' || c.relname as name, c.relkind <> 'r' as "isView", array_agg(a.attname::text order by a.attname) as columns
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
    group by n.nspname, c.relname, c.relkind`);
}

/** As PostgreSQL says it, with whatever a role has as a member of others or as everybody. */
async function granted(role: 'api' | 'projector'): Promise<Granted> {
  const found: [string, Grants][] = [];
  for (const { name, columns } of await tables()) {
    const [row] = await world.query<Record<string, boolean[]>>(
      `select ${columnDeeds.map((deed) => `array(select has_column_privilege($1, $2, c, '${deed}') from unnest($3::text[]) c) as "${deed}"`).join()},
        array(select has_table_privilege($1, $2, d) from unnest($4::text[]) d) as rows`,
      [`docket_${role}`, name, columns, [...rowDeeds]],
    );
    const allowed = (deed: string, names: readonly string[]) => names.filter((_, at) => row?.[deed]?.[at]);
    const ofColumns = columnDeeds.flatMap((deed) => {
      const some = allowed(deed, columns);
      return some.length === 0 ? [] : [[deed, some.length === columns.length ? all : some] as const];
    });
    const rows = allowed('rows', rowDeeds);
    const grants = { ...Object.fromEntries(ofColumns), ...(rows.length === 0 ? {} : { rows }) };
    if (Object.keys(grants).length > 0) found.push([name, grants]);
  }
  return Object.fromEntries(found);
}

/** What is not meant, as statements that do nothing where they are not refused. */
async function forbidden(role: 'api' | 'projector'): Promise<readonly string[]> {
  return (await tables()).flatMap(({ name, isView, columns }) => {
    const grants: Grants = meant[role][name] ?? {};
    const others = (deed: (typeof columnDeeds)[number]) =>
      columns.filter((column) => grants[deed] !== all && !(grants[deed] ?? []).includes(column));
    const reads = others('select').map((column) => `select ${column} from ${name} where false`);
    if (isView) return reads;
    return [
      ...reads,
      ...others('insert').map((column) => `insert into ${name} (${column}) values (default)`),
      ...others('update').map((column) => `update ${name} set ${column} = default where false`),
      ...(grants.rows?.includes('delete') ? [] : [`delete from ${name} where false`]),
      ...(grants.rows?.includes('truncate') ? [] : [`truncate ${name}`]),
    ];
  });
}

describe.each(['api', 'projector'] as const)('the role of the %s', (role) => {
  test('has the grants that are meant, in every table that there is, and no others', async () => {
    expect(await granted(role)).toEqual(meant[role]);
  });

  test('is refused everything else, table by table and column by column', async () => {
    const statements = await forbidden(role);
    expect(statements.length).toBeGreaterThan(100);
    const done: string[] = [];
    for (const statement of statements) {
      const code = await sql
        .raw(statement)
        .execute(stores[role].database)
        .then(
          () => 'done',
          (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
        );
      if (code !== refused) done.push(`${String(code)}: ${statement}`);
    }
    expect(done).toEqual([]);
  });
});

test('the projector reads no password', async () => {
  const { database } = stores.projector;
  for (const what of ['password_hash', '*', 'a', 'to_json(a)']) {
    await expect(sql.raw(`select ${what} from directory.accounts a`).execute(database)).rejects.toMatchObject({
      code: refused,
    });
  }
});

describe('an admin of the index', () => {
  const insert = (
    isAdmin: boolean,
  ) => `insert into directory.accounts (id, namespace_id, name, is_admin, status, password_hash)
    values (gen_random_uuid(), gen_random_uuid(), 'made_${isAdmin}', ${isAdmin}, 'active', '-')`;

  test('is made by no statement of the API, which makes other accounts', async () => {
    const { database } = stores.api;
    const makings = [
      insert(true),
      `update directory.accounts set is_admin = true`,
      `insert into directory.accounts (id, namespace_id, name, is_admin, status, password_hash)
        select id, namespace_id, name, true, status, password_hash from directory.accounts
        on conflict (id) do update set is_admin = true`,
      `merge into directory.accounts a using directory.accounts b on a.id = b.id when matched then update set is_admin = true`,
      'alter table directory.accounts disable trigger all',
      'drop trigger admins_are_made_by_the_owner on directory.accounts',
      'drop function directory.refuse_admin() cascade',
      'delete from directory.accounts',
    ];
    const before = await world.query('select id, is_admin from directory.accounts order by id');
    for (const statement of makings) {
      await expect(sql.raw(statement).execute(database)).rejects.toMatchObject({ code: refused });
    }
    expect(await world.query('select id, is_admin from directory.accounts order by id')).toEqual(before);
    await sql.raw(insert(false)).execute(database);
    expect(await world.query(`select is_admin from directory.accounts where name = 'made_false'`)).toEqual([
      { is_admin: false },
    ]);
  });

  test('is made by the verb with the role that owns the tables, and refused with a sentence without it', async () => {
    const { MIGRATION_DATABASE_URL: owner = '', ...environment } = world.environment;
    const create = (env: Record<string, string>, name: string, ...flags: string[]) =>
      docket(['user', 'create', name, '--email', `${name}@example.org`, ...flags], {
        ...environment,
        ...env,
        DOCKET_PASSWORD: 'toto42',
      });
    const without = await create({}, 'second', '--admin');
    expect(without).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(
        'an admin is made with the role that owns the tables (MIGRATION_DATABASE_URL), and this is docket_api',
      ),
    });
    expect(await world.query(`select from directory.namespaces where name = 'second'`)).toEqual([]);
    expect(await create({ MIGRATION_DATABASE_URL: owner }, 'second', '--admin')).toMatchObject({ status: 0 });
    // Who has no use for it need not have it.
    expect(await create({}, 'third')).toMatchObject({ status: 0 });
    expect(
      await world.query(
        `select name, is_admin from directory.accounts where name in ('second', 'third') order by name`,
      ),
    ).toEqual([
      { name: 'second', is_admin: true },
      { name: 'third', is_admin: false },
    ]);
  });
});

test('what a session puts in front of the names that the functions use does not get into them', async () => {
  // One connection, so that every statement is of the session that was prepared.
  const session = openStore(world.databaseUrls.api, 1);
  try {
    await sql`
      create temp table events (like es.events);
      create temp table pg_locks as select 'advisory'::text as locktype, 1::smallint as objsubid,
        458752::oid as classid, 0::oid as objid, oid as database from pg_database;
      create function pg_temp.hashtext(text) returns int language plpgsql as $f$
        begin raise exception 'called as %', current_user; end $f$;
      create function pg_temp.unnest(text[]) returns setof text language plpgsql as $f$
        begin raise exception 'called as %', current_user; end $f$;
      create function pg_temp.pg_sequence_last_value(regclass) returns bigint language plpgsql as $f$
        begin raise exception 'called as %', current_user; end $f$;
      create function pg_temp.equal(int, int) returns boolean language plpgsql as $f$
        begin raise exception 'called as %', current_user; end $f$;
      create operator pg_temp.= (leftarg = int, rightarg = int, function = pg_temp.equal);
      set search_path = pg_temp, es, pg_catalog`.execute(session.database);
    const given = command();
    expect(await appendAll(session.database, [given])).toMatchObject([{ outcome: 'appended', version: 1 }]);
    expect(await readStream(stores.api.database, given.streamId, readEvent)).toHaveLength(1);
    const { rows } = await sql`select 1 from pg_temp.events`.execute(session.database);
    expect(rows).toEqual([]);
    // A reader that believed the false pg_locks would stand at the beginning.
    const { rows: safe } = await sql`select es.safe_position() > 0 as ahead`.execute(session.database);
    expect(safe).toEqual([{ ahead: true }]);
  } finally {
    await session.stop();
  }
});
