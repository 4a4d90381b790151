/** Many writers over few streams, each sending again at random what it sent before: what they were told is what is stored. */
import type { Connection } from '@docket/store/connect';
import { isPassing } from '@docket/store/connect';
import { groupCommit } from '@docket/store/log/group-commit';
import { appendAll } from '@docket/store/log/append';
import type { AppendCommand, Verdict } from '@docket/store/log/append';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { command, described, newStream, openStore } from '../support/append-commands.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const roundsOfAWriter = 60;
const commandsOfARound = 8;
const resendShare = 0.15;
const rollbackShare = 0.2;

let world: System;
let stores: readonly Connection[];

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  stores = Array.from({ length: 4 }, () => openStore(world.databaseUrls.api, 2));
});

afterAll(async () => {
  await Promise.all(stores.map((store) => store.stop()));
  await world.stop();
});

interface Told {
  readonly command: AppendCommand;
  readonly verdict: Verdict;
}

type Send = (commands: readonly AppendCommand[]) => Promise<readonly Verdict[]>;

function chosen<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new Error('there is nothing to choose from');
  return item;
}

/** Guesses versions from what it was told; others move the streams meanwhile. */
async function write(streams: readonly string[], send: Send): Promise<readonly Told[]> {
  const heads = new Map<string, number>();
  const told: Told[] = [];
  for (let round = 0; round < roundsOfAWriter; round++) {
    const taken = new Set<string>();
    const commands: AppendCommand[] = [];
    while (commands.length < commandsOfARound) {
      const streamId = chosen(streams);
      const again = told.length > 0 && Math.random() < resendShare ? chosen(told).command : undefined;
      const next =
        again ??
        command({
          streamId,
          expectedVersion: heads.get(streamId) ?? 0,
          events: Array.from({ length: 1 + Math.floor(Math.random() * 3) }, (_, index) => described(`${index}`)),
        });
      if (taken.has(next.streamId)) continue;
      taken.add(next.streamId);
      commands.push(next);
    }
    const verdicts = await send(commands);
    for (const [index, verdict] of verdicts.entries()) {
      const sent = commands[index];
      if (!sent) throw new Error('more verdicts than commands');
      told.push({ command: sent, verdict });
      if (verdict.outcome !== 'duplicate') heads.set(sent.streamId, verdict.version);
    }
  }
  return told;
}

/** A transaction of its own, which sometimes changes its mind: then nobody is told anything. */
function inTransactions(store: Connection): Send {
  return async (commands) => {
    for (;;) {
      const giveUp = Math.random() < rollbackShare;
      const verdicts = await inTransaction<readonly Verdict[]>(store.database, async (client, abort) => {
        const judged = await appendAll(client, commands);
        return giveUp ? abort([]) : judged;
      });
      if (!giveUp) return verdicts;
    }
  };
}

test('nothing is lost, nothing stands twice, no version is missing, and every writer was told the truth', async () => {
  const streams = Array.from({ length: 40 }, newStream);
  const senders = stores.flatMap((store): Send[] => {
    const { append } = groupCommit({ database: store.database, onAppended: () => undefined });
    return [
      async (commands) => (await Promise.all(commands.map((each) => append([each])))).flat(),
      (commands) => appendAll(store.database, commands),
      inTransactions(store),
    ];
  });
  const told = (await Promise.all(senders.map((send) => write(streams, send)))).flat();

  const rows = await world.query<{ stream_id: string; version: number; command_id: string; command_seq: number }>(
    'select stream_id, version, command_id, command_seq from es.events where stream_id = any($1) order by position',
    [streams],
  );
  const count = (outcome: Verdict['outcome']) => told.filter(({ verdict }) => verdict.outcome === outcome).length;
  expect(count('appended')).toBeGreaterThan(100);
  expect(count('conflict')).toBeGreaterThan(100);
  expect(count('duplicate')).toBeGreaterThan(10);

  // The acknowledged commands are the stored ones, each with all of its events, once.
  const expected = told
    .filter(({ verdict }) => verdict.outcome === 'appended')
    .flatMap(({ command: { commandId, events } }) => events.map((_, index) => `${commandId} ${index + 1}`));
  const found = rows.map(({ command_id, command_seq }) => `${command_id} ${command_seq}`);
  expect(found.toSorted()).toEqual(expected.toSorted());
  // Only what is in the log was called a duplicate.
  const known = new Set(rows.map(({ command_id }) => command_id));
  const duplicates = told.filter(({ verdict }) => verdict.outcome === 'duplicate');
  expect(duplicates.filter(({ command: { commandId } }) => !known.has(commandId))).toEqual([]);
  // Versions count up in the order of positions, without a gap.
  for (const streamId of streams) {
    const versions = rows.filter((row) => row.stream_id === streamId).map(({ version }) => version);
    expect(versions).toEqual(versions.map((_, index) => index + 1));
  }
  const [contexts] = await world.query<{ count: number }>(
    'select count(*)::int as count from es.request_contexts where command_id = any($1)',
    [[...known]],
  );
  expect(contexts).toEqual({ count: known.size });
});

test('transactions that append twice, in opposite orders, may be told to try again, and lose nothing', async () => {
  const [first = newStream(), second = newStream()] = Array.from({ length: 2 }, newStream);
  let stored = 0;
  const writer = async (store: Connection, order: readonly string[]) => {
    for (let round = 0; round < 3; round++) {
      try {
        await inTransaction(store.database, async (client) => {
          for (const streamId of order) {
            const { rows } = await sql<{ readonly head: number }>`select coalesce(max(version), 0) as head
              from es.events where stream_id = ${streamId}`.execute(client);
            const given = command({ streamId, expectedVersion: rows[0]?.head ?? 0 });
            const [verdict] = await appendAll(client, [given]);
            if (verdict?.outcome !== 'appended') throw new Conflict();
          }
        });
        stored += order.length;
      } catch (error) {
        if (!(error instanceof Conflict) && !isPassing(error)) throw error;
      }
    }
  };
  await Promise.all(stores.map((store, index) => writer(store, index % 2 === 0 ? [first, second] : [second, first])));
  const [row] = await world.query<{ count: number }>(
    'select count(*)::int as count from es.events where stream_id = any($1)',
    [[first, second]],
  );
  expect(row).toEqual({ count: stored });
});

class Conflict extends Error {}
