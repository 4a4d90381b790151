/** What imports read: kept from before the first of their events, for those who go on with one. */
import type { Database } from '../connect.ts';

export interface ImportSource {
  /** Of what the file holds when it is unpacked. */
  readonly contentsSha256: string;
  readonly format: string;
  /** Where names belong that are written bare. */
  readonly namespace: string;
}

export async function rememberImport(database: Database, id: string, source: ImportSource): Promise<void> {
  await database
    .insertInto('directory.imports')
    .values({
      id,
      contents_sha256: source.contentsSha256,
      format: source.format,
      namespace: source.namespace,
    })
    .execute();
}

/** Undefined: it read what cannot be read again, or there is no such import. */
export async function readImportSource(database: Database, id: string): Promise<ImportSource | undefined> {
  const row = await database.selectFrom('directory.imports').selectAll().where('id', '=', id).executeTakeFirst();
  return row && { contentsSha256: row.contents_sha256, format: row.format, namespace: row.namespace };
}
