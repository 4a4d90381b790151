/**
 * What every request on /v2 that is about one repository has in common: who asks, which repository, and whether they may. The same
 * judgement goes with the command, so that it is made again of what each attempt finds.
 */
import { namespaceName, repositoryName } from '@docket/shared/names';
import type { FullName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUp } from '@docket/store/repositories';
import type { Lookup, NamespaceRow, RepositoryAt } from '@docket/store/repositories';
import { z } from 'zod';

import type { AccountRow } from '../accounts/queries.ts';
import { accountOf, authenticatePerson } from './authenticate.ts';
import type { Authentication, Person } from './authenticate.ts';
import { parseField } from './request.ts';
import type { ApiRequest } from './request.ts';
import { missing, refuseAction } from './rights.ts';
import type { Action } from './rights.ts';

export const repositoryTarget = z.object({ namespace: namespaceName, repo_name: repositoryName });

export interface Managed {
  readonly caller: Person;
  readonly account: AccountRow | undefined;
  readonly fullName: FullName;
  readonly found: Lookup;
  readonly namespace: NamespaceRow;
  readonly repository: RepositoryAt;
  readonly judge: (found: Lookup) => Refusal | undefined;
}

export async function managed(using: Authentication, request: ApiRequest, action: Action): Promise<Managed | Refusal> {
  const caller = await authenticatePerson(using, request);
  if (isRefusal(caller)) return caller;
  const named = parseField(repositoryTarget, request.parameters);
  if (isRefusal(named)) return named;
  const fullName = { namespace: named.namespace, name: named.repo_name };
  const account = accountOf(caller);
  const found = await lookUp(using.store, fullName, account?.id);
  const judge = (now: Lookup) => refuseAction(action, account, fullName, now);
  const refusal = judge(found);
  if (refusal) return refusal;
  const { namespace, repository } = found;
  if (!namespace || !repository) return missing(fullName);
  return { caller, account, fullName, found, namespace, repository, judge };
}

/** As somebody: nobody is asked for a name and password. */
export type KnownPerson = Exclude<Person, { by: 'nothing' }>;

export async function authenticateKnown(using: Authentication, request: ApiRequest): Promise<KnownPerson | Refusal> {
  const caller = await authenticatePerson(using, request);
  if (isRefusal(caller) || caller.by !== 'nothing') return caller;
  return refuse('unauthorized', 'a name and password are needed, or a session');
}

/** Both ways in which the Hub writes the path of a repository. */
export function repositoryPaths(rest = ''): readonly string[] {
  return [`/v2/repositories/:namespace/:repo_name${rest}`, `/v2/namespaces/:namespace/repositories/:repo_name${rest}`];
}

/** Entity tags are stream versions. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** The versions of `If-Match`; undefined is any. A tag that is none of ours matches nothing. */
export function versionsWanted(request: ApiRequest): readonly number[] | undefined {
  const header = request.header('if-match')?.trim();
  if (header === undefined || header === '*') return undefined;
  return header.split(',').flatMap((tag) => {
    const [, version] = /^"(\d{1,9})"$/.exec(tag.trim()) ?? [];
    return version === undefined ? [] : [Number(version)];
  });
}
