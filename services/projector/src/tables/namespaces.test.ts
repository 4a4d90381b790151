import { repositoryName } from '@docket/shared/names';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { Repository, RepositoryEvent } from '@docket/shared/repositories';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { projectNamespaces } from './namespaces.ts';

const namespaceId = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11';

const events = fc.array(
  fc.constantFrom<RepositoryEvent>(
    { type: 'VisibilityChanged', data: { is_private: true } },
    { type: 'VisibilityChanged', data: { is_private: false } },
    { type: 'DeletionRequested', data: {} },
    { type: 'RepositoryDeleted', data: {} },
    { type: 'RepositoryRestored', data: {} },
    { type: 'RepositoryTakenDown', data: { reason: 'it mines coins' } },
    { type: 'RepositoryReinstated', data: {} },
    {
      type: 'RepositoryCreated',
      data: { namespace_id: namespaceId, name: repositoryName.parse('app'), life: 2 },
    },
  ),
  { maxLength: 20 },
);

test('the differences add up to what is there, however the events fall into pages', () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 8 }), (pages) => {
      const row = (state: Repository) => ({
        repositoryId: namespaceId,
        number: 1n,
        version: 1,
        lastUpdated: new Date(0),
        imageCount: 0,
        tagCount: 0,
        state,
      });
      let state: Repository = absentRepository;
      const sum = { public: 0, private: 0 };
      for (const page of pages) {
        const after: Repository = page.reduce(evolve, state);
        for (const count of projectNamespaces([{ before: row(state), after: row(after) }])) {
          sum.public += count.public;
          sum.private += count.private;
        }
        state = after;
      }
      const shown = state.status === 'active' && state.taken_down === null ? state : undefined;
      expect(sum).toEqual({ public: shown?.is_private === false ? 1 : 0, private: shown?.is_private ? 1 : 0 });
    }),
  );
});
