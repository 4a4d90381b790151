import {
  contendedMsMax,
  decidedAtOnceMax,
  decidedEntriesMax,
  waitingMax,
  waitingOfStreamMax,
} from '@docket/shared/limits';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { streamQueue } from './stream-queue.ts';
import type { Attempt, Ruling, StreamQueue } from './stream-queue.ts';

interface Round {
  readonly commands: readonly string[];
  readonly attempt: Attempt;
  /** Ends the round: a ruling for each of its commands. */
  readonly rule: (rulings: readonly Ruling<string>[]) => Promise<void>;
  readonly fail: (error: Error) => Promise<void>;
}

let queue: StreamQueue<string, string>;
/** Rounds that were begun, in order. */
let rounds: Round[];

beforeEach(() => {
  vi.useFakeTimers();
  rounds = [];
  queue = streamQueue<string, string>({
    settle: (commands, attempt) =>
      new Promise((resolve, reject) => {
        const after = async () => {
          await vi.advanceTimersByTimeAsync(0);
        };
        rounds.push({
          commands,
          attempt,
          rule: (rulings) => {
            resolve(rulings);
            return after();
          },
          fail: (error) => {
            reject(error);
            return after();
          },
        });
      }),
    // `entries 5` has five.
    entriesIn: (command) => Number(/^entries (\d+)$/.exec(command)?.[1] ?? 0),
    full: 'full',
    late: 'late',
  });
});

afterEach(() => {
  vi.useRealTimers();
});

const settled = (outcome: string): Ruling<string> => ({ is: 'settled', outcome });

function round(number: number): Round {
  const found = rounds[number];
  if (!found) throw new Error(`there were ${rounds.length} rounds`);
  return found;
}

it('who finds nobody goes at once, with what it read before', () => {
  void queue.enter('a', 'one');
  expect(rounds).toMatchObject([{ commands: ['one'], attempt: 'first' }]);
});

it('who comes meanwhile goes with the next round, in order, and looks anew', async () => {
  const one = queue.enter('a', 'one');
  const others = ['two', 'three'].map((command) => queue.enter('a', command));
  expect(rounds).toHaveLength(1);
  await round(0).rule([settled('1')]);
  expect(await one).toBe('1');
  expect(round(1)).toMatchObject({ commands: ['two', 'three'], attempt: 'waited' });
  await round(1).rule([settled('2'), settled('3')]);
  expect(await Promise.all(others)).toEqual(['2', '3']);
});

it('streams do not wait for each other', () => {
  void queue.enter('a', 'one');
  void queue.enter('b', 'two');
  expect(rounds.map(({ commands }) => commands)).toEqual([['one'], ['two']]);
});

it('a stream that nobody waits for takes no memory', async () => {
  const answers = ['a', 'a', 'b'].map((stream) => queue.enter(stream, 'command'));
  expect(queue.size()).toEqual({ streams: 2, waiting: 1 });
  await round(0).rule([settled('')]);
  await round(1).rule([settled('')]);
  await round(2).rule([settled('')]);
  await Promise.all(answers);
  expect(queue.size()).toEqual({ streams: 0, waiting: 0 });
  expect(vi.getTimerCount()).toBe(0);
});

it('who lost goes again at once, before those who came later, and is told that the stream is contended', async () => {
  const one = queue.enter('a', 'one');
  void queue.enter('a', 'two');
  await round(0).rule([{ is: 'lost' }]);
  expect(round(1)).toMatchObject({ commands: ['one', 'two'], attempt: 'contended' });
  await round(1).rule([settled('at last'), settled('')]);
  expect(await one).toBe('at last');
});

it('a stream is contended until nobody is left in its line', async () => {
  void queue.enter('a', 'one');
  await round(0).rule([{ is: 'lost' }]);
  void queue.enter('a', 'two');
  await round(1).rule([settled('')]);
  expect(round(2)).toMatchObject({ commands: ['two'], attempt: 'contended' });
  await round(2).rule([settled('')]);
  void queue.enter('a', 'three');
  expect(round(3)).toMatchObject({ commands: ['three'], attempt: 'first' });
});

it('who loses again goes again after a pause', async () => {
  void queue.enter('a', 'one');
  await round(0).rule([{ is: 'lost' }]);
  await round(1).rule([{ is: 'lost' }]);
  await vi.runOnlyPendingTimersAsync();
  expect(round(2).commands).toEqual(['one']);
});

it('who loses for too long is told so', async () => {
  const one = queue.enter('a', 'one');
  for (let lost = 0; rounds.length > lost; lost++) {
    await round(lost).rule([{ is: 'lost' }]);
    await vi.advanceTimersByTimeAsync(500);
    if (lost > 100) throw new Error('it goes on for ever');
  }
  expect(await one).toBe('late');
  expect(queue.size()).toEqual({ streams: 0, waiting: 0 });
});

it('who waits for too long is told so, and its place is free', async () => {
  void queue.enter('a', 'one');
  const two = queue.enter('a', 'two');
  await vi.advanceTimersByTimeAsync(contendedMsMax);
  expect(await two).toBe('late');
  expect(queue.size()).toEqual({ streams: 1, waiting: 0 });
  await round(0).rule([settled('')]);
  expect(rounds).toHaveLength(1);
});

it('what has to wait for something before it goes with the next round, without a pause', async () => {
  void queue.enter('a', 'one');
  void queue.enter('a', 'two');
  void queue.enter('a', 'three');
  await round(0).rule([settled('')]);
  await round(1).rule([settled(''), { is: 'later' }]);
  expect(round(2).commands).toEqual(['three']);
});

it('a failure is told to those who were in that round alone', async () => {
  const [one, two] = ['one', 'two'].map((command) =>
    queue.enter('a', command).catch((error: unknown) => `failed: ${String(error)}`),
  );
  await round(0).fail(new Error('no database'));
  expect(await one).toBe('failed: Error: no database');
  await round(1).rule([{ is: 'failed', error: new Error('not this one') }]);
  expect(await two).toBe('failed: Error: not this one');
  expect(queue.size()).toEqual({ streams: 0, waiting: 0 });
});

it('a round takes no more than may be decided at once', async () => {
  for (let count = 0; count <= decidedAtOnceMax + 5; count++) void queue.enter('a', String(count));
  await round(0).rule([settled('')]);
  expect(round(1).commands).toHaveLength(decidedAtOnceMax);
  await round(1).rule(round(1).commands.map(() => settled('')));
  expect(round(2).commands).toHaveLength(5);
});

it('a round takes one long list, and no more of them than may be decided at once', async () => {
  const half = `entries ${decidedEntriesMax / 2}`;
  const more = `entries ${decidedEntriesMax + 1}`;
  for (const command of ['first', half, half, more, more, 'last']) void queue.enter('a', command);
  await round(0).rule([settled('')]);
  expect(round(1).commands).toEqual([half, half]);
  await round(1).rule([settled(''), settled('')]);
  expect(round(2).commands).toEqual([more]);
  await round(2).rule([settled('')]);
  expect(round(3).commands).toEqual([more]);
  await round(3).rule([settled('')]);
  expect(round(4).commands).toEqual(['last']);
});

it('more than may wait are refused at once, for a stream and for all', async () => {
  for (let count = 0; count <= waitingOfStreamMax; count++) void queue.enter('a', 'command');
  expect(queue.size().waiting).toBe(waitingOfStreamMax);
  expect(await queue.enter('a', 'one more')).toBe('full');
  for (let stream = 0; queue.size().waiting < waitingMax; stream++) {
    for (let count = 0; count < waitingOfStreamMax; count++) void queue.enter(`other ${stream}`, 'command');
  }
  const refused = Array.from({ length: 2 }, () => queue.enter('the last', 'command'));
  expect(await refused[1]).toBe('full');
  expect(rounds.at(-1)).toMatchObject({ commands: ['command'] });
});
