/**
 * Who may do what: one function, `may`, asked anew at every request, of the present state. A caller stands in one role to a
 * repository, each role includes the ones before it, and each action needs one. `docs/rights.md` shows the same as a table.
 */
import { fullNameText } from '@docket/shared/names';
import type { FullName } from '@docket/shared/names';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { absentRepository, takenDownOf } from '@docket/shared/repositories';
import type { Repository } from '@docket/shared/repositories';
import type { Access } from '@docket/shared/tokens';
import type { Lookup, NamespaceRow } from '@docket/store/read/look-up';

import type { AccountRow } from './accounts.ts';
import { unauthorized } from './authenticate.ts';
import type { Caller } from './authenticate.ts';

/** In ascending order. `read`, `write` and `admin` are what can be granted on a repository; `owner` is of its namespace. */
export const roles = ['none', 'read', 'write', 'admin', 'owner', 'index_admin'] as const;
export type Role = (typeof roles)[number];

/**
 * `read`: images, tokens to pull, tags, who starred it, history, being found. `manage`: describe it, hide it, share it. `create` and
 * `restore` are of a namespace: the first push of a name, and having a deleted one back; so are `see_members` and `manage_members`.
 */
export const actions = [
  'read',
  'star',
  'push',
  'manage',
  'delete',
  'create',
  'restore',
  'see_members',
  'manage_members',
  'take_down',
] as const;
export type Action = (typeof actions)[number];

/** The least role for each. */
export const needed: Readonly<Record<Action, Role>> = {
  read: 'read',
  star: 'read',
  push: 'write',
  manage: 'admin',
  delete: 'admin',
  create: 'owner',
  restore: 'owner',
  see_members: 'read',
  manage_members: 'owner',
  take_down: 'index_admin',
};

export function roleOf(
  account: AccountRow | undefined,
  namespace: NamespaceRow | undefined,
  state: Repository = absentRepository,
): Role {
  if (account?.isAdmin) return 'index_admin';
  if (account && namespace) {
    if (namespace.ownerId === account.id || namespace.viewerRole === 'owner') return 'owner';
    const granted = 'grants' in state ? state.grants[account.id] : undefined;
    if (granted) return granted;
    if (namespace.viewerRole === 'member') return 'read';
  }
  return state.status === 'active' && !state.is_private ? 'read' : 'none';
}

/**
 * What is being deleted, is deleted or was taken down is read by nobody: its owner and its managers are told of it (history, details),
 * which is `manage`.
 */
export function may(
  action: Action,
  account: AccountRow | undefined,
  namespace: NamespaceRow | undefined,
  state: Repository = absentRepository,
): boolean {
  const role = roleOf(account, namespace, state);
  if ((action === 'read' || action === 'star') && !isReadable(state)) return false;
  // What is done is done by somebody.
  if (!account && action !== 'read') return false;
  return roles.indexOf(role) >= roles.indexOf(needed[action]);
}

function isReadable(state: Repository): boolean {
  return state.status === 'active' && state.taken_down === null;
}

/** Whether the caller is told that there is such a repository at all; to everybody else it is 404, never 403. */
export function maySee(account: AccountRow | undefined, namespace: NamespaceRow, state: Repository): boolean {
  return may('read', account, namespace, state) || may('manage', account, namespace, state);
}

/** What is judged of a look-up. */
type Found = Pick<Lookup, 'namespace' | 'repository'>;

/** Undefined: nothing speaks against it. 401 for nobody, 403 for everybody else who may not (docker, docker-registry). */
export function refuseWriting(caller: Caller, fullName: FullName, found: Found, access: Access): Refusal | undefined {
  if (caller.by === 'nothing') return unauthorized('a name and password are needed, or a token');
  if (caller.by === 'token') {
    const refusal = refuseToken(caller, fullName, found, [access]);
    if (refusal) return refusal;
  }
  const { namespace, repository } = found;
  const { state = absentRepository } = repository ?? {};
  const action = access === 'delete' ? 'delete' : actionOfPush(state);
  if (!may(action, caller.account, namespace, state)) {
    const verb = access === 'delete' ? 'delete' : 'push to';
    return refuse('forbidden', `${caller.account?.name ?? 'nobody'} may not ${verb} ${fullNameText(fullName)}`);
  }
  const reason = takenDownOf(state);
  if (reason !== null && access === 'write') {
    return refuse('forbidden', `${fullNameText(fullName)} was taken down: ${reason}`);
  }
  return undefined;
}

/** A push begins the life of a name, or goes on with one. */
function actionOfPush(state: Repository): Action {
  return state.status === 'active' || state.status === 'deleting' ? 'push' : 'create';
}

const actionOf: Readonly<Record<Access, Action>> = { read: 'read', write: 'push', delete: 'delete' };

/** What a token was given out for, its holder must still be allowed: a registry asks here and believes the token's text. */
export function refuseProof(
  caller: Extract<Caller, { by: 'token' }>,
  fullName: FullName,
  found: Found,
): Refusal | undefined {
  const refusal = refuseToken(caller, fullName, found, ['read', 'write', 'delete']);
  if (refusal) return refusal;
  const { access } = caller.claims;
  return may(actionOf[access], caller.account, found.namespace, found.repository?.state)
    ? undefined
    : refuse('forbidden', `${caller.account?.name ?? 'nobody'} has no right to ${access} any more`);
}

/**
 * For a command or a question that needs a right and no token. 401 for nobody, who may have a right and did not say so; 404 for who
 * may not know of it; 403 for who may see it and not do this.
 */
export function refuseAction(
  action: Action,
  account: AccountRow | undefined,
  fullName: FullName,
  { namespace, repository }: Found,
): Refusal | undefined {
  if (!account && action !== 'read') return unauthorized('a name and password are needed, or a session');
  if (!namespace || !repository) return missing(fullName);
  if (may(action, account, namespace, repository.state)) return undefined;
  // What nobody can read is not there to be read, whoever may manage it.
  if ((action === 'read' || action === 'star') && !isReadable(repository.state)) return missing(fullName);
  return account && maySee(account, namespace, repository.state)
    ? refuse('forbidden', `${account.name} may not do this to ${fullNameText(fullName)}`)
    : missing(fullName);
}

/** For what belongs to no namespace. */
export function refuseAllButAdmins(account: AccountRow | undefined): Refusal | undefined {
  return may('take_down', account, undefined)
    ? undefined
    : refuse('forbidden', 'only an admin of the index may do this');
}

/** A good token for something else than this repository, in this life, with this access. */
export function refuseToken(
  { claims }: Extract<Caller, { by: 'token' }>,
  fullName: FullName,
  { repository }: Found,
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
export function refuseReadingImages(caller: Caller, fullName: FullName, found: Found): Refusal | undefined {
  const { namespace, repository } = found;
  if (!namespace || !repository) return missing(fullName);
  const refusal = caller.by === 'token' ? refuseProof(caller, fullName, found) : undefined;
  if (repository.state.status === 'deleting') {
    const proves = caller.by === 'token' && caller.claims.access === 'delete' && !refusal;
    return proves ? undefined : missing(fullName);
  }
  const account = caller.by === 'nothing' ? undefined : caller.account;
  return may('read', account, namespace, repository.state) ? refusal : missing(fullName);
}

/** The same words whether it is private, deleted or never was: existence is not told. */
export function missing(fullName: FullName): Refusal {
  return refuse('not_found', `there is no repository ${fullNameText(fullName)}`);
}
