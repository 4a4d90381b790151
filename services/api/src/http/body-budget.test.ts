import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bodyBudget } from './body-budget.ts';

const limits = { bytesMax: 100, clientBytesMax: 50, waitMsMax: 20_000 };

async function isGiven(taken: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([taken, Promise.resolve().then(() => pending)])) !== pending;
}

describe('the memory of bodies', () => {
  it('is given at once while there is some', async () => {
    const { take } = bodyBudget(limits);
    expect(await isGiven(take('a', 50))).toBe(true);
    expect(await isGiven(take('b', 50))).toBe(true);
  });

  it('lets a client wait for bodies of its own, and others pass', async () => {
    const { take } = bodyBudget(limits);
    const first = await take('a', 40);
    const second = take('a', 40);
    expect(await isGiven(second)).toBe(false);
    expect(await isGiven(take('b', 40))).toBe(true);
    first?.();
    expect(await isGiven(second)).toBe(true);
  });

  it('is given in order where all of it is used up, so that a large body is not passed by small ones for ever', async () => {
    const { take } = bodyBudget(limits);
    const first = await take('a', 50);
    await take('b', 50);
    const large = take('c', 50);
    const small = take('d', 1);
    expect([await isGiven(large), await isGiven(small)]).toEqual([false, false]);
    first?.();
    expect([await isGiven(large), await isGiven(small)]).toEqual([true, false]);
  });

  it('is refused who waited too long, which makes room for those behind', async () => {
    const { take } = bodyBudget({ ...limits, waitMsMax: 5 });
    await take('a', 50);
    await take('b', 40);
    const large = take('c', 20);
    expect(await large).toBeUndefined();
    expect(await isGiven(take('d', 10))).toBe(true);
  });

  it('is given back once, however often that is said', async () => {
    const { take } = bodyBudget(limits);
    const first = await take('a', 50);
    await take('b', 50);
    first?.();
    first?.();
    await take('c', 50);
    expect(await isGiven(take('d', 1))).toBe(false);
  });

  it('is never more than it may be, for one or for all, and everybody gets some when all is given back', async () => {
    const bodies = fc.array(
      fc.record({ client: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 1, max: 50 }) }),
    );
    await fc.assert(
      fc.asyncProperty(bodies, fc.infiniteStream(fc.nat()), async (asked, picks) => {
        const { take } = bodyBudget(limits);
        const held: { client: string; bytes: number; giveBack: () => void }[] = [];
        let served = 0;
        const all = asked.map(async ({ client, bytes }) => {
          const giveBack = await take(client, bytes);
          if (!giveBack) throw new Error('refused');
          served += 1;
          held.push({ client, bytes, giveBack });
          const sum = (of: readonly { bytes: number }[]) => of.reduce((total, one) => total + one.bytes, 0);
          expect(sum(held)).toBeLessThanOrEqual(limits.bytesMax);
          expect(sum(held.filter((one) => one.client === client))).toBeLessThanOrEqual(limits.clientBytesMax);
        });
        for (let turn = 0; turn < 10 * asked.length && served < asked.length + held.length; turn++) {
          await Promise.resolve();
          const [one] = held.splice((picks.next().value ?? 0) % Math.max(1, held.length), 1);
          one?.giveBack();
        }
        await Promise.all(all);
        expect(served).toBe(asked.length);
      }),
    );
  });
});
