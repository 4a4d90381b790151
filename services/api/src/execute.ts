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
import { isConnectionLoss } from '@docket/store/connect';
import type { Store } from '@docket/store/connect';
import type { GroupCommit } from '@docket/store/group-commit';
import { appendAll, readCommand } from '@docket/store/log';
import type { AppendCommand, PastCommand } from '@docket/store/log';
import { lookUp } from '@docket/store/repositories';
import type { Lookup } from '@docket/store/repositories';
import { inTransaction } from '@docket/store/transaction';
import { v7 as uuidv7 } from 'uuid';

import { pastCommand } from './envelope.ts';
import type { CommandEnvelope } from './envelope.ts';
import { attemptsMax } from './limits.ts';
import type { RepositoryCommand } from './repositories/decider.ts';
import { repositoryDecider } from './repositories/decider.ts';

export interface Execution {
  readonly store: Store;
  readonly groupCommit: GroupCommit;
  /** After a transaction of its own that appended something. */
  readonly onAppended: () => void;
}

export interface Executed {
  /** What the command led to, now or when it was first sent; empty when there was nothing to do. */
  readonly events: readonly DomainEvent[];
  readonly repositoryId: string;
  /** After the command. */
  readonly state: Repository;
}

const raceLost = refuse('contended', 'too many change this at once; try again in a moment');

export async function executeOnRepository(
  { store, groupCommit, onAppended }: Execution,
  fullName: FullName,
  command: RepositoryCommand,
  envelope: CommandEnvelope,
  /** A look-up of this request, to save one. */
  first?: Lookup,
): Promise<Executed | Refusal> {
  const past = await pastCommand(store, envelope);
  if (past !== undefined) return isRefusal(past) ? past : resumed(store, fullName, past);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = attempt === 0 && first ? first : await lookUp(store, fullName);
    const { id = uuidv7(), state = absentRepository, version = 0 } = found.repository ?? {};
    const events = repositoryDecider.decide(state, command);
    if (isRefusal(events)) return events;
    if (events.length === 0) return { events, repositoryId: id, state };
    const append = { streamId: repositoryStream(id), expectedVersion: version, events, ...envelope };
    const outcome = found.repository
      ? (await groupCommit.append(append)).outcome
      : await create(store, command, id, append).then((created) => {
          if (created === 'appended') onAppended();
          return created;
        });
    switch (outcome) {
      case 'appended':
        return { events, repositoryId: id, state: fold(evolve, state, events) };
      case 'duplicate': {
        const done = await readCommand(store.pool, envelope.commandId);
        if (done) return resumed(store, fullName, done);
        break;
      }
      case 'conflict':
        break;
    }
  }
  return raceLost;
}

type Outcome = 'appended' | 'duplicate' | 'conflict';

/** The first event of a repository goes with its name: two who create the same name at once must not both succeed. */
async function create(
  store: Store,
  command: RepositoryCommand,
  repositoryId: string,
  append: AppendCommand & { readonly events: readonly RepositoryEvent[] },
): Promise<Outcome> {
  if (command.type !== 'OpenPush') throw new Error(`${command.type} made events of a repository that never was`);
  const { namespaceId, name } = command;
  try {
    return await inTransaction<Outcome>(store, async (client, abort) => {
      const { rowCount } = await client.query({
        text: `insert into directory.repository_names (namespace_id, name, repository_id) values ($1, $2, $3)
          on conflict do nothing`,
        values: [namespaceId, name, repositoryId],
      });
      if (rowCount === 0) return abort('conflict');
      const [verdict] = await appendAll(client, [append], false);
      return verdict?.outcome === 'appended' ? 'appended' : abort(verdict?.outcome ?? 'conflict');
    });
  } catch (error) {
    // Written or not: the name tells, and after it the command id.
    if (isConnectionLoss(error)) return 'conflict';
    throw error;
  }
}

async function resumed(store: Store, fullName: FullName, { events }: PastCommand): Promise<Executed | Refusal> {
  const { repository } = await lookUp(store, fullName);
  if (!repository) return refuse('command_reused', 'the Idempotency-Key was used for another request');
  return { events, repositoryId: repository.id, state: repository.state };
}
