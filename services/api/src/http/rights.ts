/** Who may do what to a repository: asked anew at every request, of the present state. */
import { fullNameText } from '@docket/shared/names';
import type { FullName } from '@docket/shared/names';
import type { Repository } from '@docket/shared/repositories';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { Access } from '@docket/shared/tokens';
import type { Lookup, NamespaceRow } from '@docket/store/repositories';

import type { AccountRow } from '../accounts/queries.ts';
import { unauthorized } from './authenticate.ts';
import type { Caller } from './authenticate.ts';

/** A namespace without an owner (`library`, and what an import reserved) is the admins'. */
export function mayWrite(account: AccountRow | undefined, namespace: NamespaceRow | undefined): boolean {
  if (!account || !namespace) return false;
  return account.isAdmin || namespace.ownerId === account.id;
}

export function mayRead(account: AccountRow | undefined, namespace: NamespaceRow, state: Repository): boolean {
  if (state.status !== 'active') return false;
  return !state.is_private || mayWrite(account, namespace);
}

/** Undefined: nothing speaks against it. 401 for nobody, 403 for everybody else who may not (docker, docker-registry). */
export function refuseWriting(caller: Caller, fullName: FullName, found: Lookup, access: Access): Refusal | undefined {
  if (caller.by === 'nothing') return unauthorized('a name and password are needed, or a token');
  if (caller.by === 'token') {
    const refusal = refuseToken(caller, fullName, found, [access]);
    if (refusal) return refusal;
  }
  if (mayWrite(caller.account, found.namespace)) return undefined;
  return refuse('forbidden', `${caller.account?.name ?? 'nobody'} may not push to ${fullNameText(fullName)}`);
}

/** A good token for something else than this repository, in this life, with this access. */
export function refuseToken(
  { claims }: Extract<Caller, { by: 'token' }>,
  fullName: FullName,
  { repository }: Lookup,
  allowed: readonly Access[],
): Refusal | undefined {
  if (claims.repository !== fullNameText(fullName) || claims.repository_id !== repository?.id) {
    return refuse('forbidden', `the token is for ${claims.repository}`);
  }
  if (!allowed.includes(claims.access)) return refuse('forbidden', `the token is for ${claims.access}`);
  if (repository.state.status === 'absent' || repository.state.life !== claims.life) {
    return refuse('forbidden', `the token is of an earlier life of ${claims.repository}`);
  }
  return undefined;
}

/** The image list is told: to those who may read, and while the repository is being deleted to its delete token alone. */
export function refuseReadingImages(caller: Caller, fullName: FullName, found: Lookup): Refusal | undefined {
  const { namespace, repository } = found;
  if (!namespace || !repository) return missing(fullName);
  const refusal = caller.by === 'token' ? refuseToken(caller, fullName, found, ['read', 'write', 'delete']) : undefined;
  if (repository.state.status === 'deleting') {
    const proves = caller.by === 'token' && caller.claims.access === 'delete' && !refusal;
    return proves ? undefined : missing(fullName);
  }
  const account = caller.by === 'nothing' ? undefined : caller.account;
  return mayRead(account, namespace, repository.state) ? refusal : missing(fullName);
}

/** The same words whether it is private, deleted or never was: existence is not told. */
export function missing(fullName: FullName): Refusal {
  return refuse('not_found', `there is no repository ${fullNameText(fullName)}`);
}
