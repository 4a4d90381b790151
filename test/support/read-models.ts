/** What the read models should hold, from the log alone, and what they do hold. */
import { fold } from '@docket/shared/decider';
import { absentWithImages, evolveWithImages } from '@docket/shared/repository-images';
import { starsOf } from '@docket/shared/repositories';
import type { Repository, RepositoryEvent } from '@docket/shared/repositories';
import { readRepositoryEvent, repositoryOf } from '@docket/shared/stored-event';
import type { StoredEvent } from '@docket/shared/stored-event';
import type { Database } from '@docket/store/connect';
import { sql } from 'kysely';

export interface ReadModels {
  readonly repositories: readonly RepositoryLine[];
  /** `repository ordinal image checksum`. */
  readonly images: readonly string[];
  /** `repository tag image position`. */
  readonly tags: readonly string[];
  /** `repository account role`. */
  readonly grants: readonly string[];
  /** `namespace public private`; without those that hold nothing. */
  readonly namespaces: readonly string[];
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
  readonly image_count: number;
  readonly tag_count: number;
}

/** Rows are compared with a plain fold of each stream from its first event, with as little of the projector's code as can be. */
export async function expectedReadModels(database: Database): Promise<ReadModels> {
  const { rows } = await sql<
    StoredEvent & { stream_id: string; position: string; updated_at: string }
  >`select stream_id, position::text, type, schema_version, data,
       coalesce((data ->> 'last_updated')::timestamptz, date_trunc('milliseconds', recorded_at))::text as updated_at
     from es.events where stream_id like 'repository-%' order by stream_id, version`.execute(database);
  const streams = new Map<string, typeof rows>();
  for (const row of rows) {
    const stream = streams.get(row.stream_id);
    if (stream) stream.push(row);
    else streams.set(row.stream_id, [row]);
  }
  const folded = [...streams].map(([streamId, events]) => ({
    streamId,
    events,
    ...fold(evolveWithImages, absentWithImages, events.map(readRepositoryEvent)),
  }));
  const repositories = folded.map(({ streamId, events, repository: state, list }): RepositoryLine => {
    const contents = state.status === 'active' || state.status === 'deleting' ? state : undefined;
    const updates = events.filter((event) => isUpdate[readRepositoryEvent(event).type]);
    return {
      repository_id: repositoryOf(streamId) ?? streamId,
      number: events[0]?.position ?? '',
      version: events.length,
      status: state.status === 'active' && state.taken_down !== null ? 'taken_down' : state.status,
      is_private: contents?.is_private ?? false,
      description: contents?.description ?? '',
      star_count: (contents && starsOf(contents))?.toString() ?? null,
      pull_count: contents?.pull_count?.toString() ?? null,
      last_updated: updates.at(-1)?.updated_at ?? '',
      state,
      image_count: list.images.size,
      tag_count: list.tags.size,
    };
  });
  const images = folded.flatMap(({ streamId, list }) =>
    [...list.images].map(
      ([id, checksum], ordinal) => `${repositoryOf(streamId) ?? streamId} ${ordinal} ${id} ${checksum ?? '-'}`,
    ),
  );
  const tags = folded.flatMap(({ streamId, events, list }) => {
    const announced = announcedIn(events);
    return [...list.tags].map(
      ([tag, id]) => `${repositoryOf(streamId) ?? streamId} ${tag} ${id} ${announced.get(tag) ?? '-'}`,
    );
  });
  const grants = repositories.flatMap(({ repository_id, state }) =>
    'grants' in state ? Object.entries(state.grants).map(([id, role]) => `${repository_id} ${id} ${role}`) : [],
  );
  const shown = repositories.flatMap(({ state }) =>
    state.status === 'active' && state.taken_down === null ? [state] : [],
  );
  const namespaces = [...new Set(shown.map(({ namespace_id }) => namespace_id))].map((id) => {
    const hidden = shown.filter(({ namespace_id }) => namespace_id === id).map(({ is_private }) => is_private);
    return `${id} ${hidden.filter((is) => !is).length} ${hidden.filter((is) => is).length}`;
  });
  return {
    repositories: repositories.toSorted(byId),
    images: images.toSorted(),
    tags: tags.toSorted(),
    grants: grants.toSorted(),
    namespaces: namespaces.toSorted(),
  };
}

/** The position of the event that named each tag last since the list began anew. */
function announcedIn(events: readonly (StoredEvent & { readonly position: string })[]): ReadonlyMap<string, string> {
  const announced = new Map<string, string>();
  for (const stored of events) {
    const event = readRepositoryEvent(stored);
    if (event.type === 'RepositoryCreated' || event.type === 'ImagesRestored') announced.clear();
    if (event.type !== 'PushOpened' && event.type !== 'ImagesAdded') continue;
    for (const { tag } of event.data.images) if (tag !== undefined) announced.set(tag, stored.position);
  }
  return announced;
}

/** Whether people see it as an update of the repository. */
const isUpdate: Readonly<Record<RepositoryEvent['type'], boolean>> = {
  RepositoryCreated: true,
  PushOpened: true,
  ImagesAdded: true,
  PushCompleted: true,
  DeletionRequested: false,
  DeletionAuthorized: false,
  RepositoryDeleted: false,
  RepositoryRestored: true,
  DescriptionChanged: true,
  FullDescriptionChanged: true,
  CountsObserved: false,
  VisibilityChanged: true,
  AutomationChanged: false,
  AccessGranted: false,
  AccessRevoked: false,
  RepositoryStarred: false,
  RepositoryUnstarred: false,
  RepositoryTakenDown: false,
  RepositoryReinstated: false,
  LastUpdatedObserved: true,
  ImagesRestored: true,
};

export async function storedReadModels(database: Database, schema: 'read' | 'read_next'): Promise<ReadModels> {
  const repositories =
    await sql<RepositoryLine>`select repository_id, number::text, version, status, is_private, description, star_count::text, pull_count::text,
       last_updated::text as last_updated, state, image_count, tag_count
     from ${sql.id(schema, 'repositories')}`.execute(database);
  const images =
    await sql<Line>`select repository_id || ' ' || ordinal || ' ' || image_id || ' ' || coalesce(checksum, '-') as line
    from ${sql.id(schema, 'images')}`.execute(database);
  const tags =
    await sql<Line>`select repository_id || ' ' || tag || ' ' || image_id || ' ' || coalesce(position::text, '-') as line
    from ${sql.id(schema, 'tags')}`.execute(database);
  const grants = await sql<Line>`select repository_id || ' ' || account_id || ' ' || role as line
    from ${sql.id(schema, 'grants')}`.execute(database);
  const namespaces = await sql<Line>`select namespace_id || ' ' || public_count || ' ' || private_count as line
    from ${sql.id(schema, 'namespaces')} where public_count <> 0 or private_count <> 0`.execute(database);
  return {
    repositories: repositories.rows.toSorted(byId),
    images: linesOf(images.rows),
    tags: linesOf(tags.rows),
    grants: linesOf(grants.rows),
    namespaces: linesOf(namespaces.rows),
  };
}

interface Line {
  readonly line: string;
}

function linesOf(rows: readonly Line[]): string[] {
  return rows.map(({ line }) => line).toSorted();
}

function byId(a: RepositoryLine, b: RepositoryLine): number {
  return a.repository_id < b.repository_id ? -1 : 1;
}
