import { readEvent } from '@docket/shared/stored-event';
import type { Connection } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import { readAfter, readStream } from '@docket/store/log/read';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { command, openStore } from '../support/append-commands.ts';
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

test('the API changes no read model and no checkpoint, the projector no directory', async () => {
  const others: readonly (readonly [Connection, string])[] = [
    [stores.api, 'delete from read.repositories'],
    [stores.api, 'update es.projections set position = 0'],
    [stores.projector, 'delete from directory.repository_names'],
    [stores.projector, 'update directory.accounts set is_admin = true'],
  ];
  for (const [store, statement] of others) {
    await expect(sql.raw(statement).execute(store.database)).rejects.toMatchObject({ code: refused });
  }
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
