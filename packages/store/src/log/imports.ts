/** The commands of an import in the log: found by the import's id, in their order. */
import { sql } from 'kysely';

import type { Database } from '../connect.ts';

/** The expression that the index `events_import` is on. */
function commandsOf(database: Database, importId: string) {
  return database
    .selectFrom('es.events')
    .where('command_seq', '=', 1)
    .where(sql`metadata #>> '{actor,via}'`, '=', sql.lit('operator'))
    .where(sql`metadata ->> 'correlation_id'`, '=', importId);
}

/** None for what is no import; what took an import back is none itself, and is caused by the one that it took back. */
export async function countImportCommands(database: Database, importId: string): Promise<number> {
  const { commands } = await commandsOf(database, importId)
    .where('stream_id', 'like', 'repository-%')
    .where(sql`metadata ->> 'causation_id'`, '=', importId)
    .select(({ fn }) => fn.countAll<bigint>().as('commands'))
    .executeTakeFirstOrThrow();
  return Number(commands);
}

export interface ImportPage {
  readonly commands: number;
  readonly streamIds: readonly string[];
  /** The position of the last command; undefined at the end. */
  readonly end: bigint | undefined;
}

/** The streams of its commands after a position: each as often as there are pages that it has a command in. */
export async function readImportPage(
  database: Database,
  importId: string,
  after: bigint,
  commandsMax: number,
): Promise<ImportPage> {
  const rows = await commandsOf(database, importId)
    .where('position', '>', after)
    .select(['position', 'stream_id'])
    .orderBy('position')
    .limit(commandsMax)
    .execute();
  return {
    commands: rows.length,
    streamIds: [...new Set(rows.map(({ stream_id }) => stream_id))],
    end: rows.at(-1)?.position,
  };
}
