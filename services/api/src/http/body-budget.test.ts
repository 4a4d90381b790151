import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bodyBudget } from './body-budget.ts';

const limits = { bytesMax: 100, clientBytesMax: 50, waitMsMax: 20_000, cutAfterMs: 10_000 };
const kept = () => undefined;

async function isGiven(taken: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([taken, Promise.resolve().then(() => pending)])) !== pending;
}

describe('the memory of bodies', () => {
  it('is given at once while there is some', async () => {
    const { take } = bodyBudget(limits);
    expect(await isGiven(take('a', 50, kept))).toBe(true);
    expect(await isGiven(take('b', 50, kept))).toBe(true);
  });

  it('lets a client wait for bodies of its own, and others pass', async () => {
    const { take } = bodyBudget(limits);
    const first = await take('a', 40, kept);
    const second = take('a', 40, kept);
    expect(await isGiven(second)).toBe(false);
    expect(await isGiven(take('b', 40, kept))).toBe(true);
    first?.giveBack();
    expect(await isGiven(second)).toBe(true);
  });

  it('is given in order where all of it is used up, so that a large body is not passed by small ones for ever', async () => {
    const { take } = bodyBudget(limits);
    const first = await take('a', 50, kept);
    await take('b', 50, kept);
    const large = take('c', 50, kept);
    const small = take('d', 1, kept);
    expect([await isGiven(large), await isGiven(small)]).toEqual([false, false]);
    first?.giveBack();
    expect([await isGiven(large), await isGiven(small)]).toEqual([true, false]);
  });

  it('is refused who waited too long, which makes room for those behind', async () => {
    const { take } = bodyBudget({ ...limits, waitMsMax: 5 });
    await take('a', 50, kept);
    await take('b', 40, kept);
    const large = take('c', 20, kept);
    expect(await large).toBeUndefined();
    expect(await isGiven(take('d', 10, kept))).toBe(true);
  });

  it('is taken from the body that has been coming for longest where somebody waits, and from none that is here', async () => {
    const { take } = bodyBudget({ ...limits, cutAfterMs: 5 });
    const cut: string[] = [];
    const slow = async (client: string) => {
      const room = await take(client, 50, () => {
        cut.push(client);
        room?.giveBack();
      });
      return room;
    };
    (await slow('a'))?.arrived();
    await slow('b');
    expect(await take('c', 10, kept)).toBeDefined();
    expect(cut).toEqual(['b']);
  });

  it('is given back once, however often that is said', async () => {
    const { take } = bodyBudget(limits);
    const first = await take('a', 50, kept);
    await take('b', 50, kept);
    first?.giveBack();
    first?.giveBack();
    await take('c', 50, kept);
    expect(await isGiven(take('d', 1, kept))).toBe(false);
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
          const room = await take(client, bytes, kept);
          if (!room) throw new Error('refused');
          served += 1;
          held.push({ client, bytes, giveBack: room.giveBack });
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
