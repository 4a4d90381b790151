import { specification } from '@docket/shared/decider.testing';
import { fold } from '@docket/shared/decider';
import { repositoryName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { RefusalCode } from '@docket/shared/refusal';
import { imageEntry } from '@docket/shared/image-lists';
import { absentWithImages } from '@docket/shared/repository-images';
import type { RepositoryImages } from '@docket/shared/repository-images';
import { repositoryEvent } from '@docket/shared/repositories';
import type { ImageEntry } from '@docket/shared/image-lists';
import type { Repository, RepositoryEvent } from '@docket/shared/repositories';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { repositoryDecider } from './decider.ts';
import type { RepositoryCommand } from './decider.ts';

const decider = repositoryDecider({ imagesMax: 20, tagsMax: 20 });
const { given } = specification(decider);

const namespaceId = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11';
const name = repositoryName.parse('app');
const entry = (id: string, more: { checksum?: string; tag?: string } = {}): ImageEntry =>
  imageEntry.parse({ id, ...more });

const created = (life = 1): RepositoryEvent => ({
  type: 'RepositoryCreated',
  data: { namespace_id: namespaceId, name, life },
});
const opened = (push: number, ...images: ImageEntry[]): RepositoryEvent => ({
  type: 'PushOpened',
  data: { push, images },
});
const added = (...images: ImageEntry[]): RepositoryEvent => ({ type: 'ImagesAdded', data: { images } });
const completed = (push: number): RepositoryEvent => ({ type: 'PushCompleted', data: { push } });
const deletionRequested: RepositoryEvent = { type: 'DeletionRequested', data: {} };
const deletionAuthorized: RepositoryEvent = { type: 'DeletionAuthorized', data: { token_id: 'spent' } };
const deleted: RepositoryEvent = { type: 'RepositoryDeleted', data: {} };

const openPush = (...images: ImageEntry[]): RepositoryCommand => ({ type: 'OpenPush', namespaceId, name, images });
const putImages = (...images: ImageEntry[]): RepositoryCommand => ({ type: 'PutImages', images, endpoints: [] });
const requestDeletion: RepositoryCommand = { type: 'RequestDeletion' };
const authorize = (life: number): RepositoryCommand => ({ type: 'AuthorizeDeletion', tokenId: 'spent', life });
const finish = (life: number): RepositoryCommand => ({ type: 'FinishDeletion', life });

const a = entry('a');
const b = entry('b');
const aSummed = entry('a', { checksum: 'sha256:1' });
const aTagged = entry('a', { tag: 'latest' });

/** Every status that a repository can be in, as the events that lead there; the second of two lives where there are two. */
const states = {
  'never was': [],
  'is new, with its push open': [created(), opened(1, a)],
  'has no push open': [created(), opened(1, a), completed(1)],
  'is being deleted': [created(), opened(1, a), deletionRequested],
  'is being deleted, its token spent': [created(), opened(1, a), deletionRequested, deletionAuthorized],
  'is deleted': [created(), opened(1, a), deletionRequested, deletionAuthorized, deleted],
  'lives again': [created(), opened(1, a), deletionRequested, deletionAuthorized, deleted, created(2), opened(1)],
} satisfies Record<string, readonly RepositoryEvent[]>;
type StateName = keyof typeof states;

const commands = {
  'the push that is open': openPush(a),
  'another push': openPush(a, b),
  'a push of nothing': openPush(),
  'an empty list of images': putImages(),
  'images that it has': putImages(a),
  'a new image': putImages(b),
  deletion: requestDeletion,
  'a delete token of its first life': authorize(1),
  'a delete token of its second life': authorize(2),
  'the end of its first life': finish(1),
  'the end of its second life': finish(2),
} satisfies Record<string, RepositoryCommand>;
type CommandName = keyof typeof commands;

const newLife = (life: number, ...images: ImageEntry[]) => [created(life), opened(1, ...images)];

/** Every command in every state: what happens, or why nothing does. */
const decisions: Record<StateName, Record<CommandName, readonly RepositoryEvent[] | RefusalCode>> = {
  'never was': {
    'the push that is open': newLife(1, a),
    'another push': newLife(1, a, b),
    'a push of nothing': newLife(1),
    'an empty list of images': 'not_found',
    'images that it has': 'not_found',
    'a new image': 'not_found',
    deletion: 'not_found',
    'a delete token of its first life': 'forbidden',
    'a delete token of its second life': 'forbidden',
    'the end of its first life': 'forbidden',
    'the end of its second life': 'forbidden',
  },
  'is new, with its push open': {
    'the push that is open': [],
    'another push': [opened(2, a, b)],
    'a push of nothing': [opened(2)],
    'an empty list of images': [completed(1)],
    'images that it has': [completed(1)],
    'a new image': [added(b), completed(1)],
    deletion: [deletionRequested],
    'a delete token of its first life': 'forbidden',
    'a delete token of its second life': 'forbidden',
    'the end of its first life': 'forbidden',
    'the end of its second life': 'forbidden',
  },
  'has no push open': {
    'the push that is open': [opened(2, a)],
    'another push': [opened(2, a, b)],
    'a push of nothing': [opened(2)],
    'an empty list of images': [],
    'images that it has': [],
    'a new image': [added(b)],
    deletion: [deletionRequested],
    'a delete token of its first life': 'forbidden',
    'a delete token of its second life': 'forbidden',
    'the end of its first life': 'forbidden',
    'the end of its second life': 'forbidden',
  },
  'is being deleted': {
    'the push that is open': [deleted, ...newLife(2, a)],
    'another push': [deleted, ...newLife(2, a, b)],
    'a push of nothing': [deleted, ...newLife(2)],
    'an empty list of images': 'not_found',
    'images that it has': 'not_found',
    'a new image': 'not_found',
    deletion: [],
    'a delete token of its first life': [deletionAuthorized],
    'a delete token of its second life': 'forbidden',
    'the end of its first life': [deleted],
    'the end of its second life': 'forbidden',
  },
  'is being deleted, its token spent': {
    'the push that is open': [deleted, ...newLife(2, a)],
    'another push': [deleted, ...newLife(2, a, b)],
    'a push of nothing': [deleted, ...newLife(2)],
    'an empty list of images': 'not_found',
    'images that it has': 'not_found',
    'a new image': 'not_found',
    deletion: [deleted],
    'a delete token of its first life': 'forbidden',
    'a delete token of its second life': 'forbidden',
    'the end of its first life': [deleted],
    'the end of its second life': 'forbidden',
  },
  'is deleted': {
    'the push that is open': newLife(2, a),
    'another push': newLife(2, a, b),
    'a push of nothing': newLife(2),
    'an empty list of images': 'not_found',
    'images that it has': 'not_found',
    'a new image': 'not_found',
    deletion: [],
    'a delete token of its first life': 'forbidden',
    'a delete token of its second life': 'forbidden',
    'the end of its first life': [],
    'the end of its second life': 'forbidden',
  },
  'lives again': {
    'the push that is open': [opened(2, a)],
    'another push': [opened(2, a, b)],
    'a push of nothing': [],
    'an empty list of images': [completed(1)],
    // The images of its first life are gone with it.
    'images that it has': [added(a), completed(1)],
    'a new image': [added(b), completed(1)],
    deletion: [deletionRequested],
    'a delete token of its first life': 'forbidden',
    'a delete token of its second life': 'forbidden',
    'the end of its first life': 'forbidden',
    'the end of its second life': 'forbidden',
  },
};

const table = Object.entries(states).flatMap(([state, events]) =>
  Object.entries(commands).map(([what, command]) => ({ state, events, what, command })),
);

it.each(table)('a repository that $state and $what', ({ state, events, what, command }) => {
  const row = Object.entries(decisions).find(([key]) => key === state)?.[1] ?? {};
  const expected = Object.entries(row).find(([key]) => key === what)?.[1];
  const outcome = decider.decide(fold(decider.evolve, decider.initial, events), command);
  expect(isRefusal(outcome) ? outcome.refused : outcome).toEqual(expected);
});

describe('a push', () => {
  it('announces checksums and tags as they are sent', () => {
    given()
      .when(openPush(aTagged, entry('b', { checksum: 'md5:2' })))
      .thenEvents(created(), opened(1, aTagged, entry('b', { checksum: 'md5:2' })));
  });

  it.each([
    ['a tag', openPush(aTagged)],
    ['a checksum', openPush(aSummed)],
    ['the order', openPush(b, a)],
    ['the length', openPush(a, b, b)],
  ])('is another one when %s of its list is another', (_difference, command) => {
    given(created(), opened(1, a, b))
      .when(command)
      .thenEvents({
        type: 'PushOpened',
        data: { push: 2, images: command.type === 'OpenPush' ? [...command.images] : [] },
      });
  });

  it('that is opened while another is open takes its place, and is completed once', () => {
    given(created(), opened(1, a), opened(2, b)).when(putImages()).thenEvents(completed(2));
    given(created(), opened(1, a), opened(2, b), completed(2)).when(putImages()).thenEvents();
  });
});

describe('a list of images', () => {
  it('adds only what is news: a checksum that was missing, one that is another, a tag that moves', () => {
    const before = [created(), opened(1, a, entry('b', { checksum: 'sha256:b', tag: 'latest' })), completed(1)];
    given(...before)
      .when(putImages(aSummed))
      .thenEvents(added(aSummed));
    given(...before)
      .when(putImages(b))
      .thenEvents();
    given(...before)
      .when(putImages(entry('b', { checksum: 'sha256:b', tag: 'latest' })))
      .thenEvents();
    given(...before)
      .when(putImages(entry('b', { checksum: 'sha256:other' })))
      .thenEvents(added(entry('b', { checksum: 'sha256:other' })));
    given(...before)
      .when(putImages(aTagged))
      .thenEvents(added(aTagged));
  });

  it('keeps the registries that the client says it used, with the images and with the end of the push', () => {
    const endpoints = ['https://registry.example.org/v1/'];
    given(created(), opened(1, a))
      .when({ type: 'PutImages', images: [b], endpoints })
      .thenEvents(
        { type: 'ImagesAdded', data: { images: [b], endpoints } },
        { type: 'PushCompleted', data: { push: 1, endpoints } },
      );
  });
});

describe('the lives of a repository, whatever is done to it', () => {
  const ids = fc.constantFrom('a', 'b', 'c', 'd');
  const entries = fc.array(
    fc
      .record(
        { id: ids, checksum: fc.constantFrom('sha256:1', 'sha256:2'), tag: fc.constantFrom('latest', 'v1') },
        { requiredKeys: ['id'] },
      )
      .map((fields) => imageEntry.parse(fields)),
    { maxLength: 5 },
  );
  const lives = fc.integer({ min: 1, max: 4 });
  const command: fc.Arbitrary<RepositoryCommand> = fc.oneof(
    entries.map((images): RepositoryCommand => openPush(...images)),
    entries.map((images): RepositoryCommand => putImages(...images)),
    fc.constant(requestDeletion),
    fc
      .tuple(fc.uuid(), lives)
      .map(([tokenId, life]): RepositoryCommand => ({ type: 'AuthorizeDeletion', tokenId, life })),
    lives.map(finish),
  );
  const story = fc.array(command, { maxLength: 40 });

  interface Step {
    readonly before: Repository;
    readonly listBefore: RepositoryImages;
    readonly command: RepositoryCommand;
    readonly events: readonly RepositoryEvent[];
    readonly refused: boolean;
    readonly after: Repository;
    readonly list: RepositoryImages;
  }

  function told(sequence: readonly RepositoryCommand[]): Step[] {
    let state = absentWithImages;
    return sequence.map((next) => {
      const before = state;
      const outcome = decider.decide(before, next);
      const events = isRefusal(outcome) ? [] : outcome;
      state = fold(decider.evolve, before, events);
      return {
        before: before.repository,
        listBefore: before.list,
        command: next,
        events,
        refused: isRefusal(outcome),
        after: state.repository,
        list: state.list,
      };
    });
  }

  const everyStep = (check: (step: Step) => void) => {
    fc.assert(
      fc.property(story, (sequence) => {
        told(sequence).forEach(check);
      }),
      { numRuns: 300 },
    );
  };

  const lifeOf = (state: Repository) => (state.status === 'absent' ? 0 : state.life);

  it('go from active by way of deleting to deleted, and on only to a life that counts one more', () => {
    const next: Record<Repository['status'], readonly Repository['status'][]> = {
      absent: ['absent', 'active'],
      active: ['active', 'deleting'],
      deleting: ['deleting', 'deleted', 'active'],
      deleted: ['deleted', 'active'],
    };
    everyStep(({ before, after, events }) => {
      expect(next[before.status]).toContain(after.status);
      const births = events.filter(({ type }) => type === 'RepositoryCreated').length;
      expect(lifeOf(after)).toBe(lifeOf(before) + births);
      expect(births).toBe(after.status === 'active' && before.status !== 'active' ? 1 : 0);
    });
  });

  it('never lose an image or a checksum while they last, and begin with what the push announces alone', () => {
    everyStep(({ before, listBefore, after, list, command: sent }) => {
      if (after.status !== 'active') return;
      const had = before.status === 'active' ? [...listBefore.images] : [];
      const named = sent.type === 'OpenPush' || sent.type === 'PutImages' ? sent.images : [];
      const expected = new Set([...had.map(([id]) => id), ...named.map(({ id }) => id)]);
      expect([...list.images.keys()]).toEqual([...expected]);
      const lost = had.filter(([id, checksum]) => checksum !== null && !list.images.get(id));
      expect(lost).toEqual([]);
    });
  });

  it('show the ids of a push at once, and end it with the first list of images', () => {
    everyStep(({ after, list, command: sent, refused }) => {
      const announced = after.status === 'active' ? list.announced : undefined;
      expect(after.status === 'active' && after.is_push_open).toBe((announced ?? null) !== null);
      const expected = { OpenPush: 'images' in sent ? sent.images : null, PutImages: null };
      const pushing = sent.type === 'OpenPush' || sent.type === 'PutImages';
      expect(announced).toEqual(pushing && !refused ? expected[sent.type] : announced);
    });
  });

  it('let the same command change nothing when it comes again at once; a delete token alone is then refused', () => {
    everyStep(({ after, list, command: sent, refused }) => {
      const again = decider.decide({ repository: after, list }, sent);
      const events = isRefusal(again) ? again.refused : again;
      expect(events).toEqual(refused ? events : sent.type === 'AuthorizeDeletion' ? 'forbidden' : []);
    });
  });

  it('spend a delete token at most once a life, and only of the life that is being deleted', () => {
    fc.assert(
      fc.property(story, (sequence) => {
        const spent = told(sequence).flatMap(({ before, events }) =>
          events.some(({ type }) => type === 'DeletionAuthorized') ? [lifeOf(before)] : [],
        );
        expect(new Set(spent).size).toBe(spent.length);
      }),
    );
  });

  it('are told in events that the log can keep and read again', () => {
    everyStep(({ events }) => {
      for (const event of events) {
        expect(repositoryEvent.parse(JSON.parse(JSON.stringify(event)))).toEqual(event);
      }
    });
  });
});

it('a push tells which registries its client was sent to', () => {
  const endpoints = ['registry.example.org'];
  const events = decider.decide(decider.initial, {
    type: 'OpenPush',
    namespaceId: '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09',
    name: repositoryName.parse('sent'),
    images: [],
    endpoints,
  });
  expect(events).toContainEqual({ type: 'PushOpened', data: { push: 1, images: [], endpoints } });
});
