import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bodyBudget } from './body-budget.ts';

const limits = { bytesMax: 100, clientBytesMax: 50, waitMsMax: 20_000, cutAfterMs: 10_000 };

/** Bodies of a budget: each with what it was given, and its end. */
function bodiesOf(options = limits) {
  const { take } = bodyBudget(options);
  return (client: string, bytes: number) => {
    const over = new AbortController();
    return { room: take(client, bytes, over.signal), end: () => over.abort() };
  };
}

async function isGiven({ room }: { readonly room: Promise<unknown> }): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([room, Promise.resolve().then(() => pending)])) !== pending;
}

describe('the memory of bodies', () => {
  it('is given at once while there is some', async () => {
    const body = bodiesOf();
    expect(await isGiven(body('a', 50))).toBe(true);
    expect(await isGiven(body('b', 50))).toBe(true);
  });

  it('lets a client wait for bodies of its own, and others pass', async () => {
    const body = bodiesOf();
    const first = body('a', 40);
    const second = body('a', 40);
    expect(await isGiven(second)).toBe(false);
    expect(await isGiven(body('b', 40))).toBe(true);
    first.end();
    expect(await isGiven(second)).toBe(true);
  });

  it('is given in order where all of it is used up, so that a large body is not passed by small ones for ever', async () => {
    const body = bodiesOf();
    const first = body('a', 50);
    body('b', 50);
    const large = body('c', 50);
    const small = body('d', 1);
    expect([await isGiven(large), await isGiven(small)]).toEqual([false, false]);
    first.end();
    expect([await isGiven(large), await isGiven(small)]).toEqual([true, false]);
  });

  it('is refused who waited too long, which makes room for those behind', async () => {
    const body = bodiesOf({ ...limits, waitMsMax: 5 });
    body('a', 50);
    body('b', 40);
    const large = body('c', 20);
    expect(await large.room).toBeUndefined();
    expect(await isGiven(body('d', 10))).toBe(true);
  });

  it('is taken from the body that has been coming for longest where somebody waits, and from none that is here', async () => {
    const body = bodiesOf({ ...limits, cutAfterMs: 5 });
    const [here, slow] = [body('a', 50), body('b', 50)];
    (await here.room)?.arrived();
    const cut = (await slow.room)?.cut;
    cut?.addEventListener('abort', slow.end);
    expect(await body('c', 10).room).toBeDefined();
    expect([(await here.room)?.cut.aborted, cut?.aborted]).toEqual([false, true]);
  });

  it('is not waited for by who is gone', async () => {
    const body = bodiesOf();
    body('a', 50);
    const second = body('b', 50);
    const gone = body('c', 50);
    gone.end();
    expect(await gone.room).toBeUndefined();
    second.end();
    expect(await isGiven(body('d', 50))).toBe(true);
  });

  it('is given back once, however often that is said', async () => {
    const body = bodiesOf();
    const first = body('a', 50);
    body('b', 50);
    first.end();
    first.end();
    body('c', 50);
    expect(await isGiven(body('d', 1))).toBe(false);
  });

  it('is never more than it may be, for one or for all, and everybody gets some when all is given back', async () => {
    const bodies = fc.array(
      fc.record({ client: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 1, max: 50 }) }),
    );
    await fc.assert(
      fc.asyncProperty(bodies, fc.infiniteStream(fc.nat()), async (asked, picks) => {
        const body = bodiesOf();
        const held: { client: string; bytes: number; end: () => void }[] = [];
        let served = 0;
        const all = asked.map(async ({ client, bytes }) => {
          const { room, end } = body(client, bytes);
          if (!(await room)) throw new Error('refused');
          served += 1;
          held.push({ client, bytes, end });
          const sum = (of: readonly { bytes: number }[]) => of.reduce((total, one) => total + one.bytes, 0);
          expect(sum(held)).toBeLessThanOrEqual(limits.bytesMax);
          expect(sum(held.filter((one) => one.client === client))).toBeLessThanOrEqual(limits.clientBytesMax);
        });
        for (let turn = 0; turn < 10 * asked.length && served < asked.length + held.length; turn++) {
          await Promise.resolve();
          const [one] = held.splice((picks.next().value ?? 0) % Math.max(1, held.length), 1);
          one?.end();
        }
        await Promise.all(all);
        expect(served).toBe(asked.length);
      }),
    );
  });
});
