/**
 * kysely over a pool of `pg`, with three things that its own dialect leaves out: statements that are prepared by name; a connection
 * that breaks in the middle of a transaction, or leads to a server that takes no writes, which is thrown away instead of being used again
 * or ending the process; and a breaker that hands out no connection while there is no primary.
 */
import { CompiledQuery, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely';
import pg from 'pg';

import type { Breaker } from './breaker.ts';
import { preparedName } from './prepared.ts';

/** The part of a client of `pg` that the dialect needs. */
export interface PooledClient extends Pick<pg.PoolClient, 'on' | 'off' | 'release'> {
  query(config: pg.QueryConfig): Promise<pg.QueryResult>;
}

export interface ClientPool {
  connect(): Promise<PooledClient>;
  end(): Promise<void>;
}

export interface PostgresDialectOptions {
  readonly pool: ClientPool;
  /** False behind a pooler in transaction mode: the next statement may run on another server connection. */
  readonly prepares: boolean;
  /** `failed` is told why a connection is not used again, or was not to be had. */
  readonly breaker?: Pick<Breaker, 'refusal' | 'begins' | 'heard'> & { readonly failed: (error: unknown) => void };
}

export function postgresDialect(options: PostgresDialectOptions): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (database) => new PostgresIntrospector(database),
    createDriver: () => postgresDriver(options),
  };
}

interface PooledConnection extends DatabaseConnection {
  readonly release: () => void;
  /** It is not used again. */
  readonly breaks: (error: Error) => void;
}

function postgresDriver({ pool, prepares, breaker }: PostgresDialectOptions): Driver {
  const connections = new WeakMap<DatabaseConnection, PooledConnection>();
  const pooled = (connection: DatabaseConnection): PooledConnection => {
    const known = connections.get(connection);
    if (!known) throw new Error('the connection is not one of this pool');
    return known;
  };
  return {
    init: async () => undefined,
    acquireConnection: async () => {
      const refusal = breaker?.refusal();
      if (refusal) throw refusal;
      breaker?.begins();
      try {
        const connection = pooledConnection(await pool.connect(), prepares, breaker);
        connections.set(connection, connection);
        return connection;
      } catch (error) {
        breaker?.failed(error);
        throw error;
      }
    },
    beginTransaction: async (connection) => {
      await connection.executeQuery(begin);
    },
    commitTransaction: async (connection) => {
      await connection.executeQuery(commit);
    },
    rollbackTransaction: async (connection) => {
      // The error that led here is the one to be told.
      await connection.executeQuery(rollback).catch((error: Error) => pooled(connection).breaks(error));
    },
    releaseConnection: async (connection) => pooled(connection).release(),
    destroy: () => pool.end(),
  };
}

const begin = CompiledQuery.raw('begin');
const commit = CompiledQuery.raw('commit');
const rollback = CompiledQuery.raw('rollback');

function pooledConnection(
  client: PooledClient,
  prepares: boolean,
  breaker: PostgresDialectOptions['breaker'],
): PooledConnection {
  let broken: Error | undefined;
  // Without a listener a connection that breaks between two statements would end the process; the next statement reports it.
  const breaks = (error: Error) => {
    broken = error;
    breaker?.failed(error);
  };
  client.on('error', breaks);
  return {
    breaks,
    release: () => {
      client.off('error', breaks);
      client.release(broken);
    },
    executeQuery: async <Row>({ sql: text, parameters, query }: CompiledQuery): Promise<QueryResult<Row>> => {
      // The rollback after it would wait for a server that no longer answers.
      if (broken) throw broken;
      const name = prepares ? preparedName(query) : undefined;
      const values = [...parameters];
      try {
        const { rows, rowCount } = await client.query(name === undefined ? { text, values } : { name, text, values });
        breaker?.heard();
        return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
      } catch (error) {
        if (error instanceof Error && endsConnection(error)) breaks(error);
        else breaker?.heard();
        throw error;
      }
    },
    streamQuery: () => {
      throw new Error('no statement is streamed: every answer has a limit');
    },
  };
}

/** The code with which a standby, or a server that was told to be read-only, refuses to write. */
export const readOnlyServer = '25006';

/**
 * A statement that the server refuses leaves the connection good, unless it is the wrong server; after any other error its state is
 * unknown.
 */
function endsConnection(error: Error): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  return error.severity === 'FATAL' || error.severity === 'PANIC' || error.code === readOnlyServer;
}
