/**
 * Appending through the group commit, request context and all, against the cheapest that Postgres offers to one caller: a prepared
 * INSERT of one row into a table of the same columns that has nothing but its primary key; and against emmett, which like the group
 * commit judges the expected version, but keeps neither a request's context nor a command from being written twice. At last the same
 * callers shared out over several processes with a group commit each, as several APIs are.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { storedMetadata } from '@docket/shared/event';
import { schemaVersionOf } from '@docket/shared/stored-event';
import { connect } from '@docket/store/connect';
import type { Connection } from '@docket/store/connect';
import pg from 'pg';
import { z } from 'zod';

import { groupAppender, pushes } from './appending.ts';
import { benchDatabase } from './database.ts';
import { compare, interleave, printComparisons, printMachine, repeatedly } from './harness.ts';
import type { Contender } from './harness.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 12);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 1_000);
const peers = 4;
const callersOfAPeer = 8;

const database = await benchDatabase();
try {
  await printMachine(database.url);
  for (const callers of [1, 8, 32]) await inOneProcess(callers);
  await inSeveralProcesses();
} finally {
  await database.stop();
}

async function inOneProcess(callers: number): Promise<void> {
  const plainPool = openPool(callers);
  const groupStore = open(2);
  const emmett = await openEmmett(callers);
  try {
    const group = groupAppender(groupStore, callers);
    const figures = await interleave({
      rounds,
      roundMs,
      contenders: [
        await plainInserts(plainPool, callers),
        { name: 'group commit', perSecond: (ms) => repeatedly(callers, ms, group) },
        emmett.contender,
      ],
    });
    const title = `append, ${callers} ${callers === 1 ? 'caller' : 'callers'}`;
    printComparisons(title, compare(figures, 'plain INSERT'));
    printComparisons(title, compare(figures, 'emmett'));
  } finally {
    await Promise.all([plainPool.end(), groupStore.stop(), emmett.stop()]);
  }
}

async function inSeveralProcesses(): Promise<void> {
  const callers = peers * callersOfAPeer;
  const plainPool = openPool(callers);
  const processes = Array.from({ length: peers }, () =>
    fork(fileURLToPath(new URL('append-peer.js', import.meta.url)), [database.url, String(callersOfAPeer)]),
  );
  try {
    await Promise.all(processes.map(answer));
    const figures = await interleave({
      rounds,
      roundMs,
      contenders: [
        await plainInserts(plainPool, callers),
        {
          name: `group commit, ${peers} processes`,
          perSecond: async (ms) => {
            const each = await Promise.all(
              processes.map((child) => {
                child.send(ms);
                return answer(child);
              }),
            );
            return each.reduce((sum, figure) => sum + figure, 0);
          },
        },
      ],
    });
    const title = `append, ${peers} processes of ${callersOfAPeer} callers, ÷ ${callers} callers of plain INSERT`;
    printComparisons(title, compare(figures, 'plain INSERT'));
  } finally {
    for (const child of processes) child.disconnect();
    await plainPool.end();
  }
}

/** Fails when it ends instead. */
async function answer(child: ChildProcess): Promise<number> {
  const ended = new AbortController();
  const end = (code: number | null) => ended.abort(new Error(`a process of the bench ended with ${code}`));
  child.once('exit', end);
  try {
    const [message] = await once(child, 'message', { signal: ended.signal });
    return z.number().parse(message);
  } finally {
    child.off('exit', end);
  }
}

function open(connectionsMax: number): Connection {
  return connect({
    url: database.url,
    applicationName: 'docket bench',
    pooler: 'none',
    connectionsMax,
    // What is still closing when the database is dropped is cut.
    onIdleError: () => undefined,
  });
}

function openPool(connectionsMax: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: database.url, max: connectionsMax });
  pool.on('error', () => undefined);
  return pool;
}

async function plainInserts(pool: pg.Pool, callers: number): Promise<Contender> {
  await pool.query('drop table if exists public.plain');
  await pool.query(`create table public.plain (
    position bigint generated always as identity primary key, stream_id text not null, version int not null, type text not null,
    schema_version smallint not null, command_id uuid not null, command_seq int not null, data jsonb not null,
    metadata jsonb not null, recorded_at timestamptz not null default clock_timestamp())`);
  const next = Array.from({ length: callers }, pushes);
  const insert = async (caller: number) => {
    const command = next[caller]?.();
    const event = command?.events[0];
    if (!event) throw new Error(`there is no caller ${caller}`);
    await pool.query({
      name: 'plain',
      text: `insert into public.plain (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
       values ($1, $2, $3, $4, $5, 1, $6, $7)`,
      values: [
        command.streamId,
        command.expectedVersion + 1,
        event.type,
        schemaVersionOf(event.type),
        command.commandId,
        JSON.stringify(event.data),
        JSON.stringify(storedMetadata(command.metadata)),
      ],
    });
  };
  return { name: 'plain INSERT', perSecond: (ms) => repeatedly(callers, ms, insert) };
}

async function openEmmett(callers: number): Promise<{ contender: Contender; stop: () => Promise<void> }> {
  // A connection for every caller, as the plain INSERT has.
  const pool = new pg.Pool({ connectionString: database.url, max: callers });
  pool.on('error', () => undefined);
  const store = getPostgreSQLEventStore(database.url, {
    schema: { autoMigration: 'None' },
    connectionOptions: { pool },
  });
  await store.schema.migrate();
  const next = Array.from({ length: callers }, pushes);
  const append = async (caller: number) => {
    const command = next[caller]?.();
    if (!command) throw new Error(`there is no caller ${caller}`);
    await store.appendToStream(
      command.streamId,
      command.events.map(({ type, data }) => ({ type, data, metadata: { ...command.metadata } })),
      {
        expectedStreamVersion:
          command.expectedVersion === 0 ? 'STREAM_DOES_NOT_EXIST' : BigInt(command.expectedVersion),
      },
    );
  };
  return {
    contender: { name: 'emmett', perSecond: (ms) => repeatedly(callers, ms, append) },
    stop: async () => {
      await store.close();
      await pool.end();
    },
  };
}
