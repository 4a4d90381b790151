import type { Recorded } from '@docket/shared/event';
import { checksum, imageId, repositoryName, tagName } from '@docket/shared/names';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { noRepositoryImages } from '@docket/shared/repository-images';
import { expect, test } from 'vitest';

import { FollowerHalted } from '../follow.ts';
import { projectRepositories } from './repositories.ts';
import type { RepositoryRow } from './repositories.ts';

const repositoryId = '5f0c7a3e-3b5f-4d0a-9f43-0a3f4c8f2b11';
const namespace_id = 'b7a0b9d0-62b5-4b6e-8a51-6f9f0c1c9a77';
const name = repositoryName.parse('ubuntu');
const layer = { id: imageId.parse('a1'), checksum: checksum.parse('sha256:c1'), tag: tagName.parse('latest') };
const created: RepositoryEvent = { type: 'RepositoryCreated', data: { namespace_id, name, life: 1 } };
const pushOpened: RepositoryEvent = { type: 'PushOpened', data: { push: 1, images: [layer] } };
const starred: RepositoryEvent = { type: 'CountsObserved', data: { star_count: 7 } };
const deletion: RepositoryEvent[] = [
  { type: 'DeletionRequested', data: {} },
  { type: 'DeletionAuthorized', data: { token_id: 't1' } },
  { type: 'RepositoryDeleted', data: {} },
];

test('a repository is numbered by the position of its creation and stands at the version of its last event', () => {
  const [change] = given().when([created, pushOpened], { position: 41n, version: 1 });
  expect(change?.before).toBeUndefined();
  expect(change?.after).toMatchObject({ repositoryId, number: 41n, version: 2, lastUpdated: at(42n) });
  expect(change?.after.state).toMatchObject({ status: 'active', is_push_open: true });
  expect(change?.list.images).toEqual(new Map([['a1', 'sha256:c1']]));
});

test('events of several repositories in one page change each its own', () => {
  const other = '0d4dd0c5-0b5c-4f43-8f35-0b60a8f8a3c2';
  const events = [recorded(created, 1n, 1), recorded(created, 2n, 1, other), recorded(starred, 3n, 2)];
  const changes = projectRepositories(new Map(), events, () => noRepositoryImages);
  expect(changes.map(({ after }) => [after.repositoryId, after.number, after.version])).toEqual([
    [repositoryId, 1n, 2],
    [other, 2n, 1],
  ]);
});

test('counted stars are not an update, a push is', () => {
  const row = rowAfter([created], { position: 5n, version: 1 });
  expect(given(row).when([starred], { position: 9n, version: 2 })[0]?.after.lastUpdated).toEqual(at(5n));
  expect(given(row).when([pushOpened], { position: 9n, version: 2 })[0]?.after.lastUpdated).toEqual(at(9n));
});

test('events that the row knows already change nothing', () => {
  const row = rowAfter([created, pushOpened], { position: 5n, version: 1 });
  expect(given(row).when([created, pushOpened], { position: 5n, version: 1 })).toEqual([]);
  const [change] = given(row).when([created, pushOpened, starred], { position: 5n, version: 1 });
  expect(change?.after).toMatchObject({ version: 3, state: { star_count: 7, pushes: 1 } });
});

test('an event before which one is missing stops the projection', () => {
  const row = rowAfter([created], { position: 5n, version: 1 });
  expect(() => given(row).when([starred], { position: 9n, version: 3 })).toThrow(FollowerHalted);
  expect(() => given().when([starred], { position: 9n, version: 2 })).toThrow('from version 0 to 2 at position 9');
});

test('a deleted repository stays as a tombstone, and its next life keeps its number', () => {
  const row = rowAfter([created, pushOpened, ...deletion], { position: 5n, version: 1 });
  expect(row.state).toMatchObject({ status: 'deleted', namespace_id, name, life: 1 });
  const again: RepositoryEvent = { type: 'RepositoryCreated', data: { namespace_id, name, life: 2 } };
  const [change] = given(row).when([again], { position: 30n, version: 6 });
  expect(change?.after).toMatchObject({ number: 5n, version: 6, state: { status: 'active', life: 2 }, imageCount: 0 });
});

function given(row?: RepositoryRow) {
  const rows = new Map(row ? [[row.repositoryId, row]] : []);
  return {
    when: (events: readonly RepositoryEvent[], first: { position: bigint; version: number }) =>
      projectRepositories(
        rows,
        events.map((event, index) => recorded(event, first.position + BigInt(index), first.version + index)),
        () => noRepositoryImages,
      ),
  };
}

function rowAfter(events: readonly RepositoryEvent[], first: { position: bigint; version: number }): RepositoryRow {
  const [change] = given().when(events, first);
  if (!change) throw new Error('the events changed nothing');
  return change.after;
}

function recorded(
  event: RepositoryEvent,
  position: bigint,
  version: number,
  id = repositoryId,
): Recorded<RepositoryEvent> {
  return {
    position,
    streamId: `repository-${id}`,
    version,
    event,
    metadata: { actor: null, request_id: 'r', correlation_id: 'r', causation_id: 'r' },
    commandId: '3f8b2f2e-86f5-4a53-9a57-3f0c6c2f8d10',
    recordedAt: at(position),
  };
}

function at(position: bigint): Date {
  return new Date(1_400_000_000_000 + Number(position) * 1000);
}
