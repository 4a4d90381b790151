import fc from 'fast-check';
import { expect, it } from 'vitest';

import { fairQueue, isTurnedAway } from './fair-queue.ts';
import type { FairQueueOptions } from './fair-queue.ts';

/** Work that ends when it is told to, in a queue that writes down what begins and who was turned away. */
function stage(options: Partial<FairQueueOptions> = {}) {
  const queue = fairQueue({ runningMax: 1, waitingMax: 100, waitingOfClientMax: 100, ...options });
  const begun: string[] = [];
  const turnedAway: string[] = [];
  const ends: (() => void)[] = [];
  const asked = async (client: string) => {
    const result = await queue.run(client, () => {
      begun.push(client);
      return new Promise<void>((resolve) => void ends.push(resolve));
    });
    if (isTurnedAway(result)) turnedAway.push(`${client}: ${result.full}`);
  };
  const asks = (client: string) => void asked(client);
  const settled = () => new Promise((resolve) => void setImmediate(resolve));
  const finish = async () => {
    ends.shift()?.();
    await settled();
  };
  return { queue, begun, turnedAway, asks, finish, settled };
}

it('serves clients in turns, however many one of them asks for', async () => {
  const { begun, asks, finish } = stage();
  for (let count = 0; count < 50; count += 1) asks('flood');
  asks('person');
  asks('other');
  asks('person');
  for (let count = 0; count < 6; count += 1) await finish();
  expect(begun).toEqual(['flood', 'flood', 'person', 'other', 'flood', 'person', 'flood']);
});

it('turns away who has a full line, and nobody else', async () => {
  const { turnedAway, begun, asks, finish, settled } = stage({ waitingOfClientMax: 2 });
  for (let count = 0; count < 5; count += 1) asks('flood');
  asks('person');
  await settled();
  expect(turnedAway).toEqual(['flood: line', 'flood: line']);
  for (let count = 0; count < 3; count += 1) await finish();
  expect(begun).toEqual(['flood', 'flood', 'person', 'flood']);
});

it('makes room for a shorter line when the queue is full: the last of the longest gives way', async () => {
  const { turnedAway, queue, asks, settled } = stage({ waitingMax: 4 });
  for (let count = 0; count < 5; count += 1) asks('flood');
  asks('person');
  await settled();
  expect(turnedAway).toEqual(['flood: line']);
  expect(queue.waiting()).toBe(4);
});

it('turns everybody away when it is full of short lines', async () => {
  const { turnedAway, asks, settled } = stage({ waitingMax: 2 });
  for (const client of ['one', 'two', 'three', 'four']) asks(client);
  await settled();
  expect(turnedAway).toEqual(['four: queue']);
});

it('goes on after work that failed', async () => {
  const queue = fairQueue({ runningMax: 1, waitingMax: 1, waitingOfClientMax: 1 });
  const failed = queue.run('one', () => Promise.reject(new Error('broken')));
  const next = queue.run('two', () => Promise.resolve('done'));
  await expect(failed).rejects.toThrow('broken');
  expect(await next).toBe('done');
});

it('begins or turns away everything, and never holds more than it may, whoever comes when', async () => {
  const step = fc.oneof(fc.constantFrom('a', 'b', 'c', 'd'), fc.constant(undefined));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { queue, begun, turnedAway, asks, finish, settled } = stage({
        runningMax: 2,
        waitingMax: 5,
        waitingOfClientMax: 3,
      });
      for (const client of steps) {
        if (client === undefined) await finish();
        else asks(client);
        if (queue.waiting() > 5) return false;
      }
      while (queue.waiting() > 0) await finish();
      await settled();
      return begun.length + turnedAway.length === steps.filter((client) => client !== undefined).length;
    }),
    { numRuns: 200 },
  );
});
