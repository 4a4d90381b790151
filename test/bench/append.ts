/**
 * Appending through the group commit, request context and all, against the cheapest that Postgres offers to one caller: a prepared
 * INSERT of one row into a table of the same columns that has nothing but its primary key.
 */
import { schemaVersion } from '@docket/shared/stored-event';
import { connect } from '@docket/store/connect';

import { groupAppender, pushes } from './appending.ts';
import { benchDatabase } from './database.ts';
import { compare, interleave, printComparisons, printMachine, repeatedly } from './harness.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 12);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 1_000);

const database = await benchDatabase();
try {
  await printMachine(database.url);
  for (const callers of [1, 8, 32]) await measure(callers);
} finally {
  await database.stop();
}

async function measure(callers: number): Promise<void> {
  const open = (connectionsMax: number) =>
    connect({
      url: database.url,
      applicationName: 'docket bench',
      pooler: 'none',
      connectionsMax,
      // What is still closing when the database is dropped is cut.
      onIdleError: () => undefined,
    });
  const plainStore = open(callers);
  const groupStore = open(2);
  try {
    await plainStore.pool.query(`drop table if exists public.plain; create table public.plain (
      position bigint generated always as identity primary key, stream_id text not null, version int not null, type text not null,
      schema_version smallint not null, command_id uuid not null, command_seq int not null, data jsonb not null,
      metadata jsonb not null, recorded_at timestamptz not null default clock_timestamp())`);
    const next = Array.from({ length: callers }, pushes);
    const plain = async (caller: number) => {
      const command = next[caller]?.();
      const event = command?.events[0];
      if (!event) throw new Error(`there is no caller ${caller}`);
      await plainStore.query(
        'plain',
        `insert into public.plain (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
         values ($1, $2, $3, $4, $5, 1, $6, $7)`,
        [
          command.streamId,
          command.expectedVersion + 1,
          event.type,
          schemaVersion,
          command.commandId,
          JSON.stringify(event.data),
          JSON.stringify(command.metadata),
        ],
      );
    };
    const group = groupAppender(groupStore, callers);
    const figures = await interleave({
      rounds,
      roundMs,
      contenders: [
        { name: 'plain INSERT', perSecond: (ms) => repeatedly(callers, ms, plain) },
        { name: 'group commit', perSecond: (ms) => repeatedly(callers, ms, group) },
      ],
    });
    printComparisons(`append, ${callers} ${callers === 1 ? 'caller' : 'callers'}`, compare(figures, 'plain INSERT'));
  } finally {
    await Promise.all([plainStore.stop(), groupStore.stop()]);
  }
}
