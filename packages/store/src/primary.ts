/**
 * Whether there is a primary, for all connections of a process to one database: the breaker that stands before them, the connection over
 * which it asks, and the sockets that are cut when it opens, so that nobody waits on a server that is gone.
 */
import { Socket } from 'node:net';

import { sql } from 'kysely';
import pg from 'pg';

import { NoPrimary, circuitBreaker } from './breaker.ts';
import type { Breaker, ServerAnswer, Way } from './breaker.ts';
import type { Database } from './connect.ts';

/**
 * A server that stands still looks like one on a machine that has much to do, and a push that is refused for nothing is worse than one
 * that waits: with 250 ms a machine with a load of 8 on 2 cores was taken for a server that was gone.
 */
const silenceMsMax = 2_000;
/** Without a byte for so long a question is given up, while it connects and afterwards. Counted in ticks, as in the breaker. */
const questionSilenceMsMax = 1_500;
const questionTickMs = 100;
const questionMsMax = 3_000;

export interface PrimaryOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** `why` is for people. */
  readonly onLost: (why: string) => void;
  /** After so many milliseconds without one. */
  readonly onFound: (lostMs: number) => void;
}

export interface Primary {
  readonly breaker: Breaker;
  /** The socket of a connection of a pool. While there is no primary it ends before it begins. */
  readonly socket: () => Socket;
  /** Counts those who wait for this pool or for one of its connections as waiting for the server. */
  readonly adopt: (pool: Readonly<Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount'>>) => void;
  readonly stop: () => void;
}

export function watchPrimary({ url, applicationName, onLost, onFound }: PrimaryOptions): Primary {
  const pools: Parameters<Primary['adopt']>[0][] = [];
  const sockets = new Set<Socket>();
  let kept: { readonly client: pg.Client; readonly socket: Socket } | undefined;

  let bytesOfClosed = 0;

  function held(socket: Socket): Socket {
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      bytesOfClosed += socket.bytesRead;
    });
    return socket;
  }

  function drop(): void {
    kept?.socket.destroy();
    kept = undefined;
  }

  async function ask(way: Way): Promise<ServerAnswer> {
    if (way === 'anew') drop();
    const socket = kept?.socket ?? held(new Socket());
    const patience = endWhenSilent(socket);
    try {
      const { client } = kept ?? (await connected(socket));
      const { rows } = await client.query<{ read_only: boolean }>(question);
      const [answer] = rows;
      return answer?.read_only === false ? { is: 'serves' } : { is: 'refuses', why: 'the server is read-only' };
    } catch (error) {
      drop();
      return answerIn(error);
    } finally {
      clearInterval(patience);
    }
  }

  async function connected(socket: Socket): Promise<NonNullable<typeof kept>> {
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: questionMsMax,
      query_timeout: questionMsMax,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      stream: () => socket,
    });
    client.on('error', () => {
      if (kept?.client !== client) return;
      drop();
      breaker.suspect();
    });
    kept = { client, socket };
    await client.connect();
    return kept;
  }

  const breaker = circuitBreaker({
    ask,
    isAwaited: () =>
      pools.some(({ totalCount, idleCount, waitingCount }) => waitingCount > 0 || totalCount > idleCount),
    receivedBytes: () => [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, bytesOfClosed),
    silenceMsMax,
    onOpen: (why) => {
      for (const socket of sockets) socket.destroy(new NoPrimary(why));
      onLost(why);
    },
    onClose: onFound,
  });

  return {
    breaker,
    socket: () => {
      const socket = held(new Socket());
      const refusal = breaker.refusal();
      // When whoever asked for it listens.
      if (refusal) process.nextTick(() => socket.destroy(refusal));
      return socket;
    },
    adopt: (pool) => pools.push(pool),
    stop: () => {
      breaker.stop();
      drop();
    },
  };
}

function endWhenSilent(socket: Socket): NodeJS.Timeout {
  let received = socket.bytesRead;
  let silentMs = 0;
  return setInterval(() => {
    silentMs = socket.bytesRead === received ? silentMs + questionTickMs : 0;
    received = socket.bytesRead;
    if (silentMs >= questionSilenceMsMax)
      socket.destroy(new Error(`the server did not answer within ${questionSilenceMsMax} ms`));
  }, questionTickMs).unref();
}

const question = `select pg_is_in_recovery() or current_setting('transaction_read_only')::bool as read_only`;

/** Whether the server that answers takes no writes: a standby, or one that was told so. */
export async function isReadOnly(database: Database): Promise<boolean> {
  const { rows } = await sql.raw<{ read_only: boolean }>(question).execute(database);
  return rows[0]?.read_only !== false;
}

/** What the server says of itself while it starts or ends is a refusal; what it says of us is told to those who ask for something. */
function answerIn(error: unknown): ServerAnswer {
  const why = reasonOf(error);
  if (!(error instanceof pg.DatabaseError)) return { is: 'unreachable', why };
  if (error.code === '57P03') return { is: 'refuses', why };
  return /^(57P|08)/.test(error.code ?? '') ? { is: 'unreachable', why } : { is: 'serves' };
}

/** A host that was tried at several addresses fails with an error without a message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
