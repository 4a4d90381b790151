/**
 * Statements of the hot path: their text is fixed, so it is compiled once, when the module is loaded, and prepared once on each
 * connection under its name, where no pooler stands between. Everything else goes through the builder of kysely.
 */
import { CompiledQuery } from 'kysely';
import type { RootOperationNode } from 'kysely';

import type { Database } from './connect.ts';

const names = new WeakMap<RootOperationNode, string>();

/** Undefined: it is not prepared. */
export function preparedName(query: RootOperationNode): string | undefined {
  return names.get(query);
}

export type Prepared<Row, Values extends readonly unknown[]> = (
  database: Database,
  values: Values,
) => Promise<readonly Row[]>;

/** `$1` in the text is the first of the values. A name belongs to one text. */
export function prepared<Row, Values extends readonly unknown[]>(name: string, text: string): Prepared<Row, Values> {
  const compiled = CompiledQuery.raw(text);
  names.set(compiled.query, name);
  return async (database, values) => {
    const { rows } = await database.executeQuery<Row>({ ...compiled, parameters: values });
    return rows;
  };
}
