/**
 * The memory that bodies together may hold, from their first byte until their request is answered. Each is bounded by itself; thousands
 * of connections that send the largest one at the same time are not. A body that finds no room is not read until there is some.
 */

export interface BodyBudget {
  /**
   * Resolves when there is room; undefined: there was none in time. `client` is whom limits know, `bytes` at most what one client may
   * have. The room is given back when `over` is aborted, and who waits for it then waits no more.
   */
  readonly take: (client: string, bytes: number, over: AbortSignal) => Promise<Room | undefined>;
}

interface Room {
  /** Aborted where others wait and this body has been coming for longest: it is to be refused. */
  readonly cut: AbortSignal;
  /** The body is here: it is not cut any more. */
  readonly arrived: () => void;
}

export interface BodyBudgetOptions {
  readonly bytesMax: number;
  readonly clientBytesMax: number;
  readonly waitMsMax: number;
  /** A body that is still to come after so long is cut where others wait. */
  readonly cutAfterMs: number;
}

/** How often who waits looks for a body to cut, in the time after which one may be. */
const looksOfWait = 5;

interface Coming {
  readonly client: string;
  readonly since: number;
  readonly cutter: AbortController;
}

interface Waiting {
  readonly client: string;
  readonly bytes: number;
  readonly begin: () => void;
}

export function bodyBudget({ bytesMax, clientBytesMax, waitMsMax, cutAfterMs }: BodyBudgetOptions): BodyBudget {
  const bytesOf = new Map<string, number>();
  /** In the order in which they came. Who waits for bodies of his own holds up nobody else. */
  const waiting = new Set<Waiting>();
  /** Bodies that are still to come, the oldest first. */
  const coming = new Set<Coming>();
  let taken = 0;

  function begun({ client, bytes }: Waiting, over: AbortSignal): Room {
    taken += bytes;
    bytesOf.set(client, (bytesOf.get(client) ?? 0) + bytes);
    const body = { client, since: performance.now(), cutter: new AbortController() };
    coming.add(body);
    const arrived = () => void coming.delete(body);
    const giveBack = () => {
      arrived();
      taken -= bytes;
      const left = (bytesOf.get(client) ?? 0) - bytes;
      if (left > 0) bytesOf.set(client, left);
      else bytesOf.delete(client);
      serve();
    };
    over.addEventListener('abort', giveBack, { once: true });
    return { cut: body.cutter.signal, arrived };
  }

  /** Of the same client where it waits for itself. */
  function cutOldest({ client, bytes }: Waiting): void {
    const ofItself = !fitsOf(client, bytes);
    for (const body of coming) {
      if (ofItself && body.client !== client) continue;
      if (performance.now() - body.since < cutAfterMs) return;
      coming.delete(body);
      body.cutter.abort();
      return;
    }
  }

  function fitsOf(client: string, bytes: number): boolean {
    return (bytesOf.get(client) ?? 0) + bytes <= clientBytesMax;
  }

  function serve(): void {
    for (const one of waiting) {
      if (!fitsOf(one.client, one.bytes)) continue;
      // The first who waits for others waits until there is room for him, or small ones would pass him for ever.
      if (taken + one.bytes > bytesMax) return;
      waiting.delete(one);
      one.begin();
    }
  }

  return {
    take: (client, bytes, over) =>
      new Promise((resolve) => {
        if (over.aborted) return resolve(undefined);
        const ended = () => {
          clearInterval(cutting);
          clearTimeout(timer);
          over.removeEventListener('abort', givenUp);
          waiting.delete(one);
        };
        const givenUp = () => {
          ended();
          resolve(undefined);
          serve();
        };
        const one: Waiting = {
          client,
          bytes,
          begin: () => {
            ended();
            resolve(begun(one, over));
          },
        };
        const cutting = setInterval(() => cutOldest(one), cutAfterMs / looksOfWait);
        const timer = setTimeout(givenUp, waitMsMax);
        over.addEventListener('abort', givenUp, { once: true });
        waiting.add(one);
        serve();
      }),
  };
}
