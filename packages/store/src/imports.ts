/** What the log holds of an import: its commands by its id, in their order. */
import type { Executor } from './log.ts';

/** As the index `events_import` has it. */
const ofImport = `e.command_seq = 1 and e.metadata #>> '{actor,via}' = 'operator' and e.metadata ->> 'correlation_id' = $1`;

/** None for what is no import; what took an import back is none itself, and is caused by the one that it took back. */
export async function countImportCommands(executor: Executor, importId: string): Promise<number> {
  const { rows } = await executor.query<{ commands: number }>({
    text: `select count(*)::int as commands from es.events e where ${ofImport} and e.stream_id like 'repository-%'
      and e.metadata ->> 'causation_id' = $1`,
    values: [importId],
  });
  return rows[0]?.commands ?? 0;
}

export interface ImportPage {
  readonly commands: number;
  readonly streamIds: readonly string[];
  /** Of the last command; undefined at the end. */
  readonly end: bigint | undefined;
}

/** The streams of its commands after a position: each as often as there are pages that it has a command in. */
export async function readImportPage(
  executor: Executor,
  importId: string,
  after: bigint,
  commandsMax: number,
): Promise<ImportPage> {
  const { rows } = await executor.query<{ position: bigint; stream_id: string }>({
    text: `select e.position, e.stream_id from es.events e where ${ofImport} and e.position > $2 order by e.position limit $3`,
    values: [importId, after, commandsMax],
  });
  return {
    commands: rows.length,
    streamIds: [...new Set(rows.map(({ stream_id }) => stream_id))],
    end: rows.at(-1)?.position,
  };
}

/** By id, as `namespace/name`. */
export async function readFullNames(
  executor: Executor,
  repositoryIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await executor.query<{ repository_id: string; full_name: string }>({
    text: `select x.repository_id, n.name || '/' || x.name as full_name
      from directory.repository_names x join directory.namespaces n on n.id = x.namespace_id
      where x.repository_id = any($1::uuid[])`,
    values: [repositoryIds],
  });
  return new Map(rows.map(({ repository_id: id, full_name: name }) => [id, name]));
}
