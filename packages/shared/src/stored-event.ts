/** The one place where a row of the log becomes an event: known types in known versions, or an error that stops the reader. */
import { z } from 'zod';

import { accountEvent } from './accounts.ts';
import type { AccountEvent } from './accounts.ts';
import { repositoryEvent } from './repositories.ts';
import type { RepositoryEvent } from './repositories.ts';

export type DomainEvent = AccountEvent | RepositoryEvent;

/** The version in which every event is written today. A version that changes gets an upcaster and keeps its old sample. */
export const schemaVersion = 1;

const domainEvent = z.discriminatedUnion('type', [...accountEvent.options, ...repositoryEvent.options]);

export class UnreadableEvent extends Error {}

export interface StoredEvent {
  readonly type: string;
  readonly schema_version: number;
  readonly data: unknown;
}

export function readEvent(row: StoredEvent): DomainEvent {
  return parsed(domainEvent, row);
}

export function readRepositoryEvent(row: StoredEvent): RepositoryEvent {
  return parsed(repositoryEvent, row);
}

export function readAccountEvent(row: StoredEvent): AccountEvent {
  return parsed(accountEvent, row);
}

function parsed<T>(schema: z.ZodType<T>, { type, schema_version, data }: StoredEvent): T {
  if (schema_version !== schemaVersion) {
    throw new UnreadableEvent(`${type} of version ${schema_version} is not known; this program knows ${schemaVersion}`);
  }
  const result = schema.safeParse({ type, data });
  if (!result.success) throw new UnreadableEvent(`${type}: ${z.prettifyError(result.error)}`);
  return result.data;
}

export function repositoryStream(repositoryId: string): string {
  return `repository-${repositoryId}`;
}

export function accountStream(accountId: string): string {
  return `account-${accountId}`;
}

const repositoryPrefix = repositoryStream('');

/** The repository's id, when the stream is one of a repository. */
export function repositoryOf(streamId: string): string | undefined {
  return streamId.startsWith(repositoryPrefix) ? streamId.slice(repositoryPrefix.length) : undefined;
}
