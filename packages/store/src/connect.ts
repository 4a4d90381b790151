/** Connections to Postgres, with every wait bounded. */
import { Kysely } from 'kysely';
import type { Transaction as KyselyTransaction } from 'kysely';
import pg from 'pg';

import { NoPrimary } from './breaker.ts';
import { postgresDialect, readOnlyServer } from './postgres-dialect.ts';
import type { Primary } from './primary.ts';
import type { Tables } from './tables.ts';

/** Every statement goes through this handle; a transaction is one as well. */
export type Database = Kysely<Tables>;
/** A function whose signature asks for this type must run in a transaction. */
export type Transaction = KyselyTransaction<Tables>;

export interface Connection {
  readonly database: Database;
  /** The pool behind the handle, for metrics. */
  readonly pool: Readonly<Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount'>>;
  readonly stop: () => Promise<void>;
}

export interface ConnectionOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly pooler: 'none' | 'transaction';
  readonly connectionsMax: number;
  /** A connection that broke while it was idle; without a listener it would end the process. */
  readonly onIdleError: (error: Error) => void;
  /** For those who answer others: while there is no primary, everything on this connection fails at once (`NoPrimary`). */
  readonly primary?: Primary;
}

const connectMsMax = 3_000;
/** A little above the statement timeout of the roles, for a server that no longer answers at all. */
const queryMsMax = 65_000;

/** Positions are bigint all the way: a JavaScript number would be wrong beyond 2^53, and text compares as text. */
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, BigInt);
/** A day is a day everywhere: as a JavaScript date it would be the midnight of some zone. */
types.setTypeParser(pg.types.builtins.DATE, (text) => text);

export function connect({
  url,
  applicationName,
  pooler,
  connectionsMax,
  onIdleError,
  primary,
}: ConnectionOptions): Connection {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: applicationName,
    max: connectionsMax,
    connectionTimeoutMillis: connectMsMax,
    idleTimeoutMillis: 60_000,
    query_timeout: queryMsMax,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types,
    ...(primary ? { stream: primary.socket } : {}),
  });
  const failed = (error: unknown) => {
    if (isConnectionLoss(error) && !isFull(error)) primary?.breaker.suspect();
  };
  primary?.adopt(pool);
  pool.on('error', (error) => {
    failed(error);
    // That there is no primary is told once, and not for each connection that was cut.
    if (!(error instanceof NoPrimary)) onIdleError(error);
  });
  // A connection may say more than once that it broke, and also after it was thrown away; nobody listening would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const dialect = postgresDialect({
    pool,
    prepares: pooler === 'none',
    ...(primary ? { breaker: { ...primary.breaker, failed } } : {}),
  });
  const database = new Kysely<Tables>({ dialect });
  return { database, pool, stop: () => pool.end() };
}

const tooManyConnections = '53300';
/** It is ending or starting, has no room, ended a session that was idle, or is a standby, or was told to be read-only. */
const connectionStates = new Set(['57P01', '57P02', '57P03', '57P05', tooManyConnections, readOnlyServer]);

/** The server was not there, went away, or is not the one that takes writes: what was asked may have happened or not. */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof NoPrimary) return true;
  if (error instanceof pg.DatabaseError) {
    const code = error.code ?? '';
    return code.startsWith('08') || connectionStates.has(code);
  }
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (/^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/.test(code))
    return true;
  return /connection terminated|timeout exceeded when trying to connect|timeout expired|query read timeout|client has encountered a connection error/i.test(
    error.message,
  );
}

function isFull(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === tooManyConnections;
}

/** The server gave up in time: nothing happened, and it may work the next time (lock, statement, deadlock, serialization). */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof pg.DatabaseError &&
    ['40001', '40P01', '55P03', '57014', '25P03', '25P04', '53200'].includes(error.code ?? '')
  );
}

/** Two waited for each other, and this is the one that was told to give way: nothing happened. */
export function isDeadlock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '40P01';
}

export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof pg.DatabaseError &&
    error.code === '23505' &&
    (constraint === undefined || error.constraint === constraint)
  );
}
