/** Statements inside of a transaction, prepared once per connection where no pooler stands between. */
import type pg from 'pg';

import type { Reader } from './connect.ts';
import type { Executor } from './log.ts';

export interface TransactionClient extends Executor {
  readonly run: <Row extends pg.QueryResultRow>(
    name: string,
    text: string,
    values: readonly unknown[],
  ) => Promise<pg.QueryResult<Row>>;
}

export function transactionClient(client: pg.PoolClient, prepared: boolean): TransactionClient {
  return {
    query: (config) => client.query(config),
    run: (name, text, values) => client.query({ ...(prepared ? { name } : {}), text, values: [...values] }),
  };
}

/** For a question that must be answered by the transaction itself. */
export function transactionReader(client: pg.PoolClient): Reader {
  return {
    query: async <Row extends pg.QueryResultRow>(_name: string, text: string, values: readonly unknown[]) => {
      const result = await client.query<Row>({ text, values: [...values] });
      return result.rows;
    },
  };
}
