import { randomUUID } from 'node:crypto';

import { readEvent } from '@docket/shared/stored-event';
import type { Connection } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import type { AppendCommand, Verdict } from '@docket/store/log/append';
import { readCommand, readStream } from '@docket/store/log/read';
import { inTransaction } from '@docket/store/transaction';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { command, described, newStream, openStore } from '../support/append-commands.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let store: Connection;

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  store = openStore(world.databaseUrls.api);
});

afterAll(async () => {
  await store.stop();
  await world.stop();
});

async function stored(streamId: string): Promise<readonly string[]> {
  const events = await readStream(store.database, streamId, readEvent);
  return events.map(({ version, commandId, event }) => `${version} ${commandId} ${JSON.stringify(event.data)}`);
}

async function contextsOf(commandId: string): Promise<readonly unknown[]> {
  return world.query('select ip, user_agent, fingerprint from es.request_contexts where command_id = $1', [commandId]);
}

describe('one command', () => {
  test('is appended with all of its events, in order, and with its context', async () => {
    const given = command({ events: [described('one'), described('two'), described('three')] });
    expect(await appendAll(store.database, [given])).toEqual([
      { outcome: 'appended', position: expect.any(BigInt), version: 3 },
    ]);
    const events = await readStream(store.database, given.streamId, readEvent);
    expect(events.map(({ event, version }) => ({ event, version }))).toEqual(
      given.events.map((event, index) => ({ event, version: index + 1 })),
    );
    expect(events[0]).toMatchObject({ metadata: given.metadata, commandId: given.commandId });
    expect(await contextsOf(given.commandId)).toEqual([
      { ip: '203.0.113.7', user_agent: 'docker/1.0.0', fingerprint: null },
    ]);
  });

  test('that nobody knows anything about leaves no context', async () => {
    const given = command({ context: { ip: null, userAgent: null, fingerprint: null } });
    await appendAll(store.database, [given]);
    expect(await contextsOf(given.commandId)).toEqual([]);
  });

  test.each([
    ['behind', 0],
    ['ahead of', 2],
  ])(
    'that was decided %s the stream is a conflict, which says where the stream is, and leaves nothing',
    async (_, at) => {
      const first = command();
      await appendAll(store.database, [first]);
      const second = command({ streamId: first.streamId, expectedVersion: at });
      expect(await appendAll(store.database, [second])).toEqual([{ outcome: 'conflict', version: 1 }]);
      expect(await stored(first.streamId)).toHaveLength(1);
      expect(await contextsOf(second.commandId)).toEqual([]);
    },
  );

  test('that is sent again is a duplicate with the position of its first event, whatever version it expects', async () => {
    const given = command({ events: [described('one'), described('two')] });
    await appendAll(store.database, [given]);
    const [first] = await readStream(store.database, given.streamId, readEvent);
    for (const expectedVersion of [0, 2, 7]) {
      const verdicts = await appendAll(store.database, [{ ...given, expectedVersion }]);
      expect(verdicts).toEqual([{ outcome: 'duplicate', position: first?.position }]);
    }
    expect(await stored(given.streamId)).toHaveLength(2);
    expect(await readCommand(store.database, given.commandId)).toEqual({ events: given.events, fingerprint: null });
  });

  test('without an event is refused before it is sent', async () => {
    await expect(appendAll(store.database, [command({ events: [] })])).rejects.toThrow('without an event');
  });

  test('of a transaction that is rolled back was never there', async () => {
    const given = command();
    const outcome = await inTransaction<string>(store.database, async (client, abort) => {
      const [verdict] = await appendAll(client, [given]);
      return abort(verdict?.outcome ?? 'none');
    });
    expect(outcome).toBe('appended');
    expect(await stored(given.streamId)).toEqual([]);
    expect(await readCommand(store.database, given.commandId)).toBeUndefined();
    expect(await appendAll(store.database, [given])).toMatchObject([{ outcome: 'appended', version: 1 }]);
  });
});

describe('a batch', () => {
  test('is judged command by command, and answered in its order', async () => {
    const known = command();
    await appendAll(store.database, [known]);
    const fresh = command({ events: [described('one'), described('two')] });
    const next = command({ streamId: known.streamId, expectedVersion: 1 });
    const late = command({ expectedVersion: 4 });
    const verdicts = await appendAll(store.database, [late, fresh, { ...known, streamId: newStream() }, next]);
    expect(verdicts).toEqual([
      { outcome: 'conflict', version: 0 },
      { outcome: 'appended', position: expect.any(BigInt), version: 2 },
      { outcome: 'duplicate', position: expect.any(BigInt) },
      { outcome: 'appended', position: expect.any(BigInt), version: 2 },
    ]);
    expect(await stored(late.streamId)).toEqual([]);
  });

  test('keeps the order of its events in the log', async () => {
    const commands = Array.from({ length: 50 }, (_, index) =>
      command({ events: [described(`${index} one`), described(`${index} two`)] }),
    );
    const verdicts = await appendAll(store.database, commands);
    const positions = verdicts.map((verdict) => (verdict.outcome === 'appended' ? verdict.position : -1n));
    expect(positions).toEqual(positions.map((_, index) => (positions[0] ?? 0n) + BigInt(2 * index)));
  });

  test('that names one command twice is refused whole, never stored in part', async () => {
    const first = command();
    const sameCommand = [first, command({ commandId: first.commandId })];
    await expect(appendAll(store.database, sameCommand)).rejects.toMatchObject({ code: '23505' });
    expect(await stored(first.streamId)).toEqual([]);
  });

  test('takes streams whose locks are the same lock', async () => {
    const [pair] = await world.query<{ streams: string[] }>(
      `select array_agg(s) as streams from (select 'repository-' || g as s from generate_series(1, 300000) g) q
        group by hashtext(s) having count(*) > 1 limit 1`,
    );
    const commands = pair?.streams.map((streamId) => command({ streamId })) ?? [];
    expect(commands.length).toBeGreaterThan(1);
    const verdicts = await appendAll(store.database, commands);
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(commands.map(() => 'appended'));
  });
});

describe('a chain, several commands of one stream in one call,', () => {
  /** Commands of so many events each, every one at the version that those before it lead to. */
  function chain(streamId: string, from: number, eventsOfEach: readonly number[]): AppendCommand[] {
    return eventsOfEach.map((events, index) =>
      command({
        streamId,
        expectedVersion: from + eventsOfEach.slice(0, index).reduce((sum, count) => sum + count, 0),
        events: Array.from({ length: events }, (_, event) => described(`${index}-${event}`)),
      }),
    );
  }

  const outcomesOf = (verdicts: readonly Verdict[]) => verdicts.map(({ outcome }) => outcome);

  test('is appended whole and in order, each command with its context', async () => {
    const streamId = newStream();
    const [alone] = chain(streamId, 0, [1]);
    if (alone) await appendAll(store.database, [alone]);
    const given = chain(streamId, 1, [1, 3, 2]);
    const between = command();
    const [one, two, three] = given;
    if (!one || !two || !three) throw new Error('a chain of three');
    expect(await appendAll(store.database, [one, between, two, three])).toMatchObject([
      { outcome: 'appended', version: 2 },
      { outcome: 'appended', version: 1 },
      { outcome: 'appended', version: 5 },
      { outcome: 'appended', version: 7 },
    ]);
    expect(await stored(streamId)).toHaveLength(7);
    const [contexts] = await world.query<{ count: number }>(
      'select count(*)::int as count from es.request_contexts where command_id = any($1)',
      [given.map(({ commandId }) => commandId)],
    );
    expect(contexts).toEqual({ count: 3 });
  });

  test('whose first is a conflict is one whole, even where a later one expects the version that the stream is at', async () => {
    const streamId = newStream();
    await appendAll(store.database, chain(streamId, 0, [1, 1]));
    const late = chain(streamId, 0, [1, 1, 1, 1]);
    expect(await appendAll(store.database, late)).toEqual(late.map(() => ({ outcome: 'conflict', version: 2 })));
    expect(await stored(streamId)).toHaveLength(2);
  });

  test('is a conflict behind a duplicate, and behind a gap; what is before them counts', async () => {
    const streamId = newStream();
    const [known, ...rest] = chain(streamId, 0, [1, 1, 1, 1]);
    if (!known) throw new Error('a chain of four');
    const [second, third, fourth] = rest;
    if (!second || !third || !fourth) throw new Error('a chain of four');
    await appendAll(store.database, [known]);
    expect(outcomesOf(await appendAll(store.database, [second, known, third, fourth]))).toEqual([
      'appended',
      'duplicate',
      'conflict',
      'conflict',
    ]);
    expect(await appendAll(store.database, [third, { ...fourth, expectedVersion: 4 }])).toMatchObject([
      { outcome: 'appended', version: 3 },
      { outcome: 'conflict', version: 3 },
    ]);
    expect(await stored(streamId)).toHaveLength(3);
  });

  test('that comes again is a duplicate, each command of its own first event', async () => {
    const given = chain(newStream(), 0, [2, 1, 1]);
    const first = await appendAll(store.database, given);
    const again = await appendAll(store.database, given);
    expect(outcomesOf(again)).toEqual(['duplicate', 'duplicate', 'duplicate']);
    expect(again.slice(1)).toEqual(
      first.slice(1).map((verdict) => ({ outcome: 'duplicate', position: 'position' in verdict && verdict.position })),
    );
  });

  test('of several senders at once is appended by one of them, whole', async () => {
    for (let round = 0; round < 20; round++) {
      const streamId = newStream();
      const sent = await Promise.all(
        Array.from({ length: 4 }, () => appendAll(store.database, chain(streamId, 0, [1, 2, 1]))),
      );
      const whole = sent.filter((verdicts) => outcomesOf(verdicts).every((outcome) => outcome === 'appended'));
      const none = sent.filter((verdicts) => outcomesOf(verdicts).every((outcome) => outcome === 'conflict'));
      expect([whole.length, none.length]).toEqual([1, 3]);
      expect(await stored(streamId)).toHaveLength(4);
    }
  });
});

describe('at once', () => {
  test('one command, sent over many connections, is appended once; the others are told where it is', async () => {
    for (let round = 0; round < 20; round++) {
      const given = command();
      const sent = await Promise.all(Array.from({ length: 4 }, () => appendAll(store.database, [given])));
      const outcomes = sent.flat().map(({ outcome }) => outcome);
      expect(outcomes.toSorted((a, b) => a.localeCompare(b))).toEqual([
        'appended',
        'duplicate',
        'duplicate',
        'duplicate',
      ]);
      expect(await stored(given.streamId)).toHaveLength(1);
    }
  });

  test('of several commands for one version of a stream one is appended, the others are conflicts', async () => {
    for (let round = 0; round < 20; round++) {
      const streamId = newStream();
      const sent = await Promise.all(
        Array.from({ length: 4 }, () => appendAll(store.database, [command({ streamId })])),
      );
      const outcomes = sent.flat().map(({ outcome }) => outcome);
      expect(outcomes.toSorted((a, b) => a.localeCompare(b))).toEqual(['appended', 'conflict', 'conflict', 'conflict']);
    }
  });

  test('batches over the same streams in opposite orders do not lock each other out', async () => {
    const streams = Array.from({ length: 30 }, newStream);
    const rounds = 20;
    const append = async (order: readonly string[]) => {
      for (let round = 0; round < rounds; round++) {
        await appendAll(
          store.database,
          order.map((streamId) => command({ streamId, expectedVersion: round })),
        );
      }
    };
    await Promise.all([append(streams), append(streams.toReversed()), append(streams.toSorted()), append(streams)]);
    const [row] = await world.query<{ streams: bigint; lowest: number; highest: number }>(
      `select count(*)::int as streams, min(head) as lowest, max(head) as highest
         from (select max(version) as head from es.events where stream_id = any($1) group by stream_id) q`,
      [streams],
    );
    expect(row).toEqual({ streams: 30, lowest: rounds, highest: rounds });
  });

  test('one command, sent at once for several new streams, as a creation that is sent again would be, is appended to one of them', async () => {
    const commandId = randomUUID();
    const sent = await Promise.allSettled(
      Array.from({ length: 4 }, () => appendAll(store.database, [command({ commandId })])),
    );
    const appended = sent.filter((each) => each.status === 'fulfilled' && each.value[0]?.outcome === 'appended');
    expect(appended).toHaveLength(1);
    const [row] = await world.query<{ count: number }>(
      'select count(*)::int as count from es.events where command_id = $1',
      [commandId],
    );
    expect(row).toEqual({ count: 1 });
  });
});
