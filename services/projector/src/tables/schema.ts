/** Where the tables of a read model stand: those that are read, and those that are built beside them. */
export type ReadSchema = 'read' | 'read_next';

/** A statement for each: names of schemas are no parameters. */
export function inEachSchema<Statement>(
  statement: (schema: ReadSchema) => Statement,
): Readonly<Record<ReadSchema, Statement>> {
  return { read: statement('read'), read_next: statement('read_next') };
}
