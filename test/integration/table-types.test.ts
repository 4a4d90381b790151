/**
 * The types in packages/store/src/tables.ts, which every statement is checked against, are those of the database. Types are gone when
 * a test runs, and so the columns stand here once more: the compiler compares them with the types, the test with the database.
 */
import type { Tables } from '@docket/store/tables';
import type { InsertType, SelectType } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

type Kind<Value> = unknown extends Value
  ? 'json'
  : [Value] extends [bigint]
    ? 'bigint'
    : [Value] extends [number]
      ? 'integer'
      : [Value] extends [boolean]
        ? 'boolean'
        : [Value] extends [Date]
          ? 'time'
          : [Value] extends [string]
            ? 'text'
            : 'json';

type OrNull<Value> = unknown extends Value ? '' : null extends Value ? ' or null' : '';

type Filled<Value> = [Value] extends [never]
  ? ', generated'
  : unknown extends Value
    ? ''
    : undefined extends Value
      ? ', with a default'
      : '';

type Described<Column> =
  `${Kind<NonNullable<SelectType<Column>>>}${OrNull<SelectType<Column>>}${Filled<InsertType<Column>>}`;

type DescribedTables = {
  readonly [Table in keyof Tables]: { readonly [Column in keyof Tables[Table]]: Described<Tables[Table][Column]> };
};

const tables: DescribedTables = {
  'es.events': {
    position: 'bigint, generated',
    stream_id: 'text',
    version: 'integer',
    type: 'text',
    schema_version: 'integer',
    command_id: 'text',
    command_seq: 'integer',
    data: 'json',
    metadata: 'json',
    recorded_at: 'time, with a default',
  },
  'es.request_contexts': {
    command_id: 'text',
    ip: 'text or null',
    user_agent: 'text or null',
    fingerprint: 'text or null',
    recorded_at: 'time, with a default',
  },
  'es.projections': {
    name: 'text',
    version: 'integer',
    position: 'bigint, with a default',
    command_id: 'text or null',
    moved_at: 'time, with a default',
    holder: 'text or null',
    fence: 'bigint, with a default',
    held_until: 'time, with a default',
    target: 'text or null',
    trouble: 'text or null',
    trouble_reason: 'text or null',
    trouble_since: 'time or null',
    trouble_position: 'bigint or null',
    trouble_failures: 'integer or null',
  },
  'es.projection_failures': {
    id: 'bigint, generated',
    projection: 'text',
    position: 'bigint',
    subject: 'text',
    reason: 'text',
    failed_at: 'time, with a default',
    attempts: 'integer, with a default',
    retry_at: 'time or null',
  },
  'es.superseded_indexes': { uid: 'text', since: 'time, with a default' },
  'directory.installation': { singleton: 'boolean, with a default', id: 'text, with a default' },
  'directory.namespaces': {
    id: 'text',
    name: 'text',
    account_id: 'text or null',
    is_organization: 'boolean, with a default',
    made_by: 'text or null',
  },
  'directory.accounts': {
    id: 'text',
    namespace_id: 'text',
    name: 'text or null',
    is_admin: 'boolean',
    status: 'text',
    password_hash: 'text',
    credential_version: 'integer, with a default',
    registered_at: 'time, with a default',
  },
  'directory.addresses': {
    id: 'text',
    account_id: 'text',
    address: 'text',
    address_key: 'text',
    confirmed: 'boolean, with a default',
    added_at: 'time, with a default',
  },
  'directory.spent_links': { link_id: 'text', spent_at: 'time, with a default' },
  'directory.repository_names': { namespace_id: 'text', name: 'text', repository_id: 'text' },
  'directory.members': { namespace_id: 'text', account_id: 'text', role: 'text' },
  'directory.usage': { account_id: 'text', day: 'text', events: 'bigint', bytes: 'bigint' },
  'directory.rate_limits': {
    key: 'text',
    points: 'integer',
    expire: 'bigint or null',
  },
  'directory.stars': {
    repository_id: 'text',
    account_id: 'text',
    life: 'integer',
    starred_at: 'time, with a default',
  },
  'directory.blocked_images': { image_id: 'text', reason: 'text', blocked_at: 'time, with a default' },
  'read.repositories': {
    repository_id: 'text',
    number: 'bigint',
    namespace_id: 'text',
    name: 'text',
    status: 'text',
    is_private: 'boolean',
    description: 'text',
    star_count: 'bigint or null',
    pull_count: 'bigint or null',
    last_updated: 'time',
    version: 'integer',
    state: 'json',
    tables_version: 'integer, with a default',
    image_count: 'integer, with a default',
    tag_count: 'integer, with a default',
  },
  'directory.imports': {
    id: 'text',
    contents_sha256: 'text',
    format: 'text',
    namespace: 'text',
    begun_at: 'time, with a default',
  },
  'read.images': {
    repository_id: 'text',
    image_id: 'text',
    checksum: 'text or null',
    ordinal: 'integer, with a default',
  },
  'read.tags': { repository_id: 'text', tag: 'text', image_id: 'text', position: 'bigint or null' },
  'read.grants': { repository_id: 'text', account_id: 'text', role: 'text' },
  'read.namespaces': { namespace_id: 'text', public_count: 'bigint', private_count: 'bigint' },
};

/** As the driver reads them; a type that is not here is shown as it is, and so differs. */
const kinds: Readonly<Record<string, string>> = {
  smallint: 'integer',
  uuid: 'text',
  jsonb: 'json',
  'timestamp with time zone': 'time',
  date: 'text',
};

interface ColumnRow {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly filled: '' | ', generated' | ', with a default';
}

let world: System;

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
});

afterAll(() => world?.stop());

test('the types of the tables are those of the database: mend packages/store/src/tables.ts, then the columns above', async () => {
  // The migrations keep a table of their own in the schema `public`.
  const rows = await world.query<ColumnRow>(
    `select c.table_schema || '.' || c.table_name as table, c.column_name as column, c.data_type as type,
       c.is_nullable = 'YES' as nullable,
       case when c.identity_generation = 'ALWAYS' then ', generated'
         when c.column_default is not null then ', with a default' else '' end as filled
     from information_schema.columns c
     join information_schema.tables t using (table_schema, table_name)
     where t.table_type = 'BASE TABLE' and c.table_schema not in ('pg_catalog', 'information_schema', 'public')`,
  );
  const found: Record<string, Record<string, string>> = {};
  for (const { table, column, type, nullable, filled } of rows) {
    found[table] = { ...found[table], [column]: `${kinds[type] ?? type}${nullable ? ' or null' : ''}${filled}` };
  }
  expect(found).toEqual(tables);
});
