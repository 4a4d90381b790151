/** The tables of the read model: a page of the log, what it changes, and the checkpoint, in one transaction. */
import type { Recorded } from '@docket/shared/event';
import { repositoryEvent } from '@docket/shared/repositories';
import type { RepositoryEvent } from '@docket/shared/repositories';
import type { DomainEvent } from '@docket/shared/stored-event';
import { lockCheckpoint, moveCheckpoint } from '@docket/store/checkpoint';
import type { Projection } from '@docket/store/checkpoint';
import { readAfter } from '@docket/store/log';
import type { TransactionClient } from '@docket/store/transaction-client';

import { projectImages, writeImages } from './images/project.ts';
import { projectRepositories, readRepositories, repositoryIdOf, writeRepositories } from './repositories/project.ts';
import type { ReadSchema } from './repositories/project.ts';

/** Larger pages are not faster; smaller ones pay more commits. */
export const pageEventsMax = 1_000;

export interface PageOptions {
  readonly projection: Projection;
  readonly schema: ReadSchema;
  readonly eventsMax: number;
}

export type Page =
  /** Another process is at it. */
  | { readonly outcome: 'standby' }
  | { readonly outcome: 'idle' }
  | { readonly outcome: 'advanced'; readonly events: number; readonly position: bigint };

export async function projectPage(
  client: TransactionClient,
  { projection, schema, eventsMax }: PageOptions,
): Promise<Page> {
  const checkpoint = await lockCheckpoint(client, projection);
  if (checkpoint === undefined) return { outcome: 'standby' };
  const events = await readAfter(client, checkpoint.position, eventsMax);
  const last = events.at(-1);
  if (last === undefined) return { outcome: 'idle' };

  const ofRepositories = events.filter(isOfRepository);
  if (ofRepositories.length > 0) {
    const ids = new Set(ofRepositories.map(repositoryIdOf));
    const rows = await readRepositories(client, schema, [...ids]);
    const changes = projectRepositories(rows, ofRepositories);
    await writeRepositories(
      client,
      schema,
      changes.map(({ after }) => after),
    );
    await writeImages(client, schema, projectImages(changes));
  }
  await moveCheckpoint(client, projection, { position: last.position, commandId: last.commandId });
  return { outcome: 'advanced', events: events.length, position: last.position };
}

const repositoryEventTypes = new Set<string>(repositoryEvent.options.map(({ shape }) => shape.type.value));

function isOfRepository(recorded: Recorded<DomainEvent>): recorded is Recorded<RepositoryEvent> {
  return repositoryEventTypes.has(recorded.event.type);
}
