/**
 * What every request on /v2 that is about one repository has in common: who asks, which repository, and whether they may. The same
 * judgement goes with the command, so that it is made again of what each attempt finds.
 */
import { namespaceName, repositoryName } from '@docket/shared/names';
import type { FullName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUp } from '@docket/store/read/look-up';
import type { Lookup, NamespaceRow, RepositoryAt } from '@docket/store/read/look-up';
import { z } from 'zod';

import { parseField } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import type { AccountRow } from './accounts.ts';
import { accountOf, authenticateAt, authenticateVisitor } from './authenticate.ts';
import type { Authentication, Caller, Visitor } from './authenticate.ts';
import { missing, refuseAction, refuseWriting } from './rights.ts';
import type { Action } from './rights.ts';

export const repositoryTarget = z.object({ namespace: namespaceName, repo_name: repositoryName });

export interface AuthorizedAction {
  readonly caller: Visitor;
  readonly account: AccountRow | undefined;
  readonly fullName: FullName;
  readonly found: Lookup;
  readonly namespace: NamespaceRow;
  readonly repository: RepositoryAt;
  readonly judge: (found: Lookup) => Refusal | undefined;
}

export async function authorizeAction(
  using: Authentication,
  request: ApiRequest,
  action: Action,
): Promise<AuthorizedAction | Refusal> {
  const caller = await authenticateVisitor(using, request);
  if (isRefusal(caller)) return caller;
  const named = parseField(repositoryTarget, request.parameters);
  if (isRefusal(named)) return named;
  const fullName = { namespace: named.namespace, name: named.repo_name };
  const account = accountOf(caller);
  const found = await lookUp(using.database, fullName, account?.id);
  const judge = (now: Lookup) => refuseAction(action, account, fullName, now);
  const refusal = judge(found);
  if (refusal) return refusal;
  const { namespace, repository } = found;
  if (!namespace || !repository) return missing(fullName);
  return { caller, account, fullName, found, namespace, repository, judge };
}

/** As somebody: nobody is asked for a name and password. */
export type Person = Exclude<Visitor, { by: 'nothing' }>;

export async function authenticatePerson(using: Authentication, request: ApiRequest): Promise<Person | Refusal> {
  const caller = await authenticateVisitor(using, request);
  if (isRefusal(caller) || caller.by !== 'nothing') return caller;
  return refuse('unauthorized', 'a name and password are needed, or a session');
}

export interface AuthorizedPush {
  readonly caller: Caller;
  readonly found: Lookup;
  /** For the command to be judged by again, of what it finds on a lost race. */
  readonly judge: (now: Lookup) => Refusal | undefined;
}

/** Who asks may do this to the repository as it is; before the body is read, which may be large. */
export async function authorizePush(
  using: Authentication,
  request: ApiRequest,
  fullName: FullName,
  access: 'write' | 'delete',
): Promise<AuthorizedPush | Refusal> {
  const visit = await authenticateAt(using, request, fullName);
  if (isRefusal(visit)) return visit;
  const { caller, found } = visit;
  const judge = (now: Lookup) => refuseWriting(caller, fullName, now, access);
  return judge(found) ?? { caller, found, judge };
}
