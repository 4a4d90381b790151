/**
 * Whether the caller of a request about one repository may do what it asks for. The same judgement goes with the command, so that it is
 * made again of what each attempt finds.
 */
import type { FullName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUp, lookUpImagesWithAccount, lookUpWithAccount } from '@docket/store/read/look-up';
import type { Lookup, LookupWithImages, NamespaceRow, RepositoryAt } from '@docket/store/read/look-up';
import type { z } from 'zod';

import { fullNameIn } from '../http/paths.ts';
import type { repositoryParameters } from '../http/paths.ts';
import type { ApiRequest } from '../http/request.ts';
import type { AccountRow } from './accounts.ts';
import { accountOf, authenticateAt } from './authenticate.ts';
import type { Authentication, LooksUp, Visit, Visitor } from './authenticate.ts';
import { missing, refuseAction, refuseWriting } from './rights.ts';
import type { Action } from './rights.ts';

type NamesRepository = z.output<typeof repositoryParameters>;

export interface AuthorizedAction {
  readonly account: AccountRow | undefined;
  readonly fullName: FullName;
  readonly found: Lookup;
  readonly namespace: NamespaceRow;
  readonly repository: RepositoryAt;
  readonly judge: (found: Lookup) => Refusal | undefined;
}

export async function authorizeAction(
  { database }: Pick<Authentication, 'database'>,
  { caller, parameters }: { readonly caller: Visitor; readonly parameters: NamesRepository },
  action: Action,
): Promise<AuthorizedAction | Refusal> {
  const account = accountOf(caller);
  const fullName = fullNameIn(parameters);
  const found = await lookUp(database, fullName, account?.id);
  const judge = (now: Lookup) => refuseAction(action, account, fullName, now);
  const refusal = judge(found);
  if (refusal) return refusal;
  const { namespace, repository } = found;
  if (!namespace || !repository) return missing(fullName);
  return { account, fullName, found, namespace, repository, judge };
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
  return visit(using, asked, lookUpWithAccount);
}

/** With all of its images. */
export function visitImagesAt(using: Authentication, asked: AskedAt): Promise<VisitAt<LookupWithImages> | Refusal> {
  return visit(using, asked, lookUpImagesWithAccount);
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
  /** For the command to be judged by again, of what it finds on a lost race. */
  readonly judge: (now: Lookup) => Refusal | undefined;
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
  const judge = (now: Lookup) => refuseWriting(caller, fullName, now, access);
  return judge(found) ?? { ...visited, judge };
}
