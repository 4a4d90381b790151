/**
 * An import: lines become events of the admin who imports, through the same append as everything else. A batch of lines is one
 * transaction: namespaces and names first, then what each line changes. Repeatable and so resumable: what is there adds nothing.
 */
import type { FullName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { repositoryStream } from '@docket/shared/stored-event';
import { isConnectionLoss, isPassing, isUniqueViolation } from '@docket/store/connect';
import type { Store } from '@docket/store/connect';
import { appendAll } from '@docket/store/log';
import type { AppendCommand } from '@docket/store/log';
import { lookUpMany } from '@docket/store/repositories';
import { inTransaction } from '@docket/store/transaction';
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

import type { CommandEnvelope } from '../envelope.ts';
import { attemptsMax } from '../limits.ts';
import { decideImport } from './decider.ts';
import { lineKey, parseImportLine } from './line.ts';
import type { ImportLine } from './line.ts';

const batchLinesMax = 500;
const retryMs = 200;

export interface RefusedLine {
  readonly number: number;
  readonly reason: string;
}

export interface ImportCounts {
  readonly lines: number;
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly refused: number;
  readonly events: number;
}

export interface ImportOptions {
  readonly store: Store;
  readonly onAppended: () => void;
  /** The admin who imports, and the import as the request that it all belongs to. */
  readonly envelope: Omit<CommandEnvelope, 'commandId'>;
  readonly lines: AsyncIterable<string>;
  /** After every batch. */
  readonly onProgress: (counts: ImportCounts) => void;
  readonly onRefused: (line: RefusedLine) => void;
}

interface NumberedLine {
  readonly number: number;
  readonly line: ImportLine;
}

export async function runImport(options: ImportOptions): Promise<ImportCounts> {
  let counts: ImportCounts = { lines: 0, created: 0, changed: 0, unchanged: 0, refused: 0, events: 0 };
  let batch: NumberedLine[] = [];
  const refuseLine = (line: RefusedLine) => {
    counts = { ...counts, refused: counts.refused + 1 };
    options.onRefused(line);
  };

  async function flush(): Promise<void> {
    if (batch.length === 0) return;
    const { created, changed, unchanged, events, refused } = await importBatch(options, batch);
    batch = [];
    counts = {
      ...counts,
      created: counts.created + created,
      changed: counts.changed + changed,
      unchanged: counts.unchanged + unchanged,
      events: counts.events + events,
    };
    refused.forEach(refuseLine);
    if (events > 0) options.onAppended();
    options.onProgress(counts);
  }

  for await (const text of options.lines) {
    counts = { ...counts, lines: counts.lines + 1 };
    if (text.trim() === '') continue;
    const line = parseImportLine(text);
    if (isRefusal(line)) refuseLine({ number: counts.lines, reason: line.message });
    else batch.push({ number: counts.lines, line });
    if (batch.length >= batchLinesMax) await flush();
  }
  await flush();
  return counts;
}

interface BatchOutcome {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly events: number;
  readonly refused: readonly RefusedLine[];
}

/** Again on a lost race, and when the database went away: whatever was written meanwhile is found and adds nothing. */
async function importBatch({ store, envelope }: ImportOptions, batch: readonly NumberedLine[]): Promise<BatchOutcome> {
  let failure: unknown;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    try {
      const outcome = await inTransaction<BatchOutcome | undefined>(store, async (client, abort) => {
        const { appends, ...counted } = await decideBatch(client, batch, envelope);
        if (appends.length === 0) return counted;
        const verdicts = await appendAll(client, appends, false);
        return verdicts.every(({ outcome: verdict }) => verdict === 'appended') ? counted : abort(undefined);
      });
      if (outcome) return outcome;
    } catch (error) {
      if (!isConnectionLoss(error) && !isPassing(error) && !isUniqueViolation(error)) throw error;
      failure = error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, retryMs);
    });
  }
  throw new Error(`lines ${batch[0]?.number} to ${batch.at(-1)?.number} could not be imported`, { cause: failure });
}

async function decideBatch(
  client: pg.PoolClient,
  batch: readonly NumberedLine[],
  envelope: ImportOptions['envelope'],
): Promise<BatchOutcome & { readonly appends: readonly AppendCommand[] }> {
  const byName = grouped(batch);
  const names = [...byName.values()].flatMap(([first]) => first?.line.fullName ?? []);
  const namespaceIds = await ensureNamespaces(client, names);
  const found = await lookUpMany(client, names);
  const appends: AppendCommand[] = [];
  const refused: RefusedLine[] = [];
  const fresh: { readonly fullName: FullName; readonly namespaceId: string; readonly id: string }[] = [];
  const counted = { created: 0, changed: 0, unchanged: 0, events: 0 };
  for (const [key, lines] of byName) {
    const { id = uuidv7(), state: before = absentRepository, version = 0 } = found.get(key) ?? {};
    const events: RepositoryEvent[] = [];
    let state = before;
    for (const { number, line } of lines) {
      const { namespace, name } = line.fullName;
      const namespaceId = namespaceIds.get(namespace);
      if (namespaceId === undefined) throw new Error(`the namespace ${namespace} is not there`);
      const news = decideImport(state, { ...line.repository, namespaceId, name });
      if (isRefusal(news)) {
        refused.push({ number, reason: news.message });
        continue;
      }
      if (version === 0 && events.length === 0 && news.length > 0)
        fresh.push({ fullName: line.fullName, namespaceId, id });
      if (news.length === 0) counted.unchanged += 1;
      else if (news.some(({ type }) => type === 'RepositoryCreated')) counted.created += 1;
      else counted.changed += 1;
      events.push(...news);
      state = news.reduce(evolve, state);
    }
    counted.events += events.length;
    if (events.length > 0) {
      appends.push({
        streamId: repositoryStream(id),
        expectedVersion: version,
        events,
        commandId: uuidv7(),
        ...envelope,
      });
    }
  }
  // A name that somebody else took in this moment is a unique violation, and the batch begins again.
  await client.query(
    `insert into directory.repository_names (namespace_id, name, repository_id)
     select * from unnest($1::uuid[], $2::text[], $3::uuid[])`,
    [
      fresh.map(({ namespaceId }) => namespaceId),
      fresh.map(({ fullName }) => fullName.name),
      fresh.map(({ id }) => id),
    ],
  );
  return { ...counted, refused, appends };
}

/** A file may name a repository several times: its lines count one after the other. */
function grouped(batch: readonly NumberedLine[]): Map<string, NumberedLine[]> {
  const groups = new Map<string, NumberedLine[]>();
  for (const numbered of batch) {
    const key = lineKey(numbered.line);
    const group = groups.get(key);
    if (group) group.push(numbered);
    else groups.set(key, [numbered]);
  }
  return groups;
}

/** Namespaces that nobody has become reserved: registering the name answers that it is taken. */
async function ensureNamespaces(client: pg.PoolClient, names: readonly FullName[]): Promise<Map<string, string>> {
  // In one order, so that two imports at once do not wait for each other.
  const wanted = [...new Set(names.map(({ namespace }) => namespace))].toSorted();
  await client.query(
    `insert into directory.namespaces (id, name) select * from unnest($1::uuid[], $2::text[]) on conflict (name) do nothing`,
    [wanted.map(() => uuidv7()), wanted],
  );
  const { rows } = await client.query<{ id: string; name: string }>(
    'select id, name from directory.namespaces where name = any($1::text[])',
    [wanted],
  );
  return new Map(rows.map(({ id, name }) => [name, id]));
}
