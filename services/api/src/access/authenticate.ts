/** Authentication: a caller is nobody, an account by its password or a session, or the holder of an access token. */
import type { FullName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { parseAuthorization } from '@docket/shared/tokens';
import type { TokenText } from '@docket/shared/tokens';
import type { Actor } from '@docket/shared/event';
import type { Database } from '@docket/store/connect';
import type { Lookup, StoredAccount } from '@docket/store/read/look-up';

import type { ApiRequest } from '../http/request.ts';
import { accountById, accountByName, accountRow } from './accounts.ts';
import type { AccountRow } from './accounts.ts';
import type { Logins } from './logins.ts';
import type { Sessions } from './sessions.ts';
import type { Claims, Tokens } from './tokens.ts';

export type Caller =
  | { readonly by: 'nothing' }
  | { readonly by: 'password'; readonly account: AccountRow }
  | { readonly by: 'session'; readonly account: AccountRow; readonly sessionId: string }
  /** A token without an account belongs to an anonymous pull. */
  | { readonly by: 'token'; readonly account: AccountRow | undefined; readonly claims: Claims };

export interface Authentication {
  readonly database: Database;
  readonly logins: Logins;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
}

/** Somebody known, or nobody: who asks for more than a registry does. */
export type Visitor = Exclude<Caller, { by: 'token' }>;

/** Credentials that are given must be right, also where none are needed: wrong is 401, inactive is 403, never silently nobody. */
export async function authenticate(using: Authentication, request: ApiRequest): Promise<Caller | Refusal> {
  const authorization = parseAuthorization(request.header('authorization'));
  switch (authorization.scheme) {
    case 'none':
      return { by: 'nothing' };
    case 'malformed':
      return unauthorized('the credentials are neither a name and password nor a token');
    case 'basic':
      return byPassword(using, request, authorization.username, authorization.password);
    case 'token':
      return byToken(using, authorization.token);
    case 'bearer':
      return unauthorized('a session is for /v2 and for search; here a name and password or a token are needed');
  }
}

/** Where sessions count as well: on /v2, and on search, where a logged-in docker sends what it was given there. */
export async function authenticateAny(using: Authentication, request: ApiRequest): Promise<Caller | Refusal> {
  const authorization = parseAuthorization(request.header('authorization'));
  return authorization.scheme === 'bearer' ? bySession(using, authorization.session) : authenticate(using, request);
}

/** Where repositories are managed. An access token, which narrows to a push or a pull, opens nothing there. */
export async function authenticateVisitor(using: Authentication, request: ApiRequest): Promise<Visitor | Refusal> {
  const caller = await authenticateAny(using, request);
  if (isRefusal(caller) || caller.by !== 'token') return caller;
  return unauthorized('an access token is for a registry; here a name and password or a session are needed');
}

/** As somebody: nobody is asked for a name and password. */
export type Person = Exclude<Visitor, { by: 'nothing' }>;

export async function authenticatePerson(using: Authentication, request: ApiRequest): Promise<Person | Refusal> {
  const caller = await authenticateVisitor(using, request);
  if (isRefusal(caller) || caller.by !== 'nothing') return caller;
  return unauthorized('a name and password are needed, or a session');
}

export function unauthorized(message: string): Refusal {
  return refuse('unauthorized', message);
}

export async function byPassword(
  { database, logins }: Pick<Authentication, 'database' | 'logins'>,
  from: Pick<ApiRequest, 'client' | 'ip'>,
  name: string,
  password: string,
): Promise<Extract<Caller, { by: 'password' }> | Refusal> {
  const findAccount = () => accountByName(database, name);
  const judged = await logins.judge({ name, password, from, findAccount });
  if (judged === 'wrong') return wrongPassword;
  if (isRefusal(judged)) return judged;
  return judged.status === 'active' ? { by: 'password', account: judged } : inactive;
}

const wrongPassword = unauthorized('wrong name or password');

async function byToken({ database, tokens }: Authentication, text: TokenText): Promise<Caller | Refusal> {
  const claims = tokens.verify(text);
  if (claims === undefined) return badToken;
  return holder(claims, claims.sub === '' ? undefined : await accountById(database, claims.sub));
}

const badToken = unauthorized('the token is not valid, or no longer');

/** A token without a subject was given to nobody in particular. Every other ends with the password that it was given for. */
function holder(claims: Claims, account: AccountRow | undefined): Caller | Refusal {
  if (claims.sub === '') return { by: 'token', account: undefined, claims };
  if (account && account.credentialVersion !== claims.credential_version) return badToken;
  return account?.status === 'active' ? { by: 'token', account, claims } : inactive;
}

/** A session ends with the password that it began with. */
async function bySession({ database, sessions }: Authentication, token: string): Promise<Caller | Refusal> {
  const claims = sessions.verify(token, 'session');
  const account = claims && (await accountById(database, claims.sub));
  if (!claims || account?.credentialVersion !== claims.credential_version) return badSession;
  return account.status === 'active' ? { by: 'session', account, sessionId: claims.jti } : inactive;
}

const badSession = unauthorized('the session is not valid, or no longer');

/**
 * Whether what the caller showed still counts, of the account as it was found since: its password is the same, it is active. What it may
 * is of the account that was found.
 */
export function callerNow(caller: Caller, viewer: StoredAccount | undefined): Caller | Refusal {
  const account = viewer && accountRow(viewer);
  switch (caller.by) {
    case 'nothing':
      return caller;
    case 'token':
      return holder(caller.claims, account);
    case 'password':
    case 'session':
      if (account?.credentialVersion !== caller.account.credentialVersion) {
        return caller.by === 'password' ? wrongPassword : badSession;
      }
      return account.status === 'active' ? { ...caller, account } : inactive;
  }
}

export interface Visit<Found extends Lookup = Lookup> {
  readonly caller: Caller;
  readonly found: Found;
}

/** Looks up the repository and the account of that id in one statement. */
export type LooksUp<Found extends Lookup> = (
  database: Database,
  fullName: FullName,
  accountId: string | undefined,
) => Promise<Found>;

/**
 * Who asks, and what there is of the repository that they ask about: both of one statement. For the holder of a token there is no other:
 * a registry proves one on every request of a push. A password may have waited to be compared, and what was found before it is old.
 */
export async function authenticateAt<Found extends Lookup>(
  using: Authentication,
  request: ApiRequest,
  fullName: FullName,
  looksUp: LooksUp<Found>,
): Promise<Visit<Found> | Refusal> {
  const authorization = parseAuthorization(request.header('authorization'));
  if (authorization.scheme === 'token') {
    const claims = using.tokens.verify(authorization.token);
    if (claims === undefined) return badToken;
    const found = await looksUp(using.database, fullName, claims.sub === '' ? undefined : claims.sub);
    const caller = holder(claims, found.viewer && accountRow(found.viewer));
    return isRefusal(caller) ? caller : { caller, found };
  }
  const shown = await authenticate(using, request);
  if (isRefusal(shown)) return shown;
  const found = await looksUp(using.database, fullName, accountOf(shown)?.id);
  const caller = callerNow(shown, found.viewer);
  return isRefusal(caller) ? caller : { caller, found };
}

const inactive = refuse(
  'account_inactive',
  'the account is not active; follow the link in the mail that was sent to its address',
);

export function accountOf(caller: Caller): AccountRow | undefined {
  return caller.by === 'nothing' ? undefined : caller.account;
}

/** As the log keeps it. */
export function actorOf(caller: Caller): Actor | null {
  const account = accountOf(caller);
  if (caller.by === 'nothing' || !account) return null;
  const { id } = account;
  switch (caller.by) {
    case 'password':
      return { id, via: 'basic' };
    case 'session':
      return { id, via: 'session', token_id: caller.sessionId };
    case 'token':
      return { id, via: 'token', token_id: caller.claims.jti };
  }
}
