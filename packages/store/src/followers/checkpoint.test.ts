/**
 * What the projections build, in the versions that they have. Rows and documents of one version are alike, in every installation: when
 * one of these tests fails, raise the version in checkpoint.ts and write the new one here. CONTRIBUTING.md says what else that needs.
 */
import { absentRepository, evolve } from '@docket/shared/repositories';
import { namespaceName, repositoryName } from '@docket/shared/names';
import { searchDocument } from '@docket/shared/search';
import { expect, test } from 'vitest';

import { searchProjection, tablesProjection } from './checkpoint.ts';

const state = evolve(absentRepository, {
  type: 'RepositoryCreated',
  data: { namespace_id: '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09', name: repositoryName.parse('tool'), life: 1 },
});

test('the state in a row of the tables has the fields of this version', () => {
  expect({ version: tablesProjection.version, fields: Object.keys(state).toSorted() }).toEqual({
    version: 4,
    fields: [
      'description',
      'full_description',
      'grants',
      'is_automated',
      'is_private',
      'is_push_open',
      'last_updated',
      'life',
      'name',
      'namespace_id',
      'pull_count',
      'pushes',
      'star_count',
      'stars',
      'status',
      'taken_down',
    ],
  });
});

test('the document of a repository in the search index has the fields of this version', () => {
  const fullName = { namespace: namespaceName.parse('library'), name: repositoryName.parse('tool') };
  const document = searchDocument({ number: 1n, fullName, state, lastUpdated: new Date(0) });
  expect({ version: searchProjection.version, fields: Object.keys(document ?? {}).toSorted() }).toEqual({
    version: 1,
    fields: [
      'alt',
      'description',
      'full_name',
      'id',
      'is_automated',
      'is_official',
      'is_trusted',
      'last_updated',
      'name',
      'namespace',
      'pop',
      'private',
      'pull_count',
      'star_count',
    ],
  });
});
