/**
 * A queue in which clients take turns: each has a line of its own, of which the first is served when it is the client's turn. Who asks
 * for much waits behind itself. A line has an end; so has the queue, and when it is full the longest line makes room for a shorter one.
 */

export interface FairQueue {
  /** Turned away where there is no room. */
  readonly run: <Result>(client: string, work: () => Promise<Result>) => Promise<Result | TurnedAway>;
  /** Whether the line of the client has no room. */
  readonly isFull: (client: string) => boolean;
  /** Those that have not begun. */
  readonly waiting: () => number;
}

export interface TurnedAway {
  /** The line of the client is full, or the queue is. */
  readonly full: 'line' | 'queue';
}

export function isTurnedAway(value: unknown): value is TurnedAway {
  return typeof value === 'object' && value !== null && 'full' in value;
}

export interface FairQueueOptions {
  readonly runningMax: number;
  readonly waitingMax: number;
  readonly waitingOfClientMax: number;
}

interface Waiting {
  /** Resolves when it has ended, however. */
  readonly begin: () => Promise<void>;
  readonly turnAway: (away: TurnedAway) => void;
}

export function fairQueue({ runningMax, waitingMax, waitingOfClientMax }: FairQueueOptions): FairQueue {
  /** In the order in which it is their turn; no line is empty. */
  const lines = new Map<string, Waiting[]>();
  let running = 0;
  let waiting = 0;

  function isFull(client: string): boolean {
    return running >= runningMax && (lines.get(client)?.length ?? 0) >= waitingOfClientMax;
  }

  function enter(client: string, one: Waiting): void {
    const line = lines.get(client) ?? [];
    if (running >= runningMax) {
      if (isFull(client)) return one.turnAway({ full: 'line' });
      if (waiting >= waitingMax && !makesRoom(line.length)) return one.turnAway({ full: 'queue' });
    }
    line.push(one);
    lines.set(client, line);
    waiting += 1;
    serve();
  }

  /** The last of the longest line gives way, unless that line would then be shorter than the one that grows. */
  function makesRoom(length: number): boolean {
    let longest: Waiting[] = [];
    for (const line of lines.values()) if (line.length > longest.length) longest = line;
    if (longest.length <= length + 1) return false;
    longest.pop()?.turnAway({ full: 'line' });
    waiting -= 1;
    return true;
  }

  function serve(): void {
    for (const [client, line] of lines) {
      if (running >= runningMax) return;
      lines.delete(client);
      const [first, ...rest] = line;
      if (rest.length > 0) lines.set(client, rest);
      if (first === undefined) continue;
      waiting -= 1;
      running += 1;
      void ended(first);
    }
  }

  async function ended({ begin }: Waiting): Promise<void> {
    await begin();
    running -= 1;
    serve();
  }

  return {
    isFull,
    waiting: () => waiting,
    run: (client, work) =>
      new Promise((resolve, reject) => {
        enter(client, { begin: () => work().then(resolve, reject), turnAway: resolve });
      }),
  };
}
