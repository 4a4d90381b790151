/**
 * The memory that bodies together may hold, from their first byte until their request is answered. Each is bounded by itself; thousands
 * of connections that send the largest one at the same time are not. A body that finds no room is not read until there is some.
 */

export interface BodyBudget {
  /**
   * Resolves when there is room; undefined: there was none in time. `client` is whom limits know, `bytes` at most what one client may
   * have. `cut` ends a body that is still to come: it is called where others wait, of the one that has been coming for longest.
   */
  readonly take: (client: string, bytes: number, cut: () => void) => Promise<Room | undefined>;
}

interface Room {
  /** The body is here: it is not cut any more. */
  readonly arrived: () => void;
  /** May be called again. */
  readonly giveBack: () => void;
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
  readonly cut: () => void;
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

  function begun({ client, bytes }: Waiting, cut: () => void): Room {
    taken += bytes;
    bytesOf.set(client, (bytesOf.get(client) ?? 0) + bytes);
    const body = { client, since: performance.now(), cut };
    coming.add(body);
    let isGiven = true;
    const giveBack = () => {
      coming.delete(body);
      if (!isGiven) return;
      isGiven = false;
      taken -= bytes;
      const left = (bytesOf.get(client) ?? 0) - bytes;
      if (left > 0) bytesOf.set(client, left);
      else bytesOf.delete(client);
      serve();
    };
    return { arrived: () => void coming.delete(body), giveBack };
  }

  /** Of the same client where it waits for itself. */
  function cutOldest({ client, bytes }: Waiting): void {
    const ofItself = !fitsOf(client, bytes);
    for (const body of coming) {
      if (ofItself && body.client !== client) continue;
      if (performance.now() - body.since < cutAfterMs) return;
      coming.delete(body);
      body.cut();
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
    take: (client, bytes, cut) =>
      new Promise((resolve) => {
        const cutting = setInterval(() => cutOldest(one), cutAfterMs / looksOfWait);
        const timer = setTimeout(() => {
          clearInterval(cutting);
          waiting.delete(one);
          resolve(undefined);
          serve();
        }, waitMsMax);
        const one: Waiting = {
          client,
          bytes,
          begin: () => {
            clearTimeout(timer);
            clearInterval(cutting);
            resolve(begun(one, cut));
          },
        };
        waiting.add(one);
        serve();
      }),
  };
}
