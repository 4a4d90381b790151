/** A handle to the database whose every statement can be seen, changed or held up on its way to the server. */
import { postgresDialect } from '@docket/store/postgres-dialect';
import type { Tables } from '@docket/store/tables';
import { Kysely } from 'kysely';
import pg from 'pg';

export interface DatabaseThrough {
  readonly database: Kysely<Tables>;
  readonly stop: () => Promise<void>;
}

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, BigInt);

/** `through` gets the statement and whoever sends it. */
export function databaseThrough(
  url: string,
  through: (
    statement: pg.QueryConfig,
    send: (statement: pg.QueryConfig) => Promise<pg.QueryResult>,
  ) => Promise<pg.QueryResult>,
): DatabaseThrough {
  const pool = new pg.Pool({ connectionString: url, max: 4, types });
  pool.on('error', () => undefined);
  const database = new Kysely<Tables>({
    dialect: postgresDialect({
      prepares: false,
      pool: {
        end: () => pool.end(),
        connect: async () => {
          const client = await pool.connect();
          return {
            on: client.on.bind(client),
            off: client.off.bind(client),
            release: client.release.bind(client),
            query: (statement) => through(statement, (sent) => client.query(sent)),
          };
        },
      },
    }),
  });
  return { database, stop: () => pool.end() };
}
