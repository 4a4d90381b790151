/** Random histories of repositories, and their way into the log by the one door that it has. */
import { randomUUID } from 'node:crypto';

import { fold } from '@docket/shared/decider';
import { checksum, imageId, repositoryName, tagName } from '@docket/shared/names';
import { absentRepository, evolve, grantRole, takenDownOf } from '@docket/shared/repositories';
import type { ActiveRepository, DeletingRepository, Repository, RepositoryEvent } from '@docket/shared/repositories';
import { repositoryStream } from '@docket/shared/stored-event';
import type { Database } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import fc from 'fast-check';

/** Few enough to meet again. */
const ids = Array.from({ length: 12 }, (_, index) => imageId.parse(`image-${index}`));
const sums = ['sha256:1', 'md5:2', 'tarsum+sha256:3'].map((text) => checksum.parse(text));
const accounts = Array.from({ length: 4 }, (_, index) => `00000000-0000-4000-8000-00000000000${index + 1}`);
const tags = ['latest', 'v1'].map((text) => tagName.parse(text));

const image = fc.record(
  { id: fc.constantFrom(...ids), checksum: fc.constantFrom(...sums), tag: fc.constantFrom(...tags) },
  { requiredKeys: ['id'] },
);
/** No NUL: Postgres has no text with one, and the API refuses it. */
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((characters) => characters.replaceAll('\0', ''));

const instant = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());
const nothing = fc.constant({});
const account = fc.record({ account_id: fc.constantFrom(...accounts) });
const images = fc.record({ images: fc.array(image, { maxLength: 5 }) });

type Type = RepositoryEvent['type'];
type EventOf<Wanted extends Type> = Extract<RepositoryEvent, { type: Wanted }>;

/** Every type of event, with how often it is tried and what is in it. A type that is missing here does not compile. */
const tried = {
  RepositoryCreated: tries(
    1,
    'RepositoryCreated',
    fc.constant({ namespace_id: '00000000-0000-4000-8000-000000000000', name: repositoryName.parse('name'), life: 1 }),
  ),
  PushOpened: tries(
    3,
    'PushOpened',
    images.map((those) => ({ push: 1, ...those })),
  ),
  ImagesAdded: tries(3, 'ImagesAdded', images),
  PushCompleted: tries(2, 'PushCompleted', fc.constant({ push: 1 })),
  DeletionRequested: tries(2, 'DeletionRequested', nothing),
  DeletionAuthorized: tries(1, 'DeletionAuthorized', fc.record({ token_id: fc.uuid() })),
  RepositoryDeleted: tries(2, 'RepositoryDeleted', nothing),
  RepositoryRestored: tries(1, 'RepositoryRestored', nothing),
  DescriptionChanged: tries(1, 'DescriptionChanged', fc.record({ description: text })),
  FullDescriptionChanged: tries(1, 'FullDescriptionChanged', fc.record({ full_description: text })),
  CountsObserved: tries(
    1,
    'CountsObserved',
    fc.record({ star_count: fc.option(fc.nat()), pull_count: fc.option(fc.nat()) }, { requiredKeys: [] }),
  ),
  VisibilityChanged: tries(2, 'VisibilityChanged', fc.record({ is_private: fc.boolean() })),
  AutomationChanged: tries(1, 'AutomationChanged', fc.record({ is_automated: fc.boolean() })),
  AccessGranted: tries(
    2,
    'AccessGranted',
    fc.record({ account_id: fc.constantFrom(...accounts), role: fc.constantFrom(...grantRole.options) }),
  ),
  AccessRevoked: tries(1, 'AccessRevoked', account),
  RepositoryStarred: tries(1, 'RepositoryStarred', account),
  RepositoryUnstarred: tries(1, 'RepositoryUnstarred', account),
  RepositoryTakenDown: tries(2, 'RepositoryTakenDown', fc.record({ reason: text })),
  RepositoryReinstated: tries(1, 'RepositoryReinstated', nothing),
  LastUpdatedObserved: tries(1, 'LastUpdatedObserved', fc.record({ last_updated: instant })),
  ImagesRestored: tries(1, 'ImagesRestored', images),
} satisfies { readonly [Wanted in Type]: fc.WeightedArbitrary<EventOf<Wanted>> };

function tries<Wanted extends Type, Data>(weight: number, type: Wanted, data: fc.Arbitrary<Data>) {
  return { weight, arbitrary: fc.record({ type: fc.constant(type), data }) };
}

/** What is tried in turn; what comes of it depends on what the repository is by then. */
export const attempts: fc.Arbitrary<RepositoryEvent[]> = fc.array(fc.oneof(...Object.values(tried)), {
  minLength: 1,
  maxLength: 40,
});

export interface Named {
  readonly namespace_id: string;
  readonly name: string;
}

/** As the API would have it: whatever is tried on a repository that is not there creates it first. */
export function eventsOf(named: Named, sequence: readonly RepositoryEvent[]): RepositoryEvent[] {
  const events: RepositoryEvent[] = [];
  let state: Repository = absentRepository;
  for (const attempt of sequence) {
    const next = possible(state, named, attempt);
    state = fold(evolve, state, next);
    events.push(...next);
  }
  return events;
}

function possible(state: Repository, { namespace_id, name }: Named, attempt: RepositoryEvent): RepositoryEvent[] {
  const created = (life: number): RepositoryEvent[] => [
    { type: 'RepositoryCreated', data: { namespace_id, name: repositoryName.parse(name), life } },
  ];
  if (state.status === 'absent') return created(1);
  const isTakenDown = takenDownOf(state) !== null;
  if (attempt.type === 'RepositoryTakenDown') return isTakenDown ? [] : [attempt];
  if (attempt.type === 'RepositoryReinstated') return isTakenDown ? [attempt] : [];
  if (state.status !== 'deleted') return possibleUndeleted(state, attempt);
  return attempt.type === 'RepositoryRestored' ? [attempt] : created(state.life + 1);
}

function possibleUndeleted(state: ActiveRepository | DeletingRepository, attempt: RepositoryEvent): RepositoryEvent[] {
  switch (attempt.type) {
    case 'PushOpened':
      return [{ type: 'PushOpened', data: { ...attempt.data, push: state.pushes + 1 } }];
    case 'PushCompleted':
      return !state.is_push_open ? [] : [{ type: 'PushCompleted', data: { push: state.pushes } }];
    case 'DeletionRequested':
      return state.status === 'active' ? [attempt] : [];
    case 'DeletionAuthorized':
    case 'RepositoryDeleted':
      return state.status === 'deleting' ? [attempt] : [];
    case 'AccessRevoked':
      return attempt.data.account_id in state.grants ? [attempt] : [];
    case 'RepositoryUnstarred':
      return state.stars > 0 ? [attempt] : [];
    case 'RepositoryCreated':
    case 'RepositoryRestored':
      return [];
    case 'ImagesAdded':
    case 'DescriptionChanged':
    case 'FullDescriptionChanged':
    case 'CountsObserved':
    case 'VisibilityChanged':
    case 'AutomationChanged':
    case 'AccessGranted':
    case 'RepositoryStarred':
    case 'RepositoryTakenDown':
    case 'RepositoryReinstated':
    case 'LastUpdatedObserved':
    case 'ImagesRestored':
      return [attempt];
  }
}

export interface History {
  readonly repositoryId: string;
  /** The version that the stream is at; 0 for a new one. */
  readonly after?: number;
  readonly events: readonly RepositoryEvent[];
}

/** In rounds, a command of up to three events for each stream that is not yet at its end: streams stand mixed in the log. */
export async function appendHistories(database: Database, histories: readonly History[]): Promise<void> {
  const eventsPerCommand = 3;
  const longest = Math.max(0, ...histories.map(({ events }) => events.length));
  for (let from = 0; from < longest; from += eventsPerCommand) {
    const commands = histories.flatMap(({ repositoryId, after = 0, events }) => {
      const part = events.slice(from, from + eventsPerCommand);
      const requestId = randomUUID();
      return part.length === 0
        ? []
        : [
            {
              streamId: repositoryStream(repositoryId),
              expectedVersion: after + from,
              commandId: randomUUID(),
              events: part,
              metadata: { actor: null, request_id: requestId, correlation_id: requestId, causation_id: requestId },
              context: { ip: null, userAgent: null, fingerprint: null },
            },
          ];
    });
    const verdicts = await appendAll(database, commands);
    const refused = verdicts.find(({ outcome }) => outcome !== 'appended');
    if (refused) throw new Error(`the log answered ${refused.outcome}`);
  }
}
