/** The one place where a row of the log becomes an event: known types in known versions, or an error that stops the reader. */
import { z } from 'zod';

import { accountEvent } from './accounts.ts';
import type { AccountEvent } from './accounts.ts';
import { imageEntries } from './image-lists.ts';
import { parseInTurns } from './in-turns.ts';
import { organizationEvent } from './organizations.ts';
import type { OrganizationEvent } from './organizations.ts';
import { repositoryEvent } from './repositories.ts';
import type { RepositoryEvent } from './repositories.ts';
import { imageEvent } from './takedowns.ts';
import type { ImageEvent } from './takedowns.ts';

export type DomainEvent = AccountEvent | ImageEvent | OrganizationEvent | RepositoryEvent;

/** The versions in which events are written today, where that is not the first. Each older one has its upcaster. */
const writtenVersions: Readonly<Partial<Record<DomainEvent['type'], number>>> = { PushOpened: 2 };

/** The version of every event type that has only had one. */
export const schemaVersion = 1;

export function schemaVersionOf(type: DomainEvent['type']): number {
  return writtenVersions[type] ?? schemaVersion;
}

type Upcaster = (data: Readonly<Record<string, unknown>>) => Record<string, unknown>;

/** Each upcaster makes the next version of an event's data: `[0]` makes the second of the first. */
const upcasters: Readonly<Partial<Record<DomainEvent['type'], readonly Upcaster[]>>> = {
  // The first version did not record where the client was sent.
  PushOpened: [(data) => ({ ...data, endpoints: [] })],
};

const domainEvent = z.discriminatedUnion('type', [
  ...accountEvent.options,
  ...imageEvent.options,
  ...organizationEvent.options,
  ...repositoryEvent.options,
]);

const objectSchema = z.record(z.string(), z.unknown());
const knownTypes: readonly DomainEvent['type'][] = domainEvent.options.map(({ shape }) => shape.type.value);

/** The event's data does not fit its type and version. */
export class UnreadableEvent extends Error {}

/** Written by a newer version of this program: that one can read it. */
export class NewerEvent extends UnreadableEvent {}

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

const withImages = z.looseObject({ images: z.array(z.unknown()) });

/** The same; a long list of images is read in turns of the event loop. */
export async function readRepositoryEventInTurns(row: StoredEvent): Promise<RepositoryEvent> {
  const listed = withImages.safeParse(row.data);
  if (!listed.success) return readRepositoryEvent(row);
  const event = readRepositoryEvent({ ...row, data: { ...listed.data, images: [] } });
  const parsedImages = await parseInTurns(imageEntries, listed.data.images);
  if (!parsedImages.success) throw new UnreadableEvent(`${row.type}: ${z.prettifyError(parsedImages.error)}`);
  const { data: images } = parsedImages;
  switch (event.type) {
    case 'PushOpened':
      return { ...event, data: { ...event.data, images } };
    case 'ImagesAdded':
      return { ...event, data: { ...event.data, images } };
    case 'ImagesRestored':
      return { ...event, data: { images } };
    default:
      return event;
  }
}

export function readAccountEvent(row: StoredEvent): AccountEvent {
  return parsed(accountEvent, row);
}

export function readOrganizationEvent(row: StoredEvent): OrganizationEvent {
  return parsed(organizationEvent, row);
}

export function readImageEvent(row: StoredEvent): ImageEvent {
  return parsed(imageEvent, row);
}

function parsed<T>(schema: z.ZodType<T>, { type, schema_version: version, data }: StoredEvent): T {
  const known = knownTypes.find((name) => name === type);
  if (known === undefined) throw new NewerEvent(`${type}: not known to this program`);
  const current = schemaVersionOf(known);
  if (version > current) {
    throw new NewerEvent(`${type} of version ${version} is not known; this program knows ${current}`);
  }
  const result = schema.safeParse({ type, data: version === current ? data : upcast(known, version, data) });
  if (!result.success) throw new UnreadableEvent(`${type}: ${z.prettifyError(result.error)}`);
  return result.data;
}

function upcast(type: DomainEvent['type'], version: number, data: unknown): unknown {
  const older = objectSchema.safeParse(data);
  if (!older.success) throw new UnreadableEvent(`${type} of version ${version}: the data is no object`);
  return (upcasters[type] ?? []).slice(version - 1).reduce((newer, step) => step(newer), older.data);
}

export function repositoryStream(repositoryId: string): string {
  return `repository-${repositoryId}`;
}

export function accountStream(accountId: string): string {
  return `account-${accountId}`;
}

/** Named by its namespace. */
export function organizationStream(namespaceId: string): string {
  return `organization-${namespaceId}`;
}

export function imageStream(imageId: string): string {
  return `image-${imageId}`;
}

const repositoryPrefix = repositoryStream('');

/** The repository's id, when the stream is one of a repository. */
export function repositoryOf(streamId: string): string | undefined {
  return streamId.startsWith(repositoryPrefix) ? streamId.slice(repositoryPrefix.length) : undefined;
}
