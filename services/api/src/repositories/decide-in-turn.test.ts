/** Deciding many together is deciding one after the other: the same answers, the same events at the same versions, the same end. */
import { imageId, repositoryName, tagName } from '@docket/shared/names';
import { refuse } from '@docket/shared/refusal';
import { evolveImages, noRepositoryImages } from '@docket/shared/repository-images';
import type { RepositoryImages } from '@docket/shared/repository-images';
import type { Lookup, RepositoryAt } from '@docket/store/read/look-up';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { unbounded } from '../commands/daily-quota.ts';
import { decideInTurn } from './decide-in-turn.ts';
import type { Candidate, Decision } from './decide-in-turn.ts';
import { repositoryDecider } from './decider.ts';
import type { RepositoryCommand } from './decider.ts';

const namespaceId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a01';
const newId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09';
const accounts = [1, 2, 3].map((number) => `01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1b0${number}`);
const name = repositoryName.parse('web');
const found: Candidate['found'] = {
  namespace: { id: namespaceId, ownerId: accounts[0] ?? '', viewerRole: null },
  imagesMayBeBlocked: false,
  viewer: undefined,
  readAt: 0,
};
const decider = repositoryDecider({ imagesMax: 20, tagsMax: 20 });
const always = { decider, newId, goesOn: () => true };

const images = fc.array(
  fc.record({
    id: fc.constantFrom('aaaa', 'bbbb', 'cccc').map((id) => imageId.parse(id)),
    tag: fc.constantFrom('latest', 'one', 'two').map((tag) => tagName.parse(tag)),
  }),
  { maxLength: 3 },
);
const life = fc.integer({ min: 1, max: 2 });
const accountId = fc.constantFrom(...accounts);
const command: fc.Arbitrary<RepositoryCommand> = fc.oneof(
  fc.record({
    type: fc.constant('OpenPush' as const),
    namespaceId: fc.constant(namespaceId),
    name: fc.constant(name),
    images,
  }),
  fc.record({ type: fc.constant('PutImages' as const), images, endpoints: fc.constant([]) }),
  fc.record({ type: fc.constant('Describe' as const), description: fc.constantFrom('', 'one', 'two') }),
  fc.record({
    type: fc.constant('Grant' as const),
    accountId,
    role: fc.constantFrom('read' as const, 'admin' as const),
  }),
  fc.record({ type: fc.constant('Revoke' as const), accountId }),
  fc.constantFrom<RepositoryCommand>(
    { type: 'RequestDeletion' },
    { type: 'Delete' },
    { type: 'Restore', inTime: true },
  ),
  fc.record({ type: fc.constant('FinishDeletion' as const), life }),
);

/** Some may only while they are let in, some only what they have seen: both are judged on what those before them left. */
const candidate: fc.Arbitrary<Candidate> = fc
  .record({
    command,
    commandId: fc.integer({ min: 1, max: 1_000 }).map(String),
    asks: fc.option(accountId),
    versions: fc.option(fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 3 }), { nil: undefined }),
  })
  .map(({ command: asked, commandId, asks, versions }) => ({
    command: asked,
    commandId,
    versions,
    found,
    past: undefined,
    left: unbounded,
    judge: ({ repository }: Lookup) => {
      if (asks === null || repository?.state.status !== 'active') return undefined;
      return repository.state.grants[asks] ? undefined : refuse('forbidden', 'not let in');
    },
  }));
const candidates = fc.uniqueArray(candidate, { maxLength: 12, selector: ({ commandId }) => commandId });

interface Log {
  repository: RepositoryAt | undefined;
  list: RepositoryImages;
  readonly events: unknown[];
}

/** As the log takes it: what was decided at the version that it is at, and nothing else. */
function appended(log: Log, decision: Decision): void {
  if (decision.is !== 'append') return;
  const { executed, expectedVersion, events } = decision;
  expect(expectedVersion).toBe(log.events.length);
  log.events.push(...events);
  expect(executed.version).toBe(log.events.length);
  log.list = decision.list;
  log.repository = {
    id: executed.repositoryId,
    number: undefined,
    lastUpdated: new Date(0),
    state: executed.state,
    version: executed.version,
  };
}

/** What each is told, a `later` once it had its turn. */
function answersOf(all: readonly Candidate[], batchMax: number): { readonly answers: unknown[]; readonly log: Log } {
  const log: Log = { repository: undefined, list: noRepositoryImages, events: [] };
  const answers = new Map<Candidate, unknown>();
  let waiting = [...all];
  while (waiting.length > 0) {
    const batch = waiting.slice(0, batchMax);
    const decisions = decideInTurn(log.repository, log.list, batch, always);
    const later: Candidate[] = [];
    for (const [index, decision] of decisions.entries()) {
      const one = batch[index];
      if (!one) throw new Error('more decisions than commands');
      if (decision.is === 'later') later.push(one);
      else answers.set(one, decision.is === 'told' ? decision.outcome : decision.executed);
      appended(log, decision);
    }
    expect(later.length).toBeLessThan(batch.length);
    waiting = [...later, ...waiting.slice(batchMax)];
  }
  return { answers: all.map((one) => answers.get(one)), log };
}

describe('commands that are decided together', () => {
  it('are answered, and change the repository, as if they had come one after the other', () => {
    fc.assert(
      fc.property(candidates, fc.integer({ min: 2, max: 12 }), (all, batchMax) => {
        const together = answersOf(all, batchMax);
        const alone = answersOf(all, 1);
        expect(together.answers).toEqual(alone.answers);
        expect(together.log).toEqual(alone.log);
      }),
      { numRuns: 1_000 },
    );
  });
});

const given = (commandId: string, asked: RepositoryCommand, rest: Partial<Candidate> = {}): Candidate => ({
  commandId,
  command: asked,
  judge: () => undefined,
  found,
  versions: undefined,
  past: undefined,
  left: unbounded,
  ...rest,
});

function push(commandId: string, tag: string, rest: Partial<Candidate> = {}): Candidate {
  const list = [{ id: imageId.parse('aaaa'), tag: tagName.parse(tag) }];
  return given(commandId, { type: 'OpenPush', namespaceId, name, images: list }, rest);
}

function existing(): RepositoryAt {
  const [decision] = decideInTurn(undefined, noRepositoryImages, [push('creation', 'first')], always);
  if (decision?.is !== 'append') throw new Error('a push of what is not there creates it');
  const { state, version } = decision.executed;
  return { id: newId, number: undefined, lastUpdated: new Date(0), state, version };
}

/** What the repository holds by then. */
const holding = evolveImages(noRepositoryImages, {
  type: 'ImagesAdded',
  data: { images: [{ id: imageId.parse('aaaa'), tag: tagName.parse('first') }] },
});

const kinds = (decisions: readonly Decision[]) => decisions.map(({ is }) => is);

describe('of commands that are decided together', () => {
  it('those behind the creation of the repository wait for it', () => {
    const decisions = decideInTurn(
      undefined,
      noRepositoryImages,
      [push('1', 'one'), push('2', 'two'), push('3', 'three')],
      always,
    );
    expect(kinds(decisions)).toEqual(['append', 'later', 'later']);
  });

  it('a command that is there twice waits for itself, and nobody else for it', () => {
    const decisions = decideInTurn(existing(), holding, [push('1', 'one'), push('1', 'one'), push('2', 'two')], always);
    expect(kinds(decisions)).toEqual(['append', 'later', 'append']);
  });

  it('one of two that mean to change the same version does', () => {
    const repository = existing();
    const versions = [repository.version];
    const decisions = decideInTurn(
      repository,
      holding,
      [push('1', 'one', { versions }), push('2', 'two', { versions })],
      always,
    );
    expect(decisions).toMatchObject([{ is: 'append' }, { is: 'told', outcome: { refused: 'precondition_failed' } }]);
  });

  it('one whose right is taken by one before it is refused', () => {
    const [account = ''] = accounts;
    const judge = ({ repository }: Lookup) =>
      repository?.state.status === 'active' && repository.state.grants[account] === 'write'
        ? undefined
        : refuse('forbidden', 'not let in');
    const grant = given('0', { type: 'Grant', accountId: account, role: 'write' });
    const revoke = given('2', { type: 'Revoke', accountId: account });
    const decisions = decideInTurn(
      existing(),
      holding,
      [grant, push('1', 'one', { judge }), revoke, push('3', 'three', { judge })],
      always,
    );
    expect(kinds(decisions)).toEqual(['append', 'append', 'append', 'told']);
    expect(decisions[3]).toMatchObject({ outcome: { refused: 'forbidden' } });
  });

  it('a push behind a deletion begins a new life, without what was there before', () => {
    const deletion = given('1', { type: 'Delete' });
    const decisions = decideInTurn(existing(), holding, [push('0', 'old'), deletion, push('2', 'new')], always);
    expect(decisions[2]).toMatchObject({ executed: { state: { status: 'active', life: 2 } } });
    const [, , last] = decisions;
    expect(last?.is === 'append' && last.list.tags).toEqual(new Map([['new', 'aaaa']]));
  });

  it('one that is in the log already is told what it did, and the repository as those before it leave it', () => {
    const repository = existing();
    const past = { events: [], fingerprint: null };
    const [first, second] = decideInTurn(repository, holding, [push('1', 'one'), push('2', 'two', { past })], always);
    expect(second).toEqual({
      is: 'told',
      outcome: first?.is === 'append' && { ...first.executed, events: [] },
    });
  });

  it('those that there is no time for wait; the first never does', () => {
    const decisions = decideInTurn(existing(), holding, [push('1', 'one'), push('2', 'two')], {
      ...always,
      goesOn: () => false,
    });
    expect(kinds(decisions)).toEqual(['append', 'later']);
  });

  it('a command on what never was is refused, and nobody waits for it', () => {
    const decisions = decideInTurn(
      undefined,
      noRepositoryImages,
      [given('1', { type: 'Delete' }), push('2', 'two')],
      always,
    );
    expect(decisions).toMatchObject([{ is: 'told', outcome: { refused: 'not_found' } }, { is: 'append' }]);
  });
});
