/** The tables of the read model: a page of the log, what it changes, and the checkpoint, in one transaction. */
import type { Recorded } from '@docket/shared/event';
import { repositoryEvent } from '@docket/shared/repositories';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { NewerEvent, UnreadableEvent } from '@docket/shared/stored-event';
import type { DomainEvent } from '@docket/shared/stored-event';
import { lockCheckpoint, moveCheckpoint } from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import type { Database, Transaction } from '@docket/store/connect';
import { readAfter } from '@docket/store/log/read';
import { inTransaction } from '@docket/store/transaction';

import { FollowerHalted, FollowerWaits } from '../follow.ts';
import { projectGrants, writeGrants } from './grants.ts';
import { projectImages, writeImages } from './images.ts';
import { projectNamespaces, writeNamespaces } from './namespaces.ts';
import { projectRepositories, readRepositories, repositoryIdOf, writeRepositories } from './repositories.ts';
import type { ReadSchema } from './schema.ts';

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
  transaction: Transaction,
  { projection, schema, eventsMax }: PageOptions,
): Promise<Page> {
  const checkpoint = await lockCheckpoint(transaction, projection);
  if (checkpoint === undefined) return { outcome: 'standby' };
  const events = await readAfter(transaction, checkpoint.position, eventsMax);
  const last = events.at(-1);
  if (last === undefined) return { outcome: 'idle' };

  const ofRepositories = events.filter(isOfRepository);
  if (ofRepositories.length > 0) {
    const ids = new Set(ofRepositories.map(repositoryIdOf));
    const rows = await readRepositories(transaction, schema, [...ids]);
    const changes = projectRepositories(rows, ofRepositories);
    await writeRepositories(
      transaction,
      schema,
      changes.map(({ after }) => after),
    );
    await writeImages(transaction, schema, projectImages(changes));
    await writeGrants(transaction, schema, projectGrants(changes));
    await writeNamespaces(transaction, schema, projectNamespaces(changes));
  }
  await moveCheckpoint(transaction, projection, { position: last.position, commandId: last.commandId });
  return { outcome: 'advanced', events: events.length, position: last.position };
}

const repositoryEventTypes = new Set<string>(repositoryEvent.options.map(({ shape }) => shape.type.value));

function isOfRepository(recorded: Recorded<DomainEvent>): recorded is Recorded<RepositoryEvent> {
  return repositoryEventTypes.has(recorded.event.type);
}

export interface TablesStepOptions {
  readonly database: Database;
  readonly projection: Projection;
}

/** One page of the tables that are read. */
export function tablesStep({ database, projection }: TablesStepOptions): () => Promise<Page> {
  let eventsMax = pageEventsMax;
  return async () => {
    const allowed = eventsMax;
    // A page that took too long for a timeout would take too long again, and one that holds an event that cannot be applied never
    // will be: a smaller one may, up to that event.
    eventsMax = Math.max(1, allowed >> 1);
    try {
      const page = await inTransaction(database, (transaction) =>
        projectPage(transaction, { projection, schema: 'read', eventsMax: allowed }),
      );
      eventsMax = Math.min(allowed * 2, pageEventsMax);
      return page;
    } catch (error) {
      if (!(error instanceof UnreadableEvent) && !(error instanceof FollowerHalted)) throw error;
      if (allowed > 1) return { outcome: 'advanced', events: 0, position: 0n };
      if (error instanceof NewerEvent) throw new FollowerWaits(error.message, { cause: error });
      throw error instanceof FollowerHalted ? error : new FollowerHalted(error.message, { cause: error });
    }
  };
}
