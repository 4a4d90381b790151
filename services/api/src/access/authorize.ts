/**
 * Whether the caller of a request about one repository may do what it asks for. The same judgement goes with the command, so that it is
 * made again of what each attempt finds.
 */
import type { FullName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUp } from '@docket/store/read/look-up';
import type { Lookup, NamespaceRow, RepositoryAt } from '@docket/store/read/look-up';
import type { z } from 'zod';

import { fullNameIn } from '../http/paths.ts';
import type { repositoryParameters } from '../http/paths.ts';
import type { ApiRequest } from '../http/request.ts';
import type { AccountRow } from './accounts.ts';
import { accountOf, authenticateAt } from './authenticate.ts';
import type { Authentication, Visit, Visitor } from './authenticate.ts';
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
export interface VisitAt extends Visit {
  readonly fullName: FullName;
}

export async function visitAt(
  using: Authentication,
  { request, parameters }: { readonly request: ApiRequest; readonly parameters: NamesRepository },
): Promise<VisitAt | Refusal> {
  const fullName = fullNameIn(parameters);
  const visit = await authenticateAt(using, request, fullName);
  return isRefusal(visit) ? visit : { ...visit, fullName };
}

export interface AuthorizedPush extends VisitAt {
  /** For the command to be judged by again, of what it finds on a lost race. */
  readonly judge: (now: Lookup) => Refusal | undefined;
}

/** Who asks may do this to the repository as it is; before the body is read, which may be large. */
export async function authorizePush(
  using: Authentication,
  asked: { readonly request: ApiRequest; readonly parameters: NamesRepository },
  access: 'write' | 'delete',
): Promise<AuthorizedPush | Refusal> {
  const visit = await visitAt(using, asked);
  if (isRefusal(visit)) return visit;
  const { caller, found, fullName } = visit;
  const judge = (now: Lookup) => refuseWriting(caller, fullName, now, access);
  return judge(found) ?? { ...visit, judge };
}
