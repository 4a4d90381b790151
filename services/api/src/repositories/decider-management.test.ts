import { specification } from '@docket/shared/decider.testing';
import { fold } from '@docket/shared/decider';
import { repositoryName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import { imageEntry } from '@docket/shared/image-lists';
import type { RepositoryEvent } from '@docket/shared/repositories';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { repositoryDecider } from './decider.ts';
import type { RepositoryCommand } from './decider.ts';

const decider = repositoryDecider({ imagesMax: 20, tagsMax: 20 });
const { given } = specification(decider);

const namespaceId = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11';
const accountId = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e22';
const name = repositoryName.parse('app');
const image = imageEntry.parse({ id: 'layer', tag: 'latest', checksum: 'sha256:1' });

const created: RepositoryEvent = { type: 'RepositoryCreated', data: { namespace_id: namespaceId, name, life: 1 } };
const again: RepositoryEvent = { type: 'RepositoryCreated', data: { namespace_id: namespaceId, name, life: 2 } };
const requested: RepositoryEvent = { type: 'DeletionRequested', data: {} };
const deleted: RepositoryEvent = { type: 'RepositoryDeleted', data: {} };
const restored: RepositoryEvent = { type: 'RepositoryRestored', data: {} };
const described: RepositoryEvent = { type: 'DescriptionChanged', data: { description: 'short' } };
const hidden: RepositoryEvent = { type: 'VisibilityChanged', data: { is_private: true } };
const granted: RepositoryEvent = { type: 'AccessGranted', data: { account_id: accountId, role: 'write' } };
const starred: RepositoryEvent = { type: 'RepositoryStarred', data: { account_id: accountId } };
const takenDown: RepositoryEvent = { type: 'RepositoryTakenDown', data: { reason: 'it mines coins' } };
const pushed: RepositoryEvent = { type: 'PushOpened', data: { push: 1, images: [image] } };

const create = {
  type: 'Create',
  namespaceId,
  name,
  description: 'short',
  fullDescription: '',
  isPrivate: true,
} as const;
const restore: RepositoryCommand = { type: 'Restore', inTime: true };

describe('creating', () => {
  it('begins a life with what is told of it', () => {
    given().when(create).thenEvents(created, described, hidden);
  });

  it('begins another life of what is deleted, and ends a deletion that is under way', () => {
    given(created, requested, deleted).when(create).thenEvents(again, described, hidden);
    given(created, requested).when(create).thenEvents(deleted, again, described, hidden);
  });

  it('is refused where there is one, and where one was taken down', () => {
    given(created).when(create).thenRefused('conflict', 'name');
    given(created, takenDown, requested, deleted).when(create).thenRefused('forbidden');
  });
});

describe('describing', () => {
  it('makes events of what changes alone', () => {
    const command = { type: 'Describe', description: 'short', isPrivate: false } as const;
    given(created).when(command).thenEvents(described);
    given(created, described).when(command).thenEvents();
    given(created).when({ type: 'Describe' }).thenEvents();
  });

  it('is of what lives', () => {
    given().when({ type: 'Describe' }).thenRefused('not_found');
    given(created, requested).when({ type: 'Describe' }).thenRefused('not_found');
  });
});

describe('deleting at once', () => {
  it('goes through the same lives', () => {
    given(created).when({ type: 'Delete' }).thenEvents(requested, deleted);
    given(created, requested).when({ type: 'Delete' }).thenEvents(deleted);
    given(created, requested, deleted).when({ type: 'Delete' }).thenEvents();
    given().when({ type: 'Delete' }).thenRefused('not_found');
  });
});

describe('having it back', () => {
  it('is for what is deleted, in time', () => {
    given(created, requested, deleted).when(restore).thenEvents(restored);
    given(created, requested, deleted).when({ type: 'Restore', inTime: false }).thenRefused('not_found');
    given(created).when(restore).thenRefused('conflict');
    given(created, requested).when(restore).thenRefused('conflict');
    given().when(restore).thenRefused('not_found');
  });

  it('leaves nothing of it behind, whatever it had', () => {
    const had = fc.subarray<RepositoryEvent>([described, hidden, granted, starred, takenDown, pushed]);
    fc.assert(
      fc.property(had, (events) => {
        const before = fold(decider.evolve, decider.initial, [created, ...events]);
        const after = fold(decider.evolve, before, [requested, deleted, restored]);
        expect(after).toEqual({
          repository: { ...before.repository, is_push_open: false },
          list: { ...before.list, announced: null },
        });
      }),
    );
  });
});

describe('a grant', () => {
  it('is given, changed and taken', () => {
    given(created).when({ type: 'Grant', accountId, role: 'write' }).thenEvents(granted);
    given(created, granted).when({ type: 'Grant', accountId, role: 'write' }).thenEvents();
    given(created, granted)
      .when({ type: 'Grant', accountId, role: 'read' })
      .thenEvents({ type: 'AccessGranted', data: { account_id: accountId, role: 'read' } });
    given(created, granted)
      .when({ type: 'Revoke', accountId })
      .thenEvents({ type: 'AccessRevoked', data: { account_id: accountId } });
    given(created).when({ type: 'Revoke', accountId }).thenRefused('not_found');
  });

  it('ends with the life of the repository', () => {
    given(created, granted, requested, deleted, again).when({ type: 'Revoke', accountId }).thenRefused('not_found');
  });
});

describe('a takedown', () => {
  it('is done and undone, once each', () => {
    given(created).when({ type: 'TakeDown', reason: 'it mines coins' }).thenEvents(takenDown);
    given(created, takenDown).when({ type: 'TakeDown', reason: 'it mines coins' }).thenEvents();
    given(created, takenDown).when({ type: 'Reinstate' }).thenEvents({ type: 'RepositoryReinstated', data: {} });
    given(created).when({ type: 'Reinstate' }).thenEvents();
    given().when({ type: 'TakeDown', reason: 'it mines coins' }).thenRefused('not_found');
  });

  it('holds in every life until it is undone', () => {
    const lives = fc.array(fc.constantFrom<RepositoryCommand>({ type: 'Delete' }, restore, create), { maxLength: 12 });
    fc.assert(
      fc.property(lives, (commands) => {
        const { repository: state } = commands.reduce(
          (before, command) => {
            const events = decider.decide(before, command);
            return isRefusal(events) ? before : fold(decider.evolve, before, events);
          },
          fold(decider.evolve, decider.initial, [created, takenDown]),
        );
        const reason =
          state.status === 'deleted' ? state.contents.taken_down : 'taken_down' in state && state.taken_down;
        expect(reason).toBe('it mines coins');
      }),
    );
  });
});
