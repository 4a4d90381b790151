/**
 * A circuit breaker before the database: while there is no primary nothing waits for one. It opens when the server says that it takes no
 * writes, or when nobody answers a question that was put to it because a connection was lost or answers stayed away. One lost connection,
 * a slow statement or a full pool only make it ask. While it is open it asks again and again, one question at a time.
 */

/** The clock of what is below. Ticks are counted, not time: a process that was held up itself has not waited for the server. */
const tickMs = 25;
/** Somebody waits and nothing came over any connection for so long: the server is asked. */
const askAfterMs = 75;
/** From the answer to one question to the next while it is open. With the longest question it stays below a second. */
const askEveryMs = 150;

/** There is no server that takes writes: nothing was sent, or its connection was cut. */
export class NoPrimary extends Error {
  override readonly name = 'NoPrimary';
}

/** `serves`: it takes writes. `refuses`: it is there and says that it does not. `unreachable`: nobody said anything. */
export type ServerAnswer = { readonly is: 'serves' } | { readonly is: 'refuses' | 'unreachable'; readonly why: string };

/** `kept`: over a connection that was there before, where there is one; `anew`: as somebody who comes now would be answered. */
export type Way = 'kept' | 'anew';

export interface BreakerOptions {
  /** Never rejects. */
  readonly ask: (way: Way) => Promise<ServerAnswer>;
  /** Whether anybody waits for an answer or for a connection. */
  readonly isAwaited: () => boolean;
  /** Bytes that ever came from the server, over whatever connection: one that speaks is there, however slow its answers are. */
  readonly receivedBytes: () => number;
  /** With a question open and not one byte for so long, the server counts as gone. */
  readonly silenceMsMax: number;
  /** What is connected is to be cut. */
  readonly onOpen: (why: string) => void;
  readonly onClose: (openMs: number) => void;
}

export interface Breaker {
  /** The error with which a request for a connection fails at once; undefined while they are handed out. A new one for every caller. */
  readonly refusal: () => NoPrimary | undefined;
  /** Somebody begins to wait for the server. */
  readonly begins: () => void;
  /** The server answered a statement, whatever it said. */
  readonly heard: () => void;
  /** A connection was lost, or the server said that it is none that takes writes. */
  readonly suspect: () => void;
  readonly stop: () => void;
}

export function circuitBreaker({
  ask,
  isAwaited,
  receivedBytes,
  silenceMsMax,
  onOpen,
  onClose,
}: BreakerOptions): Breaker {
  let opened: { why: string; readonly since: number } | undefined;
  let asking = false;
  let stopped = false;
  let answers = 0;
  let silentMs = 0;
  let receivedBefore = 0;
  let clock: NodeJS.Timeout | undefined;
  let pause: NodeJS.Timeout | undefined;

  function begins(): void {
    if (clock !== undefined || opened || stopped) return;
    silentMs = 0;
    receivedBefore = receivedBytes();
    clock = setInterval(tick, tickMs).unref();
  }

  function rest(): void {
    clearInterval(clock);
    clock = undefined;
  }

  function tick(): void {
    const awaited = isAwaited();
    if (!asking && !awaited) return rest();
    const received = receivedBytes();
    // Whom nobody waits for may take its time, and so may the first answer, when everything is cold: a question has an end of its own.
    const silent = received === receivedBefore && awaited && answers > 0;
    receivedBefore = received;
    silentMs = silent ? silentMs + tickMs : 0;
    if (asking && silentMs >= silenceMsMax) open('the server does not answer');
    else if (!asking && pause === undefined && silentMs >= askAfterMs) void inquire('kept');
  }

  function heard(): void {
    answers += 1;
  }

  async function inquire(way: Way): Promise<void> {
    asking = true;
    begins();
    const before = answers;
    const answer = await ask(way);
    asking = false;
    if (stopped) return;
    switch (answer.is) {
      case 'serves':
        heard();
        close();
        return;
      case 'refuses':
        heard();
        open(answer.why);
        break;
      case 'unreachable':
        if (way === 'kept' && !opened) return inquire('anew');
        // Others are answered over the connections that they have: it is there.
        if (answers === before) open(answer.why);
        break;
    }
    pause = setTimeout(() => {
      pause = undefined;
      void inquire('anew');
    }, askEveryMs).unref();
  }

  function open(why: string): void {
    if (opened) {
      opened.why = why;
      return;
    }
    opened = { why, since: performance.now() };
    rest();
    onOpen(why);
  }

  function close(): void {
    if (!opened) return;
    const openMs = performance.now() - opened.since;
    opened = undefined;
    onClose(openMs);
  }

  return {
    refusal: () => opened && new NoPrimary(opened.why),
    begins,
    heard,
    suspect: () => {
      if (!opened && !asking && !stopped && pause === undefined) void inquire('anew');
    },
    stop: () => {
      stopped = true;
      rest();
      clearTimeout(pause);
    },
  };
}
