import type { Database } from '../connect.ts';

/** Tells one installation from another where several share a Meilisearch. */
export async function readInstallationId(database: Database): Promise<string> {
  const row = await database.selectFrom('directory.installation').select('id').executeTakeFirst();
  if (!row) throw new Error('directory.installation is empty: the database was not migrated');
  return row.id;
}
