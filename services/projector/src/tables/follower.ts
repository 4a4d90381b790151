/**
 * The tables of the read model. A page of the log is read and folded first, and holds nothing meanwhile; what it changes and the
 * checkpoint are then written in one transaction, which is for nothing when another process has moved the checkpoint.
 */
import type { Recorded } from '@docket/shared/event';
import { repositoryEvent } from '@docket/shared/repositories';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { NewerEvent, UnreadableEvent } from '@docket/shared/stored-event';
import type { DomainEvent } from '@docket/shared/stored-event';
import { lockCheckpoint, moveCheckpoint } from '@docket/store/followers/checkpoint';
import type { Checkpoint, Projection } from '@docket/store/followers/checkpoint';
import type { Database, Transaction } from '@docket/store/connect';
import { readAfter } from '@docket/store/log/read';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';

import { FollowerHalted, FollowerWaits } from '../follow.ts';
import { projectGrants, writeGrants } from './grants.ts';
import { knownListOf, projectImages, readKnownImages, writeImages } from './images.ts';
import { projectNamespaces, writeNamespaces } from './namespaces.ts';
import {
  projectRepositories,
  readRepositories,
  repositoryColumns,
  repositoryIdOf,
  writeRepositories,
} from './repositories.ts';
import type { ReadSchema } from './schema.ts';

/** Larger pages are not faster; smaller ones pay more commits. */
export const pageEventsMax = 1_000;

export interface PageOptions {
  readonly projection: Projection;
  readonly schema: ReadSchema;
  readonly eventsMax: number;
  /** `later`: a page that was written may be gone after a power cut, with its checkpoint. At once unless told. */
  readonly durability?: 'later';
}

export type Page =
  /** Another process is at it. */
  { readonly outcome: 'standby' } | { readonly outcome: 'idle' } | Advanced;

interface Advanced {
  readonly outcome: 'advanced';
  readonly events: number;
  readonly position: bigint;
}

export async function projectPage(database: Database, options: PageOptions): Promise<Page> {
  const folded = await foldPage(database, options);
  if (folded.outcome !== 'folded') return folded;
  return inTransaction(database, async (transaction) => {
    if (options.durability === 'later') await sql`set local synchronous_commit = off`.execute(transaction);
    return writePage(transaction, options, folded);
  });
}

interface FoldedPage {
  readonly outcome: 'folded';
  /** Where the checkpoint stood. */
  readonly after: bigint;
  readonly events: number;
  readonly last: Checkpoint;
  /** Undefined: no event of it is of a repository. */
  readonly changes: Changes | undefined;
}

type Changes = Awaited<ReturnType<typeof changesOf>>;

/** A page in the transaction of the caller, who has nothing else to do in it that could take long. */
export async function projectPageWithin(transaction: Transaction, options: PageOptions): Promise<Page> {
  const folded = await foldPage(transaction, options);
  return folded.outcome === 'folded' ? writePage(transaction, options, folded) : folded;
}

async function foldPage(database: Database, options: PageOptions): Promise<FoldedPage | Exclude<Page, Advanced>> {
  // The lock ends with the statement; while another process writes a page there is nothing to do here.
  const checkpoint = await lockCheckpoint(database, options.projection);
  if (checkpoint === undefined) return { outcome: 'standby' };
  const events = await readAfter(database, checkpoint.position, options.eventsMax);
  const last = events.at(-1);
  if (last === undefined) return { outcome: 'idle' };
  const ofRepositories = events.filter(isOfRepository);
  const changes = ofRepositories.length === 0 ? undefined : await changesOf(database, options.schema, ofRepositories);
  const { position, commandId } = last;
  return {
    outcome: 'folded',
    after: checkpoint.position,
    events: events.length,
    last: { position, commandId },
    changes,
  };
}

async function changesOf(database: Database, schema: ReadSchema, events: readonly Recorded<RepositoryEvent>[]) {
  const rows = await readRepositories(database, schema, [...new Set(events.map(repositoryIdOf))]);
  const known = await readKnownImages(database, schema, rows, events);
  const changes = projectRepositories(rows, events, (row) => knownListOf(known, row));
  return {
    repositories: changes.length === 0 ? undefined : repositoryColumns(changes.map(({ after }) => after)),
    images: projectImages(known, changes),
    grants: projectGrants(changes),
    namespaces: projectNamespaces(changes),
  };
}

async function writePage(
  transaction: Transaction,
  { projection, schema }: PageOptions,
  { after, events, last, changes }: FoldedPage,
): Promise<Page> {
  const checkpoint = await lockCheckpoint(transaction, projection);
  // Rows change with the checkpoint alone: where it stands as it stood, they are as they were read.
  if (checkpoint?.position !== after) return { outcome: 'standby' };
  if (changes) {
    const { repositories, images, grants, namespaces } = changes;
    if (repositories) await writeRepositories(transaction, schema, repositories);
    await writeImages(transaction, schema, images);
    await writeGrants(transaction, schema, grants);
    await writeNamespaces(transaction, schema, namespaces);
  }
  await moveCheckpoint(transaction, projection, last);
  return { outcome: 'advanced', events, position: last.position };
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
      const page = await projectPage(database, { projection, schema: 'read', eventsMax: allowed });
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
