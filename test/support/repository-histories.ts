/** Random histories of repositories, and their way into the log by the one door that it has. */
import { randomUUID } from 'node:crypto';

import { fold } from '@docket/shared/decider';
import { checksum, imageId, repositoryName, tagName } from '@docket/shared/names';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { ImageEntry, Repository, RepositoryEvent } from '@docket/shared/repositories';
import { repositoryStream } from '@docket/shared/stored-event';
import { appendAll } from '@docket/store/log';
import type { Executor } from '@docket/store/log';
import fc from 'fast-check';

/** What somebody may do; what comes of it depends on what the repository is by then. */
export type Deed =
  | { readonly deed: 'push' | 'add' | 'restore'; readonly images: readonly ImageEntry[] }
  | { readonly deed: 'complete' | 'delete' | 'authorize' | 'finish' }
  | { readonly deed: 'describe' | 'explain'; readonly description: string }
  | { readonly deed: 'observe'; readonly at: Date }
  | { readonly deed: 'count'; readonly star_count?: number | null; readonly pull_count?: number | null }
  | { readonly deed: 'hide' | 'automate'; readonly is: boolean };

/** Few enough to meet again. */
const ids = Array.from({ length: 12 }, (_, index) => imageId.parse(`image-${index}`));
const sums = ['sha256:1', 'md5:2', 'tarsum+sha256:3'].map((text) => checksum.parse(text));
const tags = ['latest', 'v1'].map((text) => tagName.parse(text));

const image = fc.record(
  { id: fc.constantFrom(...ids), checksum: fc.constantFrom(...sums), tag: fc.constantFrom(...tags) },
  { requiredKeys: ['id'] },
);
/** No NUL: Postgres has no text with one, and the API refuses it. */
const description = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\0', ''));

const instant = fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });

export const deeds: fc.Arbitrary<Deed[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ deed: fc.constantFrom('push', 'add'), images: fc.array(image, { maxLength: 5 }) }),
    },
    { weight: 5, arbitrary: fc.record({ deed: fc.constantFrom('complete', 'delete', 'authorize', 'finish') }) },
    { weight: 1, arbitrary: fc.record({ deed: fc.constant('restore'), images: fc.array(image, { maxLength: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ deed: fc.constantFrom('describe', 'explain'), description }) },
    { weight: 1, arbitrary: fc.record({ deed: fc.constant('observe'), at: instant }) },
    {
      weight: 1,
      arbitrary: fc.record(
        { deed: fc.constant('count'), star_count: fc.option(fc.nat()), pull_count: fc.option(fc.nat()) },
        { requiredKeys: ['deed'] },
      ),
    },
    { weight: 1, arbitrary: fc.record({ deed: fc.constantFrom('hide', 'automate'), is: fc.boolean() }) },
  ),
  { minLength: 1, maxLength: 40 },
);

export interface Named {
  readonly namespace_id: string;
  readonly name: string;
}

/** As the API would have it: whatever is done to a repository that is not there creates it first. */
export function eventsOf(named: Named, sequence: readonly Deed[]): RepositoryEvent[] {
  const events: RepositoryEvent[] = [];
  let state: Repository = absentRepository;
  for (const deed of sequence) {
    const next = eventsOfDeed(state, named, deed);
    state = fold(evolve, state, next);
    events.push(...next);
  }
  return events;
}

function eventsOfDeed(state: Repository, { namespace_id, name }: Named, deed: Deed): RepositoryEvent[] {
  if (state.status === 'absent' || state.status === 'deleted') {
    const life = state.status === 'deleted' ? state.life + 1 : 1;
    const created = { namespace_id, name: repositoryName.parse(name), life };
    return [{ type: 'RepositoryCreated', data: created }];
  }
  switch (deed.deed) {
    case 'push':
      return [{ type: 'PushOpened', data: { push: state.pushes + 1, images: [...deed.images] } }];
    case 'add':
      return [{ type: 'ImagesAdded', data: { images: [...deed.images] } }];
    case 'complete':
      return state.announced === null ? [] : [{ type: 'PushCompleted', data: { push: state.pushes } }];
    case 'delete':
      return state.status === 'active' ? [{ type: 'DeletionRequested', data: {} }] : [];
    case 'authorize':
      return state.status === 'deleting' ? [{ type: 'DeletionAuthorized', data: { token_id: randomUUID() } }] : [];
    case 'finish':
      return state.status === 'deleting' ? [{ type: 'RepositoryDeleted', data: {} }] : [];
    case 'describe':
      return [{ type: 'DescriptionChanged', data: { description: deed.description } }];
    case 'explain':
      return [{ type: 'FullDescriptionChanged', data: { full_description: deed.description } }];
    case 'observe':
      return [{ type: 'LastUpdatedObserved', data: { last_updated: deed.at.toISOString() } }];
    case 'restore':
      return [{ type: 'ImagesRestored', data: { images: [...deed.images] } }];
    case 'count': {
      const { deed: _, ...counts } = deed;
      return [{ type: 'CountsObserved', data: counts }];
    }
    case 'hide':
      return [{ type: 'VisibilityChanged', data: { is_private: deed.is } }];
    case 'automate':
      return [{ type: 'AutomationChanged', data: { is_automated: deed.is } }];
  }
}

export interface History {
  readonly repositoryId: string;
  /** The version that the stream is at; 0 for a new one. */
  readonly after?: number;
  readonly events: readonly RepositoryEvent[];
}

/** In rounds, a command of up to three events for each stream that is not yet at its end: streams stand mixed in the log. */
export async function appendHistories(executor: Executor, histories: readonly History[]): Promise<void> {
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
    const verdicts = await appendAll(executor, commands, false);
    const refused = verdicts.find(({ outcome }) => outcome !== 'appended');
    if (refused) throw new Error(`the log answered ${refused.outcome}`);
  }
}
