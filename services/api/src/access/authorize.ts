/**
 * Whether the caller of a request about one repository may do what it asks for. The same judgement goes with the command, so that it is
 * made again of what each attempt finds.
 */
import type { FullName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUp, lookUpImages } from '@docket/store/read/look-up';
import type { Lookup, LookupWithImages, NamespaceRow, RepositoryAt } from '@docket/store/read/look-up';
import type { z } from 'zod';

import { fullNameIn } from '../http/paths.ts';
import type { repositoryParameters } from '../http/paths.ts';
import type { ApiRequest } from '../http/request.ts';
import { accountRow } from './accounts.ts';
import type { AccountRow } from './accounts.ts';
import { accountOf, authenticateAt, callerNow } from './authenticate.ts';
import type { Authentication, Caller, LooksUp, Visit, Visitor } from './authenticate.ts';
import { missing, refuseAction, refuseWriting } from './rights.ts';
import type { Action } from './rights.ts';

type NamesRepository = z.output<typeof repositoryParameters>;

export interface AuthorizedAction {
  readonly account: AccountRow | undefined;
  readonly fullName: FullName;
  readonly found: Lookup;
  readonly namespace: NamespaceRow;
  readonly repository: RepositoryAt;
  readonly judge: Judgement;
}

export async function authorizeAction(
  { database }: Pick<Authentication, 'database'>,
  { caller, parameters }: { readonly caller: Visitor; readonly parameters: NamesRepository },
  action: Action,
): Promise<AuthorizedAction | Refusal> {
  const fullName = fullNameIn(parameters);
  const found = await lookUp(database, fullName, accountOf(caller)?.id);
  const judge = judgement(caller, (present, now) => refuseAction(action, accountOf(present), fullName, now));
  const refusal = judge(found);
  if (refusal) return refusal;
  const { namespace, repository, viewer } = found;
  if (!namespace || !repository) return missing(fullName);
  return { account: viewer && accountRow(viewer), fullName, found, namespace, repository, judge };
}

export type Judgement = (found: Lookup) => Refusal | undefined;

/**
 * A judgement that may be made again of every look-up for this caller: first whether what the caller showed still counts, then whether
 * the account that was found may.
 */
export function judgement(caller: Caller, refuses: (present: Caller, found: Lookup) => Refusal | undefined): Judgement {
  return (found) => {
    const present = callerNow(caller, found.viewer);
    return isRefusal(present) ? present : refuses(present, found);
  };
}

/** `authorize` of an operation that needs this one right. */
export function allowed(action: Action) {
  return (
    using: Pick<Authentication, 'database'>,
    asked: { readonly caller: Visitor; readonly parameters: NamesRepository },
  ): Promise<AuthorizedAction | Refusal> => authorizeAction(using, asked, action);
}

/** Who asks for a repository of /v1, and what there is of it. */
export interface VisitAt<Found extends Lookup = Lookup> extends Visit<Found> {
  readonly fullName: FullName;
}

/** The parts of a request that name a repository and a caller. */
interface AskedAt {
  readonly request: ApiRequest;
  readonly parameters: NamesRepository;
}

export function visitAt(using: Authentication, asked: AskedAt): Promise<VisitAt | Refusal> {
  return visit(using, asked, lookUp);
}

/** With all of its images. */
export function visitImagesAt(using: Authentication, asked: AskedAt): Promise<VisitAt<LookupWithImages> | Refusal> {
  return visit(using, asked, lookUpImages);
}

async function visit<Found extends Lookup>(
  using: Authentication,
  { request, parameters }: AskedAt,
  looksUp: LooksUp<Found>,
): Promise<VisitAt<Found> | Refusal> {
  const fullName = fullNameIn(parameters);
  const visited = await authenticateAt(using, request, fullName, looksUp);
  return isRefusal(visited) ? visited : { ...visited, fullName };
}

export interface AuthorizedPush extends VisitAt {
  /** For the command to be judged by again, of what is found when it is decided. */
  readonly judge: Judgement;
}

/** Who asks may do this to the repository as it is; before the body is read, which may be large. */
export async function authorizePush(
  using: Authentication,
  asked: AskedAt,
  access: 'write' | 'delete',
): Promise<AuthorizedPush | Refusal> {
  const visited = await visitAt(using, asked);
  if (isRefusal(visited)) return visited;
  const { caller, found, fullName } = visited;
  const judge = judgement(caller, (present, now) => refuseWriting(present, fullName, now, access));
  return judge(found) ?? { ...visited, judge };
}
