/**
 * A command on a repository, whole: read, fold, decide, append at the version that was read, and again on a lost race. What is not
 * asked of the command is decided by the pure decider; what is unique (the name) is written in the transaction that creates it.
 */
import { fold } from '@docket/shared/decider';
import type { FullName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { Repository, RepositoryEvent } from '@docket/shared/repositories';
import { repositoryStream } from '@docket/shared/stored-event';
import type { DomainEvent } from '@docket/shared/stored-event';
import { isConnectionLoss, isUniqueViolation } from '@docket/store/connect';
import type { Database } from '@docket/store/connect';
import type { AppendCall, GroupCommit } from '@docket/store/log/group-commit';
import { appendAll } from '@docket/store/log/append';
import type { AppendCommand, Verdict } from '@docket/store/log/append';
import type { PastCommand } from '@docket/store/log/read';
import { lookUp } from '@docket/store/read/look-up';
import type { Lookup } from '@docket/store/read/look-up';
import { inTransaction } from '@docket/store/transaction';
import { v7 as uuidv7 } from 'uuid';

import { commandReused, earlierOutcome, pastCommand, raceLost } from '../commands/envelope.ts';
import type { CommandEnvelope } from '../commands/envelope.ts';
import { attemptsMax } from '../limits.ts';
import type { RepositoryCommand } from './decider.ts';
import { repositoryDecider } from './decider.ts';

export interface Execution {
  readonly database: Database;
  readonly groupCommit: GroupCommit;
  /** After a transaction of its own that appended something. */
  readonly onAppended: () => void;
  /** After a transaction of its own, whatever the log said. */
  readonly onCall?: (call: AppendCall) => void;
}

export interface Executed {
  /** What the command led to, now or when it was first sent; empty when there was nothing to do. */
  readonly events: readonly DomainEvent[];
  readonly repositoryId: string;
  /** After the command, and the stream version of it. */
  readonly state: Repository;
  readonly version: number;
}

export interface Intent {
  readonly fullName: FullName;
  readonly command: RepositoryCommand;
  /** The account that asks. */
  readonly accountId: string | undefined;
  /** Whether it may, of what each attempt finds: a right that was taken meanwhile counts no more. */
  readonly judge: (found: Lookup) => Refusal | undefined;
  /** A look-up of this request, to save one. */
  readonly found: Lookup;
  /** Versions of the stream that the client means to change (`If-Match`); undefined is any. */
  readonly versions?: readonly number[] | undefined;
}

const changed = refuse('precondition_failed', 'it was changed since it was read; read it again');

export async function executeOnRepository(
  { database, groupCommit, onAppended, onCall }: Execution,
  { fullName, command, accountId, judge, found: first, versions }: Intent,
  envelope: CommandEnvelope,
): Promise<Executed | Refusal> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = attempt === 0 ? first : await lookUp(database, fullName, accountId);
    const refusal = judge(found);
    if (refusal) return refusal;
    // After the look-up: what the same command did before it is found here, what it does after it is a conflict.
    const past = await earlierOutcome(database, envelope);
    if (past !== undefined) return resumed(database, fullName, past);
    const { id = uuidv7(), state = absentRepository, version = 0 } = found.repository ?? {};
    if (versions && !versions.includes(version)) return changed;
    const events = repositoryDecider.decide(state, command);
    if (isRefusal(events)) return events;
    if (events.length === 0) return { events, repositoryId: id, state, version };
    const append = { streamId: repositoryStream(id), expectedVersion: version, events, ...envelope };
    const outcome = await appended(
      found.repository
        ? groupCommit.append(append).then((verdict) => verdict.outcome)
        : timed(onCall, () => create(database, command, id, append)),
    );
    if (outcome === 'appended' && !found.repository) onAppended();
    switch (outcome) {
      case 'appended':
        return { events, repositoryId: id, state: fold(evolve, state, events), version: version + events.length };
      case 'duplicate': {
        const done = await pastCommand(database, envelope);
        if (done) return resumed(database, fullName, done);
        break;
      }
      case 'conflict':
        break;
    }
  }
  return raceLost;
}

type Outcome = Verdict['outcome'];

/** One command on two streams at once: the log has it from the other. */
async function appended(appending: Promise<Outcome>): Promise<Outcome> {
  try {
    return await appending;
  } catch (error) {
    if (isUniqueViolation(error, 'events_command')) return 'duplicate';
    throw error;
  }
}

async function timed(onCall: Execution['onCall'], appending: () => Promise<Outcome>): Promise<Outcome> {
  const started = performance.now();
  const outcome = await appending();
  onCall?.({ way: 'transaction', seconds: (performance.now() - started) / 1_000, outcomes: [outcome] });
  return outcome;
}

/** The first event of a repository goes with its name: two who create the same name at once must not both succeed. */
async function create(
  database: Database,
  command: RepositoryCommand,
  repositoryId: string,
  append: AppendCommand & { readonly events: readonly RepositoryEvent[] },
): Promise<Outcome> {
  if (command.type !== 'OpenPush' && command.type !== 'Create')
    throw new Error(`${command.type} made events of a repository that never was`);
  const { namespaceId, name } = command;
  try {
    return await inTransaction<Outcome>(database, async (transaction, abort) => {
      const { numInsertedOrUpdatedRows } = await transaction
        .insertInto('directory.repository_names')
        .values({ namespace_id: namespaceId, name, repository_id: repositoryId })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 0n) return abort('conflict');
      const [verdict] = await appendAll(transaction, [append]);
      return verdict?.outcome === 'appended' ? 'appended' : abort(verdict?.outcome ?? 'conflict');
    });
  } catch (error) {
    // Written or not: the name tells, and after it the command id.
    if (isConnectionLoss(error)) return 'conflict';
    throw error;
  }
}

async function resumed(
  database: Database,
  fullName: FullName,
  past: PastCommand | Refusal,
): Promise<Executed | Refusal> {
  if (isRefusal(past)) return past;
  const { repository } = await lookUp(database, fullName);
  if (!repository) return commandReused;
  return { events: past.events, repositoryId: repository.id, state: repository.state, version: repository.version };
}
