/**
 * Commands on a repository, whole: read, fold, decide, append at the version that was read, and again on a lost race. Those that come
 * while others are at it are decided together, one after the other, and appended with one call (`commands/stream-queue.ts`). What is not
 * asked of a command is decided by the pure decider; what is unique (the name) is written in the transaction that creates it.
 */
import { turnBetween } from '@docket/shared/in-turns';
import { decidingMsMax, foundMsMax } from '@docket/shared/limits';
import type { Quotas } from '@docket/runtime/environment';
import type { FullName, NamespaceName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { noRepositoryImages } from '@docket/shared/repository-images';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { repositoryStream } from '@docket/shared/stored-event';
import { isConnectionLoss, isPassing, isUniqueViolation } from '@docket/store/connect';
import type { Database, Transaction } from '@docket/store/connect';
import type { GroupCommit } from '@docket/store/log/group-commit';
import { appendAll } from '@docket/store/log/append';
import type { AppendCommand, Verdict } from '@docket/store/log/append';
import { lockStreams } from '@docket/store/log/lock-streams';
import { readNamedImages } from '@docket/store/read/images';
import { lookUp, lookUpViewers } from '@docket/store/read/look-up';
import type { Lookup, RepositoryAt } from '@docket/store/read/look-up';
import { inTransaction } from '@docket/store/transaction';
import { v7 as uuidv7 } from 'uuid';

import type { Left } from '../commands/daily-quota.ts';
import { earlierOutcome, pastCommand, raceLost } from '../commands/envelope.ts';
import type { CommandEnvelope } from '../commands/envelope.ts';
import { streamQueue } from '../commands/stream-queue.ts';
import type { Attempt, Ruling, StreamQueue } from '../commands/stream-queue.ts';
import type { TransactionExecution } from '../commands/transact.ts';
import { decideInTurn, resumed } from './decide-in-turn.ts';
import { namedImages } from './named-images.ts';
import type { Candidate, Decision, Executed } from './decide-in-turn.ts';
import type { RepositoryCommand, RepositoryDecider } from './decider.ts';
import { roomFor } from './namespace-quota.ts';
import type { Room } from './namespace-quota.ts';

export interface Execution extends TransactionExecution {
  readonly repositoryQueue: RepositoryQueue;
}

export interface Appending extends TransactionExecution {
  readonly groupCommit: GroupCommit;
  readonly decider: RepositoryDecider;
  readonly quotas: Pick<Quotas, 'namespaceRepositoriesMax'>;
}

export interface Intent {
  readonly fullName: FullName;
  readonly command: RepositoryCommand;
  /** The account that asks. */
  readonly accountId: string | undefined;
  /** Whether it may, of what each attempt finds: a right that was taken meanwhile counts no more. */
  readonly judge: (found: Lookup) => Refusal | undefined;
  /** A look-up of this request, to save one while it is recent. */
  readonly found: Lookup;
  /** Versions of the stream that the client means to change (`If-Match`); undefined is any. */
  readonly versions?: readonly number[] | undefined;
}

interface Asked {
  readonly intent: Intent;
  readonly envelope: CommandEnvelope;
  /** Unknown once a try of it was lost with its connection: the log is asked whether it was written, before it is decided again. */
  readonly fate: { isUnknown: boolean };
}

/** With what the account that asks may still append today. */
interface Held extends Asked {
  readonly left: Left;
}

export type RepositoryQueue = StreamQueue<Asked, Executed | Refusal>;

/** One for a process: the changes that wait in it, by repository. */
export function repositoryQueue(appending: Appending): RepositoryQueue {
  return streamQueue({
    settle: (batch, attempt) => settle(appending, batch, attempt),
    entriesIn: ({ intent: { command } }) => ('images' in command ? command.images.length : 0),
    full: refuse('overloaded', 'too many wait to change this; try again in a moment'),
    late: raceLost,
  });
}

export async function executeOnRepository(
  { repositoryQueue: queue }: Execution,
  intent: Intent,
  envelope: CommandEnvelope,
): Promise<Executed | Refusal> {
  const { namespace, name } = intent.fullName;
  return queue.enter(`${namespace}/${name}`, { intent, envelope, fate: { isUnknown: false } });
}

type Rulings = readonly Ruling<Executed | Refusal>[];

async function settle(appending: Appending, asked: readonly Asked[], attempt: Attempt): Promise<Rulings> {
  const [first] = asked;
  if (!first) return [];
  const { database, usage } = appending;
  // Here, because within a transaction it would wait for a second connection.
  const batch = await Promise.all(asked.map(async (one) => ({ ...one, left: await usage.left(one.envelope.heldTo) })));
  switch (attempt) {
    case 'first': {
      const { found } = first.intent;
      const isRecent = performance.now() - found.readAt <= foundMsMax;
      return raced(appending, batch, isRecent ? asFound(found) : await lookUpAgain(database, batch));
    }
    case 'waited':
      return raced(appending, batch, await lookUpAgain(database, batch));
    case 'contended': {
      const found = await lookUpAgain(database, batch);
      return found.repository
        ? undisputed(appending, batch, repositoryStream(found.repository.id))
        : raced(appending, batch, found);
    }
  }
}

/** At the version that was read, which may be past when it comes to the log. */
async function raced(appending: Appending, batch: readonly Held[], found: Found): Promise<Rulings> {
  const decided = await decide(appending, appending.database, batch, found);
  const outcomes = await appended(appending, decided.planned, found.repository !== undefined);
  return rulings(appending, batch, decided.decisions, outcomes);
}

/** With the stream to itself: who waits for it in other processes comes after it, in the order in which they came. */
async function undisputed(appending: Appending, batch: readonly Held[], streamId: string): Promise<Rulings> {
  const { database, onAppended, onCall } = appending;
  const [first, ...others] = batch;
  if (!first) return [];
  const started = performance.now();
  try {
    const { decisions, verdicts, room } = await inTransaction(database, async (transaction) => {
      await lockStreams(transaction, [streamId]);
      const decided = await decide(appending, transaction, batch, await lookUpAgain(transaction, batch));
      const commands = decided.planned.map(({ append }) => append);
      const left = await roomForAll(appending, transaction, decided.planned);
      const appends = left === 'free' && commands.length > 0;
      return { ...decided, room: left, verdicts: appends ? await appendAll(transaction, commands) : [] };
    });
    if (room !== 'free') {
      if (others.length > 0) return [...(await undisputed(appending, [first], streamId)), ...others.map(() => lost)];
      return [room === 'contended' ? lost : { is: 'settled', outcome: room }];
    }
    const outcomes = verdicts.map(({ outcome }) => outcome);
    if (outcomes.length > 0) {
      onCall?.({ way: 'transaction', seconds: (performance.now() - started) / 1_000, outcomes });
    }
    if (outcomes.includes('appended')) onAppended();
    return await rulings(appending, batch, decisions, verdicts);
  } catch (error) {
    // Nothing happened: somebody held the stream for too long.
    if (isPassing(error)) return batch.map(() => lost);
    if (isConnectionLoss(error)) {
      for (const { fate } of batch) fate.isUnknown = true;
      return batch.map(() => lost);
    }
    if (others.length > 0) return [...(await undisputed(appending, [first], streamId)), ...others.map(() => lost)];
    if (isUniqueViolation(error, 'events_command')) return [await rulingOnDuplicate(database, first)];
    return [{ is: 'failed', error }];
  }
}

const lost: Ruling<never> = { is: 'lost' };

interface Decided {
  readonly decisions: readonly Decision[];
  readonly planned: readonly Planned[];
}

async function decide(
  { decider }: Pick<Appending, 'decider'>,
  database: Database,
  batch: readonly Held[],
  { repository, foundBy }: Found,
): Promise<Decided> {
  const candidates: Candidate[] = [];
  for (const { intent, envelope, fate, left } of batch) {
    const { command, judge, versions, accountId } = intent;
    // After the look-up: what the same command did before it is found here, what it does after it is a conflict.
    const past = await (fate.isUnknown ? pastCommand : earlierOutcome)(database, envelope);
    candidates.push({ commandId: envelope.commandId, command, judge, found: foundBy(accountId), versions, past, left });
  }
  // After the look-up as well: what happens between the two makes a conflict of the append.
  const named = namedImages(batch.map(({ intent }) => intent.command));
  const many = named?.imageIds.length ?? 0;
  const images = repository && named ? await readNamedImages(database, repository.id, named) : noRepositoryImages;
  await turnBetween(many);
  const started = performance.now();
  const decisions = decideInTurn(repository, images, candidates, {
    decider,
    newId: uuidv7(),
    goesOn: () => performance.now() - started < decidingMsMax,
  });
  await turnBetween(many);
  return { decisions, planned: batch.flatMap((asked, index) => planOf(asked, decisions[index])) };
}

interface Found {
  readonly repository: RepositoryAt | undefined;
  /** The rest, as the account that asks finds it. */
  readonly foundBy: (accountId: string | undefined) => Omit<Lookup, 'repository'>;
}

function asFound({ repository, ...rest }: Lookup): Found {
  return { repository, foundBy: () => rest };
}

/** One look for all who wait: the repository, and each of their accounts and what it is to the namespace. */
async function lookUpAgain(database: Database, [first, ...others]: readonly Asked[]): Promise<Found> {
  if (!first) throw new Error('nobody asks');
  const { fullName, accountId } = first.intent;
  const found = await lookUp(database, fullName, accountId);
  const strangers = new Set(others.flatMap(({ intent }) => intent.accountId ?? []));
  strangers.delete(accountId ?? '');
  if (strangers.size === 0 && others.every(({ intent }) => intent.accountId === accountId)) return asFound(found);
  const { repository, ...rest } = found;
  const viewers = await lookUpViewers(database, rest.namespace?.id, [...strangers]);
  return {
    repository,
    foundBy: (asking) => {
      if (asking === accountId) return rest;
      const viewer = viewers.get(asking ?? '');
      const namespace = rest.namespace && { ...rest.namespace, viewerRole: viewer?.role ?? null };
      return { ...rest, viewer: viewer?.account, namespace };
    },
  };
}

interface Planned {
  readonly asked: Asked;
  readonly repositoryId: string;
  readonly append: AppendCommand;
  /** The namespace that it adds a repository to, for an account that is held to how many it may have. */
  readonly growing: { readonly id: string; readonly name: NamespaceName } | undefined;
}

function planOf(asked: Asked, decision: Decision | undefined): readonly Planned[] {
  if (decision?.is !== 'append') return [];
  const { events, expectedVersion, executed } = decision;
  const { repositoryId } = executed;
  const append = { streamId: repositoryStream(repositoryId), expectedVersion, events, ...asked.envelope };
  const grows = asked.envelope.heldTo !== undefined && events.some(({ type }) => beginnings.has(type));
  const growing =
    grows && executed.state.status !== 'absent'
      ? { id: executed.state.namespace_id, name: asked.intent.fullName.namespace }
      : undefined;
  return [{ asked, repositoryId, append, growing }];
}

const beginnings: ReadonlySet<string> = new Set<RepositoryEvent['type']>(['RepositoryCreated', 'RepositoryRestored']);

type Outcome = Verdict['outcome'];
/** The outcome of an append: `failed` has an unknown fate, or the log does not take it; `refused` is beyond a quota. */
type Appended = { readonly outcome: Outcome } | { readonly failed: unknown } | { readonly refused: Refusal };

async function appended(
  appending: Appending,
  planned: readonly Planned[],
  isKnown: boolean,
): Promise<readonly Appended[]> {
  const [first, ...others] = planned;
  if (!first) return [];
  if (isKnown && !planned.some(({ growing }) => growing)) return appendedTogether(appending, planned);
  // A beginning goes into the log in a transaction of its own, and what was decided after it is decided again.
  const outcome =
    isKnown && !first.growing
      ? (await appendedTogether(appending, [first]))[0]
      : await begun(appending, first, isKnown);
  return [outcome ?? conflict, ...others.map(() => conflict)];
}

const conflict: Appended = { outcome: 'conflict' };

/** In the order of what was planned. */
async function appendedTogether({ groupCommit }: Appending, planned: readonly Planned[]): Promise<readonly Appended[]> {
  const commands = planned.map(({ append }) => append);
  const [first, ...others] = commands;
  if (!first) return [];
  try {
    return await groupCommit.append(commands);
  } catch (error) {
    if (others.length === 0 || isConnectionLoss(error)) return commands.map(() => failure(error));
    // One of them the log does not take: the first is told alone, the others are decided again on what that leaves.
    return [await appendedAlone(groupCommit, first), ...others.map(() => conflict)];
  }
}

async function appendedAlone(groupCommit: GroupCommit, command: AppendCommand): Promise<Appended> {
  try {
    const [verdict] = await groupCommit.append([command]);
    return { outcome: verdict?.outcome ?? 'conflict' };
  } catch (error) {
    return failure(error);
  }
}

function failure(error: unknown): Appended {
  // One command on two streams at once: the log has it from the other.
  return isUniqueViolation(error, 'events_command') ? { outcome: 'duplicate' } : { failed: error };
}

async function begun(appending: Appending, planned: Planned, isKnown: boolean): Promise<Appended> {
  const { onAppended, onCall } = appending;
  const started = performance.now();
  try {
    const outcome = await begin(appending, planned, isKnown);
    if (isRefusal(outcome)) return { refused: outcome };
    onCall?.({ way: 'transaction', seconds: (performance.now() - started) / 1_000, outcomes: [outcome] });
    if (outcome === 'appended') onAppended();
    return { outcome };
  } catch (error) {
    return failure(error);
  }
}

/**
 * The first event of a repository goes with its name: two who create the same name at once must not both succeed. Where the namespace
 * is near its bound, it is counted with nobody else beginning another one in it.
 */
async function begin(appending: Appending, planned: Planned, isKnown: boolean): Promise<Outcome | Refusal> {
  const { append } = planned;
  try {
    return await inTransaction<Outcome | Refusal>(appending.database, async (transaction, abort) => {
      if (isKnown) await lockStreams(transaction, [append.streamId]);
      const room = await roomForAll(appending, transaction, [planned]);
      if (room !== 'free') return abort(room === 'contended' ? 'conflict' : room);
      if (!isKnown && !(await takeName(transaction, planned))) return abort('conflict');
      const [verdict] = await appendAll(transaction, [append]);
      return verdict?.outcome === 'appended' ? 'appended' : abort(verdict?.outcome ?? 'conflict');
    });
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    planned.asked.fate.isUnknown = true;
    return 'conflict';
  }
}

async function takeName(transaction: Transaction, { asked, repositoryId }: Planned): Promise<boolean> {
  const { command } = asked.intent;
  if (command.type !== 'OpenPush' && command.type !== 'Create')
    throw new Error(`${command.type} made events of a repository that never was`);
  const { numInsertedOrUpdatedRows } = await transaction
    .insertInto('directory.repository_names')
    .values({ namespace_id: command.namespaceId, name: command.name, repository_id: repositoryId })
    .onConflict((taken) => taken.doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** For the repositories that begin: they are all of one name, and so of one namespace. */
async function roomForAll({ quotas }: Appending, transaction: Transaction, planned: readonly Planned[]): Promise<Room> {
  const growing = planned.find((one) => one.growing)?.growing;
  return growing ? roomFor(transaction, growing, quotas.namespaceRepositoriesMax) : 'free';
}

/** What is said after an append that did not happen was decided on a state that never was. */
async function rulings(
  appending: Appending,
  batch: readonly Asked[],
  decisions: readonly Decision[],
  outcomes: readonly Appended[],
): Promise<Rulings> {
  const given: Ruling<Executed | Refusal>[] = [];
  const left = [...outcomes];
  let holds = true;
  for (const [index, asked] of batch.entries()) {
    const decision = decisions[index] ?? { is: 'later' };
    switch (decision.is) {
      case 'told':
        given.push(holds ? { is: 'settled', outcome: decision.outcome } : lost);
        break;
      case 'append': {
        const ruling = await rulingOn(appending, asked, decision.executed, left.shift());
        given.push(ruling);
        holds &&= ruling.is === 'settled' && ruling.outcome === decision.executed;
        break;
      }
      case 'later':
        given.push(decision);
        break;
    }
  }
  return given;
}

async function rulingOn(
  { database, usage }: Appending,
  asked: Asked,
  executed: Executed,
  given: Appended = conflict,
): Promise<Ruling<Executed | Refusal>> {
  if ('failed' in given) return { is: 'failed', error: given.failed };
  if ('refused' in given) return { is: 'settled', outcome: given.refused };
  switch (given.outcome) {
    case 'appended':
      await usage.add(asked.envelope.heldTo, executed.events);
      return { is: 'settled', outcome: executed };
    case 'conflict':
      return lost;
    case 'duplicate':
      return rulingOnDuplicate(database, asked);
  }
}

/** What it did when it was sent before, or in a try whose answer was lost. */
async function rulingOnDuplicate(database: Database, { intent, envelope }: Asked): Promise<Ruling<Executed | Refusal>> {
  try {
    const past = await pastCommand(database, envelope);
    if (!past) return lost;
    const { repository } = await lookUp(database, intent.fullName);
    return { is: 'settled', outcome: resumed(repository, past) };
  } catch (error) {
    return { is: 'failed', error };
  }
}
