/**
 * Commands on one repository that go into the log together: each is judged and decided on what those before it leave, as if they had
 * come one after the other. Pure, so that exactly this can be tested.
 */
import { fold } from '@docket/shared/decider';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { absentRepository } from '@docket/shared/repositories';
import type { Repository, RepositoryEvent } from '@docket/shared/repositories';
import type { RepositoryImages } from '@docket/shared/repository-images';
import type { DomainEvent } from '@docket/shared/stored-event';
import type { PastCommand } from '@docket/store/log/read';
import type { Lookup, RepositoryAt } from '@docket/store/read/look-up';

import { refuseBeyondDay } from '../commands/daily-quota.ts';
import type { Left } from '../commands/daily-quota.ts';
import { commandReused } from '../commands/envelope.ts';
import type { RepositoryCommand, RepositoryDecider } from './decider.ts';

export interface Executed {
  /** What the command led to, now or when it was first sent; empty when there was nothing to do. */
  readonly events: readonly DomainEvent[];
  readonly repositoryId: string;
  /** After the command, and the stream version of it. */
  readonly state: Repository;
  readonly version: number;
}

export interface Candidate {
  readonly commandId: string;
  readonly command: RepositoryCommand;
  /** Whether who asks may, of what is found when its turn comes. */
  readonly judge: (found: Lookup) => Refusal | undefined;
  /** What is found, but for the repository: what the account that asks is to the namespace. */
  readonly found: Omit<Lookup, 'repository'>;
  /** Versions of the stream that the client means to change (`If-Match`); undefined is any. */
  readonly versions: readonly number[] | undefined;
  /** What is in the log of this command already. */
  readonly past: PastCommand | Refusal | undefined;
  /** What the account that asks may still append today. */
  readonly left: Left;
}

export type Decision =
  /** True when everything before it in the batch is in the log. */
  | { readonly is: 'told'; readonly outcome: Executed | Refusal }
  | {
      readonly is: 'append';
      readonly events: readonly RepositoryEvent[];
      readonly expectedVersion: number;
      /** When it is in the log. */
      readonly executed: Executed;
      /** What the images are then. */
      readonly list: RepositoryImages;
    }
  /** To be decided when what is before it is in the log. */
  | { readonly is: 'later' };

const changed = refuse('precondition_failed', 'it was changed since it was read; read it again');

export interface Deciding {
  readonly decider: RepositoryDecider;
  /** An id for the case that there never was a repository of this name. */
  readonly newId: string;
  /** Whether there is time for another one; not asked for the first. */
  readonly goesOn: () => boolean;
}

/** `images`: as far as any of the candidates names them. */
export function decideInTurn(
  repository: RepositoryAt | undefined,
  images: RepositoryImages,
  candidates: readonly Candidate[],
  { decider, newId, goesOn }: Deciding,
): readonly Decision[] {
  let current = repository;
  let list = images;
  let ended = false;
  const appended = new Set<string>();
  return candidates.map((candidate, index): Decision => {
    // The same command twice: the second finds the first in the log.
    if (ended || appended.has(candidate.commandId)) return { is: 'later' };
    if (index > 0 && !goesOn()) {
      ended = true;
      return { is: 'later' };
    }
    const decision = decide(decider, current, list, candidate, newId);
    if (decision.is === 'append') {
      appended.add(candidate.commandId);
      list = decision.list;
      // A new repository goes into the log with its name, in a transaction of its own.
      if (current) current = { ...current, state: decision.executed.state, version: decision.executed.version };
      else ended = true;
    }
    return decision;
  });
}

function decide(
  decider: RepositoryDecider,
  repository: RepositoryAt | undefined,
  list: RepositoryImages,
  { command, judge, found, versions, past, left }: Candidate,
  newId: string,
): Decision {
  const refusal = judge({ ...found, repository });
  if (refusal) return { is: 'told', outcome: refusal };
  if (past) return { is: 'told', outcome: resumed(repository, past) };
  const { id = newId, state = absentRepository, version = 0 } = repository ?? {};
  if (versions && !versions.includes(version)) return { is: 'told', outcome: changed };
  const before = { repository: state, list };
  const events = decider.decide(before, command);
  if (isRefusal(events)) return { is: 'told', outcome: events };
  if (events.length === 0) return { is: 'told', outcome: { events, repositoryId: id, state, version } };
  const beyond = refuseBeyondDay(left, events);
  if (beyond) return { is: 'told', outcome: beyond };
  const after = fold(decider.evolve, before, events);
  const executed = { events, repositoryId: id, state: after.repository, version: version + events.length };
  return { is: 'append', events, expectedVersion: version, executed, list: after.list };
}

/** The answer to a command that was sent before: what it did then, and the repository as it is now. */
export function resumed(repository: RepositoryAt | undefined, past: PastCommand | Refusal): Executed | Refusal {
  if (isRefusal(past)) return past;
  if (!repository) return commandReused;
  const { id, state, version } = repository;
  return { events: past.events, repositoryId: id, state, version };
}
