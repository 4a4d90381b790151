import { readEvent } from '@docket/shared/stored-event';
import type { Connection } from '@docket/store/connect';
import { QueueFull, groupCommit } from '@docket/store/log/group-commit';
import type { GroupCommit } from '@docket/store/log/group-commit';
import type { AppendCommand, Verdict } from '@docket/store/log/append';
import { readStream } from '@docket/store/log/read';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';

import { command, described, newStream, openStore } from '../support/append-commands.ts';
import { until } from '../support/until.ts';
import { databaseThrough } from '../bench/database-through.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let store: Connection;
/** The watched handles of the tests. */
const opened: (() => Promise<void>)[] = [];

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  store = openStore(world.databaseUrls.api);
});

afterAll(async () => {
  await Promise.all(opened.map((stop) => stop()));
  await store.stop();
  await world.stop();
});

interface Watched {
  /** One command of a sender of its own. */
  readonly append: (command: AppendCommand) => Promise<Verdict>;
  readonly appendTogether: GroupCommit['append'];
  /** The streams of every call, in order. */
  readonly calls: readonly (readonly string[])[];
  readonly mostAtOnce: () => number;
  readonly appendedCalls: () => number;
}

/** `after` sees every answer before the group commit does, and may throw instead. */
function watched(after: (call: number) => void = () => undefined): Watched {
  const calls: string[][] = [];
  let running = 0;
  let mostAtOnce = 0;
  let appendedCalls = 0;
  const { database, stop } = databaseThrough(world.databaseUrls.api, async (statement, send) => {
    const [streams] = statement.values ?? [];
    calls.push(Array.isArray(streams) ? streams.map(String) : []);
    mostAtOnce = Math.max(mostAtOnce, ++running);
    try {
      const result = await send(statement);
      after(calls.length);
      return result;
    } finally {
      running--;
    }
  });
  opened.push(stop);
  const { append: appendTogether } = groupCommit({
    database,
    onAppended: () => {
      appendedCalls++;
    },
  });
  const append = async (given: AppendCommand) => {
    const [verdict] = await appendTogether([given]);
    if (!verdict) throw new Error('a command without a verdict');
    return verdict;
  };
  return { append, appendTogether, calls, mostAtOnce: () => mostAtOnce, appendedCalls: () => appendedCalls };
}

async function versions(streamId: string): Promise<readonly number[]> {
  const events = await readStream(store.database, streamId, readEvent);
  return events.map(({ version }) => version);
}

test('the commands of one turn go into the log with one call, and the wake-up is called once', async () => {
  const { append, calls, appendedCalls } = watched();
  const verdicts = await Promise.all(Array.from({ length: 30 }, () => append(command())));
  expect(verdicts.every(({ outcome }) => outcome === 'appended')).toBe(true);
  expect(calls.map(({ length }) => length)).toEqual([30]);
  expect(appendedCalls()).toBe(1);
});

test('one call is under way at a time, of at most two hundred commands', async () => {
  const { append, calls, mostAtOnce } = watched();
  await Promise.all(Array.from({ length: 450 }, () => append(command())));
  expect(calls.map(({ length }) => length)).toEqual([200, 200, 50]);
  expect(mostAtOnce()).toBe(1);
});

test('two senders to one stream are never in one call, and go in the order in which they came', async () => {
  const { append, calls } = watched();
  const streams = Array.from({ length: 5 }, newStream);
  const verdicts = await Promise.all(
    streams.flatMap((streamId) => [0, 1, 2].map((expectedVersion) => append(command({ streamId, expectedVersion })))),
  );
  expect(verdicts.map(({ outcome }) => outcome)).toEqual(verdicts.map(() => 'appended'));
  for (const call of calls) expect(new Set(call).size).toBe(call.length);
  for (const streamId of streams) expect(await versions(streamId)).toEqual([1, 2, 3]);
});

test('what one sender appends to one stream goes with one call, also where the call before it is almost full', async () => {
  const { append, appendTogether, calls } = watched();
  const streamId = newStream();
  const before = Array.from({ length: 195 }, () => append(command()));
  const chain = Array.from({ length: 10 }, (_, expectedVersion) => command({ streamId, expectedVersion }));
  const together = appendTogether(chain);
  const after = append(command({ streamId, expectedVersion: 10 }));
  expect((await together).map(({ outcome }) => outcome)).toEqual(chain.map(() => 'appended'));
  expect(await after).toMatchObject({ outcome: 'appended', version: 11 });
  await Promise.all(before);
  expect(calls.map(({ length }) => length)).toEqual([195, 10, 1]);
  expect(await versions(streamId)).toEqual(Array.from({ length: 11 }, (_, index) => index + 1));
});

test('more commands of one sender than a call takes are refused', async () => {
  const { appendTogether } = watched();
  await expect(appendTogether(Array.from({ length: 201 }, () => command()))).rejects.toThrow('201 commands');
});

test('of several commands of one sender that Postgres does not take nothing is stored, and others are not harmed', async () => {
  const { append, appendTogether } = watched();
  const streamId = newStream();
  const [refused, taken] = await Promise.allSettled([
    appendTogether([
      command({ streamId }),
      command({ streamId, expectedVersion: 1, events: [described('no text has a \0')] }),
    ]),
    append(command()),
  ]);
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: '22P05' } });
  expect(taken).toMatchObject({ status: 'fulfilled', value: { outcome: 'appended' } });
  expect(await versions(streamId)).toEqual([]);
});

test('one command sent twice in one turn is appended once and told so once', async () => {
  const { append, calls } = watched();
  const given = command();
  const verdicts = await Promise.all([append(given), append(given)]);
  expect(verdicts.map(({ outcome }) => outcome)).toEqual(['appended', 'duplicate']);
  expect(calls).toHaveLength(2);
});

test('a command that Postgres does not take fails alone', async () => {
  const { append } = watched();
  const good = Array.from({ length: 10 }, () => command());
  const bad = command({ events: [described('no text has a \0')] });
  const [refused, ...taken] = await Promise.allSettled([append(bad), ...good.map((each) => append(each))]);
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: '22P05' } });
  expect(taken.map((each) => each.status === 'fulfilled' && each.value.outcome)).toEqual(good.map(() => 'appended'));
  expect(await versions(bad.streamId)).toEqual([]);
});

test('a command without an event fails alone', async () => {
  const { append } = watched();
  const [refused, taken] = await Promise.allSettled([append(command({ events: [] })), append(command())]);
  expect(refused.status).toBe('rejected');
  expect(taken).toMatchObject({ status: 'fulfilled', value: { outcome: 'appended' } });
});

test('a conflict is told to its sender and wakes nobody', async () => {
  const { append, appendedCalls } = watched();
  expect(await append(command({ expectedVersion: 3 }))).toEqual({ outcome: 'conflict', version: 0 });
  expect(appendedCalls()).toBe(0);
});

test('a queue that is full refuses the next command at once and keeps the others', async () => {
  const { append } = watched();
  const commandsMax = 5_000;
  const queued = Array.from({ length: commandsMax }, () => append(command()));
  await expect(append(command())).rejects.toBeInstanceOf(QueueFull);
  const verdicts = await Promise.all(queued);
  expect(verdicts.filter(({ outcome }) => outcome === 'appended')).toHaveLength(commandsMax);
});

test('a connection that is killed before the commit: the command is sent again and stands in the log once', async () => {
  const { append, calls } = watched();
  const streamId = newStream();
  const holder = new pg.Client({ connectionString: world.databaseUrls.owner });
  const superuser = new pg.Client({ connectionString: inject('stack').superuserUrl });
  await Promise.all([holder.connect(), superuser.connect()]);
  try {
    // An append to the stream now waits in the middle of its call.
    await holder.query('select pg_advisory_lock(1163087698, hashtext($1))', [streamId]);
    const verdict = append(command({ streamId, events: [described('one'), described('two')] }));
    const database = new URL(world.databaseUrls.owner).pathname.slice(1);
    await until('the append that waits for the stream is killed', async () => {
      const { rowCount } = await superuser.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = $1 and usename = 'docket_api' and wait_event_type = 'Lock'`,
        [database],
      );
      return (rowCount ?? 0) > 0;
    });
    await until('it is sent again', () => calls.length > 1);
    await holder.query('select pg_advisory_unlock_all()');
    expect(await verdict).toMatchObject({ outcome: 'appended', version: 2 });
    expect(await versions(streamId)).toEqual([1, 2]);
  } finally {
    await Promise.all([holder.end(), superuser.end()]);
  }
});

test('an answer that is lost after the commit: the command is sent again and is a duplicate of itself', async () => {
  const { append, calls } = watched((call) => {
    if (call === 1) throw new Error('Connection terminated unexpectedly');
  });
  const commands = Array.from({ length: 20 }, () => command());
  const verdicts = await Promise.all(commands.map((each) => append(each)));
  expect(verdicts.map(({ outcome }) => outcome)).toEqual(commands.map(() => 'duplicate'));
  expect(calls.map(({ length }) => length)).toEqual([20, 20]);
  for (const { streamId } of commands) expect(await versions(streamId)).toEqual([1]);
});

test('a queue goes on after a call that failed', async () => {
  const { append } = watched();
  await expect(append(command({ commandId: 'no uuid' }))).rejects.toMatchObject({ code: '22P02' });
  expect(await append(command())).toMatchObject({ outcome: 'appended' });
});
