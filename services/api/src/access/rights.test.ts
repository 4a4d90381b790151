import { namespaceName, repositoryName } from '@docket/shared/names';
import { fold } from '@docket/shared/decider';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { Repository, RepositoryEvent } from '@docket/shared/repositories';
import { accesses } from '@docket/shared/tokens';
import type { Access } from '@docket/shared/tokens';
import { describe, expect, it } from 'vitest';

import type { AccountRow } from './accounts.ts';
import type { Caller } from './authenticate.ts';
import { actions, may, needed, refuseReadingImages, refuseWriting, roleOf, roles } from './rights.ts';
import type { Claims } from './tokens.ts';

const namespaceId = 'namespace';
const fullName = { namespace: namespaceName.parse('acme'), name: repositoryName.parse('app') };

const account = (id: string, isAdmin = false): AccountRow => ({
  id,
  namespaceId: id === 'owner' ? namespaceId : `namespace of ${id}`,
  name: namespaceName.parse(id),
  isAdmin,
  status: 'active',
  passwordHash: '',
  credentialVersion: 1,
});
const owner = account('owner');
const admin = account('admin', true);
const stranger = account('stranger');

const password = (who: AccountRow): Caller => ({ by: 'password', account: who });
const token = (who: AccountRow | undefined, access: Access, other: Partial<Claims> = {}): Caller => ({
  by: 'token',
  account: who,
  claims: {
    jti: 'some',
    sub: who?.id ?? '',
    exp: 0,
    repository: 'acme/app',
    repository_id: 'repository',
    life: 1,
    access,
    credential_version: who?.credentialVersion ?? 1,
    ...other,
  },
});
const nobody: Caller = { by: 'nothing' };

const created: RepositoryEvent = {
  type: 'RepositoryCreated',
  data: { namespace_id: '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11', name: fullName.name, life: 1 },
};
const hidden: RepositoryEvent = { type: 'VisibilityChanged', data: { is_private: true } };
const deletion: readonly RepositoryEvent[] = [
  { type: 'DeletionRequested', data: {} },
  { type: 'DeletionAuthorized', data: { token_id: 'some' } },
  { type: 'RepositoryDeleted', data: {} },
];
const state = (...events: RepositoryEvent[]): Repository => fold(evolve, absentRepository, events);
const states = {
  public: state(created),
  private: state(created, hidden),
  deleting: state(created, ...deletion.slice(0, 1)),
  'deleting, token spent': state(created, ...deletion.slice(0, 2)),
  'deleting, private': state(created, hidden, ...deletion.slice(0, 1)),
  deleted: state(created, ...deletion),
};

const found = (repository: Repository) => ({
  namespace: { id: namespaceId, ownerId: owner.id, viewerRole: null },
  repository: { id: 'repository', number: 1n, state: repository, version: 1, lastUpdated: new Date(0) },
});

type Verdict = 'may' | 'unauthorized' | 'forbidden' | 'not_found';
const verdict = (refusal: { refused: string } | undefined) => refusal?.refused ?? 'may';

describe('who may read the images', () => {
  type Row = Record<keyof typeof states, Verdict>;
  const never: Row = {
    public: 'forbidden',
    private: 'not_found',
    deleting: 'not_found',
    'deleting, token spent': 'not_found',
    'deleting, private': 'not_found',
    deleted: 'not_found',
  };
  const anybody: Row = { ...never, public: 'may' };
  const writers: Row = { ...anybody, private: 'may' };
  const ownTokens: Row = { ...never, public: 'forbidden', private: 'forbidden' };
  const deleteToken: Row = {
    ...writers,
    deleting: 'may',
    'deleting, token spent': 'may',
    'deleting, private': 'may',
  };
  const rows: [string, Caller, Row][] = [
    ['nobody', nobody, anybody],
    ['a stranger', password(stranger), anybody],
    ['the owner', password(owner), writers],
    ['an admin', password(admin), writers],
    ['a read token of nobody', token(undefined, 'read'), anybody],
    ['a read token of a stranger', token(stranger, 'read'), anybody],
    ['a read token of the owner', token(owner, 'read'), writers],
    ['a write token of the owner', token(owner, 'write'), writers],
    ['a delete token of the owner', token(owner, 'delete'), deleteToken],
    ['a read token of an admin', token(admin, 'read'), writers],
    ['a token of the owner for another name', token(owner, 'read', { repository: 'acme/other' }), ownTokens],
    ['a token of the owner for another repository', token(owner, 'read', { repository_id: 'other' }), ownTokens],
    ['a delete token of an earlier life', token(owner, 'delete', { life: 2 }), ownTokens],
    ['a token of a stranger for another name', token(stranger, 'read', { repository: 'acme/other' }), never],
  ];
  const cells = rows.flatMap(([who, caller, row]) =>
    Object.entries(row).map(([status, expected]) => ({ who, caller, status, expected })),
  );

  it.each(cells)('$who, of a repository that is $status: $expected', ({ caller, status, expected }) => {
    const repository = Object.entries(states).find(([key]) => key === status)?.[1] ?? absentRepository;
    expect(verdict(refuseReadingImages(caller, fullName, found(repository)))).toBe(expected);
  });

  it('is told the same of what never was, of a namespace that is not there and of what is private', () => {
    const namespace = { id: namespaceId, ownerId: owner.id, viewerRole: null };
    const refusals = [
      refuseReadingImages(nobody, fullName, { namespace: undefined, repository: undefined }),
      refuseReadingImages(nobody, fullName, { namespace, repository: undefined }),
      refuseReadingImages(nobody, fullName, found(states.private)),
      refuseReadingImages(nobody, fullName, found(states.deleted)),
    ];
    const told = { refused: 'not_found', message: 'there is no repository acme/app' };
    expect(refusals).toEqual([told, told, told, told]);
  });
});

describe('the role of an account', () => {
  const namespace = { id: namespaceId, ownerId: owner.id, viewerRole: null };
  const granted = (role: 'read' | 'write' | 'admin') =>
    state(created, hidden, { type: 'AccessGranted', data: { account_id: stranger.id, role } });

  it('is the highest of those that it has', () => {
    expect([
      roleOf(undefined, namespace, states.public),
      roleOf(undefined, namespace, states.private),
      roleOf(stranger, namespace, states.private),
      roleOf(stranger, { ...namespace, viewerRole: 'member' }, states.private),
      roleOf(stranger, { ...namespace, viewerRole: 'owner' }, states.private),
      roleOf(stranger, namespace, granted('write')),
      roleOf(stranger, { ...namespace, viewerRole: 'member' }, granted('write')),
      roleOf(owner, namespace, states.private),
      roleOf(admin, namespace, states.private),
    ]).toEqual(['read', 'none', 'none', 'read', 'owner', 'write', 'write', 'owner', 'index_admin']);
  });

  it.each(['read', 'write', 'admin'] as const)(
    'is %s when that was granted, and lets it do that and no more',
    (role) => {
      const able = actions.filter((action) => may(action, stranger, namespace, granted(role)));
      expect(able).toEqual(actions.filter((action) => roles.indexOf(needed[action]) <= roles.indexOf(role)));
    },
  );

  it.each(actions)('nobody in particular may not %s what is private', (action) => {
    expect(may(action, undefined, namespace, states.private)).toBe(false);
  });

  it.each(['deleting', 'deleted'] as const)('nobody reads or stars what is %s', (status) => {
    for (const who of [owner, admin, stranger, undefined]) {
      expect(may('read', who, namespace, states[status])).toBe(false);
      expect(may('star', who, namespace, states[status])).toBe(false);
    }
  });
});

describe('who may write', () => {
  const cells = accesses.flatMap((wanted): [string, Caller, Access, Verdict][] => [
    ['nobody', nobody, wanted, 'unauthorized'],
    ['a stranger', password(stranger), wanted, 'forbidden'],
    ['the owner', password(owner), wanted, 'may'],
    ['an admin', password(admin), wanted, 'may'],
    ...accesses.flatMap((given): [string, Caller, Access, Verdict][] => [
      [`a ${given} token of the owner`, token(owner, given), wanted, given === wanted ? 'may' : 'forbidden'],
      [`a ${given} token of an admin`, token(admin, given), wanted, given === wanted ? 'may' : 'forbidden'],
      [`a ${given} token of a stranger`, token(stranger, given), wanted, 'forbidden'],
      [`a ${given} token of nobody`, token(undefined, given), wanted, 'forbidden'],
    ]),
    ['a token for another name', token(owner, wanted, { repository: 'acme/other' }), wanted, 'forbidden'],
    ['a token for another repository', token(owner, wanted, { repository_id: 'other' }), wanted, 'forbidden'],
    ['a token of another life', token(owner, wanted, { life: 2 }), wanted, 'forbidden'],
  ]);

  it.each(cells)('%s, where %s access is needed: %s', (_who, caller, wanted, expected) => {
    expect(verdict(refuseWriting(caller, fullName, found(states.public), wanted))).toBe(expected);
  });

  it('a token of a repository that is not there is good for nothing', () => {
    const namespace = { id: namespaceId, ownerId: owner.id, viewerRole: null };
    const nothing = { namespace, repository: undefined };
    expect(verdict(refuseWriting(token(owner, 'write'), fullName, nothing, 'write'))).toBe('forbidden');
  });

  it('a namespace without an owner is the admins’, and one that is not there nobody’s', () => {
    const reserved = { id: 'reserved', ownerId: null, viewerRole: null };
    expect([owner, stranger, admin, undefined].map((who) => may('create', who, reserved))).toEqual([
      false,
      false,
      true,
      false,
    ]);
    expect([owner, undefined].map((who) => may('create', who, undefined))).toEqual([false, false]);
  });

  it('a private repository in a namespace without an owner is read by admins alone', () => {
    const reserved = { id: 'reserved', ownerId: null, viewerRole: null };
    expect([owner, admin, undefined].map((who) => may('read', who, reserved, states.private))).toEqual([
      false,
      true,
      false,
    ]);
  });
});
