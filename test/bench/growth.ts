/**
 * Whether the log gets slower as it grows: the same appends and the same page reads on a log of one million and on one of ten million
 * events, in turn, in two databases of one server; and how many buffers one of each touches, as Postgres counts them.
 */
import { statfs } from 'node:fs/promises';

import { connect } from '@docket/store/connect';
import type { Connection } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import { readAfter } from '@docket/store/log/read';
import type { Database } from '@docket/store/connect';
import pg from 'pg';
import { z } from 'zod';

import { groupAppender, pushes } from './appending.ts';
import { databaseThrough } from './database-through.ts';
import { benchDatabases } from './database.ts';
import { compare, interleave, median, printComparisons, printMachine, printTable, repeatedly } from './harness.ts';

const smallEvents = Number(process.env['BENCH_SMALL'] ?? 1_000_000);
const largeEvents = Number(process.env['BENCH_LARGE'] ?? 10_000_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 12);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 1_000);
/** A stream has this many events, and they lie between those of all the other streams of its chunk. */
const streamEvents = 10;
const chunkStreams = 25_000;
const pageEventsMax = 1_000;
const calls = 41;
const freeGbMin = Number(process.env['BENCH_FREE_GB'] ?? 20);
const neededGb = 8;

const plans = z.tuple([
  z.object({
    Plan: z.object({ 'Shared Hit Blocks': z.number(), 'Shared Read Blocks': z.number() }),
  }),
]);

class Explained extends Error {
  readonly blocks: number;
  constructor(blocks: number) {
    super('the statement was explained');
    this.blocks = blocks;
  }
}

/** Before anything is written. */
class TooLittleRoom extends Error {}

await measure().catch((error: unknown) => {
  if (!(error instanceof TooLittleRoom)) throw error;
  console.error(error.message);
  process.exitCode = 1;
});

interface Log {
  readonly name: string;
  readonly url: string;
  readonly store: Connection;
  readonly events: number;
}

async function measure(): Promise<void> {
  const databases = await benchDatabases();
  const logs: Log[] = [];
  try {
    for (const [label, events] of [
      ['small', smallEvents],
      ['large', largeEvents],
    ] as const) {
      const url = await databases.create(label);
      if (logs.length === 0) {
        await mustHaveRoom(url);
        await printMachine(url);
      }
      logs.push({ name: `${events / 1e6} million events`, url, store: await filled(url, events), events });
    }
    const [baseline = ''] = logs.map(({ name }) => name);
    const appending = await interleave({
      rounds,
      roundMs,
      contenders: logs.map(({ name, store }) => {
        const append = groupAppender(store, 1);
        return { name, perSecond: (ms) => repeatedly(1, ms, append) };
      }),
    });
    printComparisons('append, 1 caller', compare(appending, baseline));
    const reading = await interleave({
      rounds,
      roundMs,
      contenders: logs.map(({ name, store, events }) => {
        const read = async () => {
          const page = await readAfter(store.database, anywhere(events), pageEventsMax);
          if (page.length !== pageEventsMax) throw new Error(`a page of ${page.length} events`);
        };
        return { name, perSecond: (ms) => repeatedly(1, ms, read) };
      }),
    });
    printComparisons(`pages of ${pageEventsMax} events, anywhere in the log`, compare(reading, baseline));
    console.log(`\nbuffers of one call, median of ${calls} (least to most)`);
    const rows = [];
    for (const { name, url, events } of logs) {
      const next = pushes();
      const append = await buffers(() => explained(url, (executor) => appendAll(executor, [next()])));
      const page = await buffers(() =>
        explained(url, (executor) => readAfter(executor, anywhere(events), pageEventsMax)),
      );
      rows.push([name, append, page]);
    }
    printTable(['', 'append', 'page'], rows);
  } finally {
    await Promise.all(logs.map(({ store }) => store.stop()));
    await databases.stop();
  }
}

/** Where the server keeps its data, which has to be this machine. */
async function mustHaveRoom(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ folder: string }>(`select current_setting('data_directory') as folder`);
    const folder = rows[0]?.folder ?? '';
    const { bavail, bsize } = await statfs(folder);
    const freeGb = (bavail * bsize) / 1e9;
    if (freeGb >= freeGbMin) return;
    throw new TooLittleRoom(
      `growth writes about ${neededGb} GB and must leave room to others: ${freeGb.toFixed(0)} GB are free where PostgreSQL keeps its data, fewer than ${freeGbMin} GB`,
    );
  } finally {
    await client.end();
  }
}

/** The owner inserts the rows without `es.append`: only the rows matter here, and ten million appends would take an hour. */
async function filled(url: string, events: number): Promise<Connection> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let streams = 0; streams < events / streamEvents; streams += chunkStreams) {
      await client.query(
        `with streams as materialized (
           select 'repository-' || uuidv7() as id, uuidv7() as actor, n
           from generate_series(1, least($1::int, $2::int)) n
         )
         insert into es.events (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
         select s.id, v,
           case when v = 1 then 'RepositoryCreated' when v % 2 = 0 then 'PushOpened' else 'PushCompleted' end,
           case when v % 2 = 0 then 2 else 1 end, s.command, 1,
           case when v = 1 then jsonb_build_object('namespace_id', s.actor, 'name', 'grown-' || s.n, 'life', 1)
             when v % 2 = 0 then jsonb_build_object('push', v / 2, 'images', '[{"id": "9e89cc6f0bc3"}]'::jsonb, 'endpoints', '[]'::jsonb)
             else jsonb_build_object('push', v / 2) end,
           jsonb_build_object('actor', jsonb_build_object('id', s.actor, 'via', 'basic'),
             'request_id', s.command, 'correlation_id', s.command, 'causation_id', s.command)
         from (
           select v, n, uuidv7() as command, streams.id, actor from generate_series(1, $3::int) v cross join streams
           order by v, n
         ) s
         order by v, n`,
        [chunkStreams, events / streamEvents - streams, streamEvents],
      );
    }
    await client.query('vacuum (analyze) es.events');
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
  return connect({
    url,
    applicationName: 'docket bench',
    pooler: 'none',
    connectionsMax: 2,
    onIdleError: () => undefined,
  });
}

function anywhere(events: number): bigint {
  return BigInt(Math.floor(Math.random() * (events - pageEventsMax)));
}

async function buffers(explain: () => Promise<number>): Promise<string> {
  const counted: number[] = [];
  // The first calls of a connection read the catalogue.
  for (let call = -2; call < calls; call++) {
    const count = await explain();
    if (call >= 0) counted.push(count);
  }
  return `${median(counted)} (${Math.min(...counted)} to ${Math.max(...counted)})`;
}

/** The very statements of the store, with its own arguments. */
async function explained(url: string, work: (database: Database) => Promise<unknown>): Promise<number> {
  const { database, stop } = databaseThrough(url, async (statement, send) => {
    const { rows } = await send({ ...statement, text: `explain (analyze, buffers, format json) ${statement.text}` });
    const [{ Plan: plan }] = plans.parse(rows[0]?.['QUERY PLAN']);
    throw new Explained(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
  });
  try {
    await work(database);
  } catch (error) {
    if (error instanceof Explained) return error.blocks;
    throw error;
  } finally {
    await stop();
  }
  throw new Error('no statement was explained');
}
