/**
 * Positions are handed out before commits, so that a later position may be there before an earlier one. What keeps readers from going
 * past an event that is still to come is the gate; every test here runs with the gate taken out as well, and must then lose events.
 */
import type { Connection, Database } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import { readAfter } from '@docket/store/log/read';
import type { Verdict } from '@docket/store/log/append';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import { databaseThrough } from '../bench/database-through.ts';
import type { DatabaseThrough } from '../bench/database-through.ts';
import { command, newStream, openStore } from '../support/append-commands.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const gate = /perform pg_advisory_xact_lock_shared\([^;]*\);/;
const pageEvents = 50;

let world: System;
/** The owner, who may make a copy of the function that lacks the gate. */
let store: Connection;
let reading: Connection;
/** Appends through the copy of the function that does not lock the gate. */
let ungated: DatabaseThrough;

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  store = openStore(world.databaseUrls.owner, 16);
  reading = openStore(world.databaseUrls.projector);
  ungated = databaseThrough(world.databaseUrls.owner, (statement, send) =>
    send({ ...statement, text: statement.text.replace('es.append', 'es.append_ungated') }),
  );
  const [row] = await world.query<{ definition: string }>(
    `select pg_get_functiondef('es.append'::regproc) as definition`,
  );
  const definition = row?.definition ?? '';
  if (!gate.test(definition)) throw new Error('es.append has no gate that could be taken out');
  await world.query(
    definition
      .replace(gate, '')
      .replaceAll('es.append', 'es.append_ungated')
      .replaceAll(/\bappend\./g, 'append_ungated.'),
  );
});

afterAll(async () => {
  await Promise.all([store.stop(), ungated.stop(), reading.stop()]);
  await world.stop();
});

interface Variant {
  readonly name: string;
  /** Where it appends. */
  readonly log: () => Database;
  readonly read: (after: bigint) => Promise<readonly bigint[]>;
}

async function readGated(after: bigint): Promise<readonly bigint[]> {
  const events = await readAfter(reading.database, after, pageEvents);
  return events.map(({ position }) => position);
}

const gated: Variant = { name: 'with the gate', log: () => store.database, read: readGated };
const withoutGate: readonly Variant[] = [
  { name: 'when appends do not lock the gate', log: () => ungated.database, read: readGated },
  {
    name: 'when the reader does not look at the gate',
    log: () => store.database,
    read: async (after) => {
      const rows = await reading.database
        .selectFrom('es.events')
        .select('position')
        .where('position', '>', after)
        .orderBy('position')
        .limit(pageEvents)
        .execute();
      return rows.map(({ position }) => position);
    },
  },
];

/** Follows the log as a projector does: page by page, never back. */
function follower(start: bigint, read: Variant['read']) {
  let after = start;
  const seen: bigint[] = [];
  return {
    seen,
    page: async (): Promise<number> => {
      const positions = await read(after);
      seen.push(...positions);
      after = positions.at(-1) ?? after;
      return positions.length;
    },
  };
}

async function endOfTheLog(): Promise<bigint> {
  const [row] = await world.query<{ position: string }>('select coalesce(max(position), 0) as position from es.events');
  return BigInt(row?.position ?? 0);
}

async function positionsOf(judged: Promise<readonly Verdict[]>): Promise<readonly bigint[]> {
  return (await judged).flatMap((verdict) => (verdict.outcome === 'appended' ? [verdict.position] : []));
}

async function positionsAfter(start: bigint): Promise<readonly bigint[]> {
  const rows = await world.query<{ position: string }>(
    'select position from es.events where position > $1 order by position',
    [start],
  );
  return rows.map(({ position }) => BigInt(position));
}

/** An earlier position is held open while a later one commits and is read. */
async function lostToALateCommit({ log, read }: Variant): Promise<number> {
  const start = await endOfTheLog();
  const { seen, page } = follower(start, read);
  await inTransaction(log(), async (client) => {
    await appendAll(client, [command()]);
    await appendAll(log(), [command()]);
    await page();
  });
  while ((await page()) > 0);
  return (await positionsAfter(start)).filter((position) => !seen.includes(position)).length;
}

interface Run {
  readonly stored: readonly bigint[];
  readonly seen: readonly bigint[];
}

/** Writers that commit late or not at all, at random, and one that reads meanwhile. */
async function run({ log, read }: Variant): Promise<Run> {
  const start = await endOfTheLog();
  const { seen, page } = follower(start, read);
  const writer = async () => {
    for (let round = 0; round < 40; round++) {
      await inTransaction<unknown>(log(), async (client, abort) => {
        const streamId = newStream();
        await appendAll(client, [command({ streamId })]);
        // Work between append and commit: what the rules forbid and a slow machine does anyway.
        if (Math.random() < 0.3) await sql`select pg_sleep(random() * 0.015)`.execute(client);
        return Math.random() < 0.1 ? abort(undefined) : undefined;
      });
    }
  };
  const written = new AbortController();
  const writers = Promise.all(Array.from({ length: 8 }, writer)).finally(() => written.abort());
  // One page at a time: two at once would both begin where the last one ended.
  while (!written.signal.aborted) await page();
  await writers;
  while ((await page()) > 0);
  return { stored: await positionsAfter(start), seen };
}

describe('an append that commits after a later one', () => {
  test('is not lost with the gate', async () => {
    expect(await lostToALateCommit(gated)).toBe(0);
  });

  test.each(withoutGate)('is lost $name', async (variant) => {
    expect(await lostToALateCommit(variant)).toBeGreaterThan(0);
  });
});

describe('many appends that commit late or roll back', () => {
  test('are all read, once, in the order of their positions, with the gate', async () => {
    const { stored, seen } = await run(gated);
    expect(stored.length).toBeGreaterThan(200);
    expect(seen).toEqual(stored);
  });

  test.each(withoutGate)('are lost in part $name', async (variant) => {
    const { stored, seen } = await run(variant);
    expect(stored.filter((position) => !seen.includes(position)).length).toBeGreaterThan(0);
  });
});

describe('the reader', () => {
  test('is held back by an append in flight and by nothing that was appended before it', async () => {
    const start = await endOfTheLog();
    const [before] = await positionsOf(appendAll(store.database, [command()]));
    let after: bigint | undefined;
    await inTransaction<unknown>(store.database, async (client, abort) => {
      await appendAll(client, [command()]);
      [after] = await positionsOf(appendAll(store.database, [command()]));
      expect(await readGated(start)).toEqual([before]);
      return abort(undefined);
    });
    // What was rolled back is a gap that nobody waits for.
    expect(await readGated(start)).toEqual([before, after]);
  });

  test('is not held back by transactions of strangers, in this database or in another', async () => {
    const start = await endOfTheLog();
    const strangers = [world.databaseUrls.owner, inject('stack').superuserUrl].map(
      (connectionString) => new pg.Client({ connectionString }),
    );
    await Promise.all(strangers.map((stranger) => stranger.connect()));
    try {
      for (const stranger of strangers) {
        await stranger.query('begin');
        await stranger.query('create temp table written (what int) on commit drop');
        await stranger.query('select pg_current_xact_id(), pg_advisory_xact_lock_shared(7)');
      }
      const appended = await positionsOf(appendAll(store.database, [command(), command()]));
      expect(await readGated(start)).toEqual(appended);
    } finally {
      await Promise.all(strangers.map((stranger) => stranger.end()));
    }
  });

  test('gets the versions of a stream in order, also when a later one was appended by the older transaction', async () => {
    const start = await endOfTheLog();
    const streamId = newStream();
    await inTransaction(store.database, async (client) => {
      // The older transaction by its id, as an outbox row before the append would make it.
      await sql`select pg_current_xact_id()`.execute(client);
      await appendAll(store.database, [command({ streamId })]);
      await appendAll(client, [command({ streamId, expectedVersion: 1 })]);
    });
    const events = await readAfter(reading.database, start, pageEvents);
    expect(events.map(({ version }) => version)).toEqual([1, 2]);
  });

  test('refuses an isolation in which it would see the log as it was before it looked at the gate', async () => {
    const outcome = inTransaction(reading.database, async (client) => {
      await sql`set transaction isolation level repeatable read`.execute(client);
      await readAfter(client, 0n, 1);
    });
    await expect(outcome).rejects.toThrow('es.safe_position needs read committed, not repeatable read');
  });
});
