/**
 * Compares what was made from the log with the log itself: stream versions, the tables with the fold of the events, the directory with
 * both, and the search index with the tables. Reads only; each difference is one sentence.
 */
import { isDeepStrictEqual } from 'node:util';

import { absentAccount, evolveAccount } from '@docket/shared/accounts';
import { fold } from '@docket/shared/decider';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { Repository } from '@docket/shared/repositories';
import { markerDocumentId, searchIndexUid } from '@docket/shared/search-index';
import { readAccountEvent, readRepositoryEvent, repositoryStream } from '@docket/shared/stored-event';
import { readInUse, searchProjection, tablesProjection } from '@docket/store/followers/checkpoint';
import type { Store } from '@docket/store/connect';
import { readIndexedRows, readInstallationId } from '@docket/store/search-pages';
import { inTransaction } from '@docket/store/transaction';
import type { Meilisearch } from 'meilisearch';
import type pg from 'pg';
import { setTimeout as elapsed } from 'node:timers/promises';

import { documentOf } from '../search/follower.ts';
import { readMarker } from '../search/marker.ts';
import type { Engine } from '../search/tasks.ts';
import { columnsOf } from '../tables/repositories.ts';

const chunkSize = 500;
/** How long the index may take to catch up with the tables before its lag is itself a difference. */
const catchUpMsMax = 30_000;
const catchUpPollMs = 100;

export interface VerifyOptions {
  readonly database: Store;
  /** Undefined where no search engine is used. */
  readonly meilisearch: Meilisearch | undefined;
  readonly onDifference: (sentence: string) => void;
}

export interface Verified {
  readonly events: bigint;
  readonly repositories: number;
  readonly accounts: number;
  /** Undefined where there was no index to compare. */
  readonly documents: number | undefined;
  readonly differences: number;
}

export async function verify({ database, meilisearch, onDifference }: VerifyOptions): Promise<Verified> {
  let differences = 0;
  const differs = (sentence: string) => {
    differences += 1;
    onDifference(sentence);
  };
  const compared = await inTransaction(database, async (client) => {
    // One snapshot for everything in Postgres: the checkpoint and the rows that it speaks of are of the same instant.
    await client.query('set transaction isolation level repeatable read, read only');
    await client.query(`set local idle_in_transaction_session_timeout = '60s'`);
    const events = await verifyLog(client, differs);
    return {
      events,
      repositories: await verifyTables(client, differs),
      accounts: await verifyAccounts(client, differs),
    };
  });
  const documents = meilisearch && (await verifyIndex(database, meilisearch, differs));
  return { ...compared, documents, differences };
}

type Differs = (sentence: string) => void;

/** Versions 1, 2, 3… without a gap in every stream, and no command whose events are torn apart. */
async function verifyLog(client: pg.PoolClient, differs: Differs): Promise<bigint> {
  const gaps = await client.query<{ stream_id: string; events: bigint; last: number }>(
    `select stream_id, count(*) as events, max(version) as last from es.events
     group by stream_id having count(*) <> max(version) or min(version) <> 1`,
  );
  for (const { stream_id, events, last } of gaps.rows)
    differs(`${stream_id} has ${events} events and ends at version ${last}`);
  const { rows } = await client.query<{ events: bigint }>('select count(*) as events from es.events');
  return rows[0]?.events ?? 0n;
}

interface EventRow {
  stream_id: string;
  position: bigint;
  type: string;
  schema_version: number;
  data: unknown;
}

interface TableRow {
  repository_id: string;
  number: bigint | null;
  version: number | null;
  state: Repository | null;
  namespace_id: string | null;
  name: string | null;
  status: string | null;
  is_private: boolean | null;
  description: string | null;
  star_count: bigint | null;
  pull_count: bigint | null;
  images: readonly { readonly id: string; readonly checksum: string | null }[];
  grants: Readonly<Record<string, string>>;
}

/** Every repository that the log or the tables know, as the tables' checkpoint has it. */
async function verifyTables(client: pg.PoolClient, differs: Differs): Promise<number> {
  const { position } = await readInUse(client, tablesProjection);
  let repositories = 0;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await client.query<TableRow>(
      `select k.repository_id, r.number, r.version, r.state, r.namespace_id, r.name, r.status, r.is_private, r.description,
         r.star_count, r.pull_count,
         (select coalesce(json_agg(json_build_object('id', i.image_id, 'checksum', i.checksum)), '[]')
          from read.images i where i.repository_id = k.repository_id) as images,
         (select coalesce(json_object_agg(g.account_id, g.role), '{}')
          from read.grants g where g.repository_id = k.repository_id) as grants
       from (select repository_id from directory.repository_names union select repository_id from read.repositories) k
       left join read.repositories r on r.repository_id = k.repository_id
       where k.repository_id > $1 order by k.repository_id limit $2`,
      [after, chunkSize],
    );
    const last = rows.at(-1);
    if (!last) break;
    const streams = await readStreams(
      client,
      rows.map((row) => repositoryStream(row.repository_id)),
      position,
    );
    for (const row of rows) {
      verifyRepository(row, streams.get(repositoryStream(row.repository_id)) ?? [], differs);
    }
    repositories += rows.length;
    after = last.repository_id;
  }
  await verifyCounts(client, differs);
  return repositories;
}

/** How many a namespace holds, which lists believe without counting. */
async function verifyCounts(client: pg.PoolClient, differs: Differs): Promise<void> {
  const { rows } = await client.query<{ namespace_id: string }>(
    `select coalesce(c.namespace_id, n.namespace_id) as namespace_id
     from (
       select namespace_id, count(*) filter (where not is_private) as public, count(*) filter (where is_private) as private
       from read.repositories where status = 'active' group by namespace_id
     ) c
     full join read.namespaces n on n.namespace_id = c.namespace_id
     where coalesce(c.public, 0) <> coalesce(n.public_count, 0) or coalesce(c.private, 0) <> coalesce(n.private_count, 0)`,
  );
  for (const { namespace_id } of rows) differs(`namespace ${namespace_id} does not hold as many as its row says`);
}

async function readStreams(
  client: pg.PoolClient,
  streams: readonly string[],
  upTo: bigint,
): Promise<Map<string, EventRow[]>> {
  const { rows } = await client.query<EventRow>(
    `select stream_id, position, type, schema_version, data from es.events
     where stream_id = any($1::text[]) and position <= $2 order by stream_id, version`,
    [streams, upTo],
  );
  const byStream = new Map<string, EventRow[]>();
  for (const row of rows) {
    const events = byStream.get(row.stream_id);
    if (events) events.push(row);
    else byStream.set(row.stream_id, [row]);
  }
  return byStream;
}

function verifyRepository(row: TableRow, events: readonly EventRow[], differs: Differs): void {
  const subject = `repository ${row.repository_id}`;
  const expected = fold(evolve, absentRepository, events.map(readRepositoryEvent));
  if (row.state === null) {
    if (events.length > 0) differs(`${subject} has ${events.length} events and no row`);
    return;
  }
  if (expected.status === 'absent') {
    differs(`${subject} has a row and no events`);
    return;
  }
  // Through JSON, as it is stored: what is undefined there is not there.
  const stored: unknown = JSON.parse(JSON.stringify(expected));
  if (!isDeepStrictEqual(row.state, stored)) differs(`${subject}: the state is not the fold of its events`);
  if (row.version !== events.length)
    differs(`${subject}: the row is at version ${row.version}, the log at ${events.length}`);
  if (row.number !== events[0]?.position)
    differs(`${subject}: the number is ${row.number}, not ${events[0]?.position}`);
  for (const [column, value] of Object.entries(storedColumns(expected))) {
    const found: unknown = Object.entries(row).find(([name]) => name === column)?.[1];
    if (!isDeepStrictEqual(found, value)) differs(`${subject}: ${column} is ${String(found)}, not ${String(value)}`);
  }
  const grants = 'grants' in expected ? expected.grants : {};
  if (!isDeepStrictEqual({ ...row.grants }, { ...grants })) differs(`${subject}: the grants are not those of the log`);
  const images = 'images' in expected ? expected.images : [];
  const byId = (one: { readonly id: string }, other: { readonly id: string }) => (one.id < other.id ? -1 : 1);
  const sorted = images.map(({ id, checksum }) => ({ id, checksum })).toSorted(byId);
  if (!isDeepStrictEqual(row.images.toSorted(byId), sorted)) {
    differs(
      `${subject}: the images table has ${row.images.length} images that are not the ${images.length} of the log`,
    );
  }
}

/** As the driver reads them. */
function storedColumns(state: Exclude<Repository, { status: 'absent' }>): Record<string, unknown> {
  const { star_count, pull_count, ...columns } = columnsOf(state);
  const count = (value: number | null) => (value === null ? null : BigInt(value));
  return { ...columns, star_count: count(star_count), pull_count: count(pull_count) };
}

interface AccountRow {
  id: string;
  status: string;
  is_admin: boolean;
  credential_version: number;
  namespace_id: string;
}

/** The directory is written with the events, in one transaction: it can differ only if somebody else wrote to it. */
async function verifyAccounts(client: pg.PoolClient, differs: Differs): Promise<number> {
  const { rows: accounts } = await client.query<AccountRow>(
    'select id, status, is_admin, credential_version, namespace_id from directory.accounts',
  );
  const { rows } = await client.query<EventRow>(
    `select stream_id, position, type, schema_version, data from es.events
     where stream_id like 'account-%' order by stream_id, version`,
  );
  const states = new Map<string, ReturnType<typeof evolveAccount>>();
  for (const row of rows) {
    states.set(row.stream_id, evolveAccount(states.get(row.stream_id) ?? absentAccount, readAccountEvent(row)));
  }
  for (const { id, ...account } of accounts) {
    const state = states.get(`account-${id}`);
    states.delete(`account-${id}`);
    const expected =
      state && state.status !== 'absent'
        ? {
            status: state.status,
            is_admin: state.is_admin,
            credential_version: state.credential_version,
            namespace_id: state.namespace_id,
          }
        : undefined;
    if (!isDeepStrictEqual(account, expected)) differs(`account ${id}: the directory is not the fold of its events`);
  }
  for (const stream of states.keys()) differs(`${stream} has events and is not in the directory`);
  return accounts.length;
}

async function verifyIndex(database: Store, meilisearch: Meilisearch, differs: Differs): Promise<number> {
  const { target } = await readInUse(database.pool, searchProjection);
  const uid = target ?? searchIndexUid(await readInstallationId(database.pool));
  const behind = await catchUp(database, { client: meilisearch, uid });
  if (behind !== undefined) differs(behind);
  if ((await readMarker({ client: meilisearch, uid })) === undefined) return 0;
  const index = meilisearch.index(uid);
  const unseen = new Set(await allDocumentIds(index));
  unseen.delete(markerDocumentId);
  let documents = 0;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await database.pool.query<{ repository_id: string }>(
      'select repository_id from read.repositories where repository_id > $1 order by repository_id limit $2',
      [after, chunkSize],
    );
    const last = rows.at(-1);
    if (!last) break;
    const expected = (
      await readIndexedRows(
        database.pool,
        rows.map((row) => row.repository_id),
      )
    ).flatMap((row) => documentOf(row) ?? []);
    const found = await fetchDocuments(
      index,
      expected.map(({ id }) => id),
    );
    for (const document of expected) {
      unseen.delete(document.id);
      const indexed = found.get(document.id);
      const stored: unknown = JSON.parse(JSON.stringify(document));
      if (indexed === undefined) differs(`${document.full_name} (${document.id}) is not in the search index`);
      else if (!isDeepStrictEqual(indexed, stored))
        differs(`${document.full_name} (${document.id}) is another in the search index`);
    }
    documents += expected.length;
    after = last.repository_id;
  }
  for (const id of unseen) differs(`document ${id} of the search index is of no repository`);
  return documents;
}

/**
 * Waits for the index; undefined when it is there. An index that was emptied a moment ago is behind too, whatever the checkpoint says
 * until the projector has seen it: the marker tells.
 */
async function catchUp(database: Store, engine: Pick<Engine, 'client' | 'uid'>): Promise<string | undefined> {
  const deadline = performance.now() + catchUpMsMax;
  for (;;) {
    const tables = await readInUse(database.pool, tablesProjection);
    const search = await readInUse(database.pool, searchProjection);
    const marker = await readMarker(engine);
    const lag = tables.position - search.position;
    if (lag <= 0n && marker !== undefined && marker.position >= search.position) return undefined;
    if (performance.now() > deadline) {
      return lag > 0n
        ? `the search index is ${lag} positions behind the tables`
        : 'the search index is not there, or older than its checkpoint';
    }
    await elapsed(catchUpPollMs);
  }
}

type Index = ReturnType<Meilisearch['index']>;

const idPage = 10_000;

async function allDocumentIds(index: Index): Promise<number[]> {
  const ids: number[] = [];
  for (let offset = 0; ; offset += idPage) {
    const { results } = await index.getDocuments({ fields: ['id'], limit: idPage, offset });
    ids.push(...results.map((document) => Number(document['id'])));
    if (results.length < idPage) return ids;
  }
}

async function fetchDocuments(index: Index, ids: readonly number[]): Promise<Map<number, unknown>> {
  if (ids.length === 0) return new Map();
  const { results } = await index.getDocuments({ ids: [...ids], limit: ids.length });
  return new Map(results.map((document) => [Number(document['id']), document]));
}
