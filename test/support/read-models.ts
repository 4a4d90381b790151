/** What the read models should hold, from the log alone, and what they do hold. */
import { fold } from '@docket/shared/decider';
import { evolve, absentRepository } from '@docket/shared/repositories';
import type { Repository } from '@docket/shared/repositories';
import { readRepositoryEvent, repositoryOf } from '@docket/shared/stored-event';
import type { StoredEvent } from '@docket/shared/stored-event';
import type pg from 'pg';

export interface ReadModels {
  readonly repositories: readonly RepositoryLine[];
  /** `repository image checksum`. */
  readonly images: readonly string[];
}

interface RepositoryLine {
  readonly repository_id: string;
  readonly number: string;
  readonly version: number;
  readonly status: string;
  readonly is_private: boolean;
  readonly description: string;
  readonly star_count: string | null;
  readonly pull_count: string | null;
  readonly last_updated: string;
  readonly state: Repository;
}

/** As little of the projector's code as can be: rows are compared with a plain fold of each stream from its first event. */
export async function expectedReadModels(client: pg.ClientBase | pg.Pool): Promise<ReadModels> {
  const { rows } = await client.query<StoredEvent & { stream_id: string; position: string; updated_at: string }>(
    `select stream_id, position::text, type, schema_version, data,
       coalesce((data ->> 'last_updated')::timestamptz, date_trunc('milliseconds', recorded_at))::text as updated_at
     from es.events where stream_id like 'repository-%' order by stream_id, version`,
  );
  const streams = new Map<string, typeof rows>();
  for (const row of rows) {
    const stream = streams.get(row.stream_id);
    if (stream) stream.push(row);
    else streams.set(row.stream_id, [row]);
  }
  const repositories = [...streams].map(([streamId, events]): RepositoryLine => {
    const state = fold(evolve, absentRepository, events.map(readRepositoryEvent));
    const contents = 'images' in state ? state : undefined;
    const updates = events.filter(({ type }) => updateTypes.has(type));
    return {
      repository_id: repositoryOf(streamId) ?? streamId,
      number: events[0]?.position ?? '',
      version: events.length,
      status: state.status,
      is_private: contents?.is_private ?? false,
      description: contents?.description ?? '',
      star_count: contents?.star_count?.toString() ?? null,
      pull_count: contents?.pull_count?.toString() ?? null,
      last_updated: updates.at(-1)?.updated_at ?? '',
      state,
    };
  });
  const images = repositories.flatMap(({ repository_id, state }) =>
    'images' in state ? state.images.map(({ id, checksum }) => `${repository_id} ${id} ${checksum ?? '-'}`) : [],
  );
  return { repositories: repositories.toSorted(byId), images: images.toSorted() };
}

const updateTypes = new Set([
  'RepositoryCreated',
  'PushOpened',
  'ImagesAdded',
  'PushCompleted',
  'DescriptionChanged',
  'FullDescriptionChanged',
  'VisibilityChanged',
  'LastUpdatedObserved',
  'ImagesRestored',
]);

export async function storedReadModels(
  client: pg.ClientBase | pg.Pool,
  schema: 'read' | 'read_next',
): Promise<ReadModels> {
  const repositories = await client.query<RepositoryLine>(
    `select repository_id, number::text, version, status, is_private, description, star_count::text, pull_count::text,
       last_updated::text as last_updated, state
     from ${schema}.repositories`,
  );
  const images = await client.query<{ line: string }>(
    `select repository_id || ' ' || image_id || ' ' || coalesce(checksum, '-') as line from ${schema}.images`,
  );
  return {
    repositories: repositories.rows.toSorted(byId),
    images: images.rows.map(({ line }) => line).toSorted(),
  };
}

function byId(a: RepositoryLine, b: RepositoryLine): number {
  return a.repository_id < b.repository_id ? -1 : 1;
}
