/** Counts that hold over processes: two limiters over one database, as two API processes have them. */
import { connect } from '@docket/store/connect';
import type { Connection } from '@docket/store/connect';
import { rateLimits } from '@docket/store/rate-limits';
import type { RateLimit, RateLimits } from '@docket/store/rate-limits';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let connections: Connection[] = [];
let processes: RateLimits[] = [];
const troubles: unknown[] = [];

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  connections = [1, 2].map(() =>
    connect({
      url: world.databaseUrls.api,
      applicationName: 'test',
      pooler: 'none',
      connectionsMax: 4,
      onIdleError: () => undefined,
    }),
  );
  processes = connections.map(({ database }) =>
    rateLimits({ database, onTrouble: (error) => void troubles.push(error) }),
  );
});

afterAll(async () => {
  for (const { stop } of processes) stop();
  await Promise.all(connections.map(({ stop }) => stop()));
  await world?.stop();
});

function inBoth(limit: Partial<RateLimit>) {
  const whole = { name: fresh('limit-'), max: 10, seconds: 60, ...limit };
  return processes.map(({ limiter }) => limiter(whole));
}

async function takenBy(limit: Partial<RateLimit>, times: number): Promise<number> {
  const limiters = inBoth(limit);
  const answers = await Promise.all(
    Array.from({ length: times }, async (_, index) => limiters[index % limiters.length]?.take('somebody')),
  );
  return answers.filter((usedUp) => usedUp === undefined).length;
}

test('so many are taken by all processes together, and not one more, also when they ask at once', async () => {
  expect(await takenBy({ max: 10 }, 60)).toBe(10);
});

test('in lots no more are taken either, and what is left in a process is less than a lot', async () => {
  for (const lot of [3, 4, 10]) {
    const taken = await takenBy({ max: 10, lot }, 200);
    expect(taken).toBe(10);
  }
  const [one, other] = inBoth({ max: 10, lot: 4 });
  expect(await one?.take('somebody')).toBeUndefined();
  let taken = 0;
  while ((await other?.take('somebody')) === undefined) taken += 1;
  expect(taken).toBe(6);
});

test('keys and limits do not count for each other, and time gives room again', async () => {
  const [one] = inBoth({ max: 1, seconds: 1 });
  expect(await one?.take('somebody')).toBeUndefined();
  expect(await one?.take('else')).toBeUndefined();
  const usedUp = await one?.take('somebody');
  expect(usedUp?.max).toBe(1);
  expect(usedUp?.untilMs).toBeGreaterThan(Date.now() - 1_000);
  await expect.poll(() => one?.take('somebody'), { timeout: 20_000, interval: 100 }).toBeUndefined();
});

test('looking counts nothing, and what one process forgets another does not hold', async () => {
  const [one, other] = inBoth({ max: 2 });
  for (let time = 0; time < 5; time += 1) expect(await one?.look('somebody')).toMatchObject({ counted: 0 });
  await one?.take('somebody');
  expect(await other?.look('somebody')).toEqual({ counted: 1, usedUp: undefined });
  await other?.forget('somebody');
  expect(await one?.look('somebody')).toEqual({ counted: 0, usedUp: undefined });
});

test('what is known to be used up costs no statement; while the table is away each process counts for itself', async () => {
  const [one, other] = inBoth({ max: 2 });
  for (let time = 0; time < 2; time += 1) await one?.take('somebody');
  expect(await other?.look('somebody')).toMatchObject({ counted: 2, usedUp: { max: 2 } });
  await world.query('alter table directory.rate_limits rename to away');
  try {
    for (const limiter of [one, other]) {
      expect(limiter?.known('somebody')).toMatchObject({ max: 2 });
      expect(await limiter?.take('somebody')).toMatchObject({ max: 2 });
      expect(await limiter?.look('somebody')).toMatchObject({ usedUp: { max: 2 } });
    }
    expect(troubles).toEqual([]);
    for (const limiter of [one, other]) {
      expect(await limiter?.take('else')).toBeUndefined();
      expect(await limiter?.take('else')).toBeUndefined();
      expect(await limiter?.take('else')).toMatchObject({ max: 2 });
    }
    // Once for each process, however many statements fail.
    expect(troubles).toHaveLength(2);
  } finally {
    await world.query('alter table directory.away rename to rate_limits');
  }
});

test('a limit without a bound counts nothing', async () => {
  const [one] = inBoth({ name: 'unbounded', max: Number.POSITIVE_INFINITY });
  for (let time = 0; time < 5; time += 1) expect(await one?.take('somebody')).toBeUndefined();
  expect(await world.query(`select 1 from directory.rate_limits where key like 'unbounded:%'`)).toEqual([]);
});
