/**
 * The memory that bodies together may hold, from their first byte until their request is answered. Each is bounded by itself; thousands
 * of connections that send the largest one at the same time are not. A body that finds no room is not read until there is some.
 */

export interface BodyBudget {
  /**
   * Resolves when there is room, with what gives it back, which may be called again; undefined: there was none in time. `client` is whom
   * limits know, `bytes` at most what one client may have.
   */
  readonly take: (client: string, bytes: number) => Promise<(() => void) | undefined>;
}

export interface BodyBudgetOptions {
  readonly bytesMax: number;
  readonly clientBytesMax: number;
  readonly waitMsMax: number;
}

interface Waiting {
  readonly client: string;
  readonly bytes: number;
  readonly begin: () => void;
}

export function bodyBudget({ bytesMax, clientBytesMax, waitMsMax }: BodyBudgetOptions): BodyBudget {
  const bytesOf = new Map<string, number>();
  /** In the order in which they came. Who waits for bodies of his own holds up nobody else. */
  const waiting = new Set<Waiting>();
  let taken = 0;

  function begun(client: string, bytes: number): () => void {
    taken += bytes;
    bytesOf.set(client, (bytesOf.get(client) ?? 0) + bytes);
    let isGiven = true;
    return () => {
      if (!isGiven) return;
      isGiven = false;
      taken -= bytes;
      const left = (bytesOf.get(client) ?? 0) - bytes;
      if (left > 0) bytesOf.set(client, left);
      else bytesOf.delete(client);
      serve();
    };
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
    take: (client, bytes) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiting.delete(one);
          resolve(undefined);
          serve();
        }, waitMsMax);
        const one: Waiting = {
          client,
          bytes,
          begin: () => {
            clearTimeout(timer);
            resolve(begun(client, bytes));
          },
        };
        waiting.add(one);
        serve();
      }),
  };
}
