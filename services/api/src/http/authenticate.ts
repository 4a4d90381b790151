/** Who asks: nobody, an account by its password, or the holder of an access token. */
import type { FullName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { parseAuthorization } from '@docket/shared/tokens';
import type { TokenText } from '@docket/shared/tokens';
import type { Actor } from '@docket/shared/event';
import type { Store } from '@docket/store/connect';
import { lookUp, lookUpWithAccount } from '@docket/store/repositories';
import type { Lookup } from '@docket/store/repositories';

import type { Passwords } from '../accounts/password.ts';
import { accountById, accountByName, accountRow } from '../accounts/queries.ts';
import type { AccountRow } from '../accounts/queries.ts';
import type { Claims, Tokens } from '../tokens/issue.ts';
import type { ApiRequest } from './request.ts';

export type Caller =
  | { readonly by: 'nothing' }
  | { readonly by: 'password'; readonly account: AccountRow }
  /** Without an account: a pull that nobody in particular asked for. */
  | { readonly by: 'token'; readonly account: AccountRow | undefined; readonly claims: Claims };

export interface Authentication {
  readonly store: Store;
  readonly passwords: Passwords;
  readonly tokens: Tokens;
}

/** Credentials that are given must be right, also where none are needed: wrong is 401, inactive is 403, never silently nobody. */
export async function authenticate(using: Authentication, request: ApiRequest): Promise<Caller | Refusal> {
  const authorization = parseAuthorization(request.header('authorization'));
  switch (authorization.scheme) {
    case 'none':
      return { by: 'nothing' };
    case 'malformed':
      return unauthorized('the credentials are neither a name and password nor a token');
    case 'basic':
      return byPassword(using, authorization.username, authorization.password);
    case 'token':
      return byToken(using, authorization.token);
  }
}

export function unauthorized(message: string): Refusal {
  return refuse('unauthorized', message);
}

async function byPassword(
  { store, passwords }: Authentication,
  name: string,
  password: string,
): Promise<Caller | Refusal> {
  const account = await accountByName(store, name);
  const credential = account && {
    accountId: account.id,
    credentialVersion: account.credentialVersion,
    passwordHash: account.passwordHash,
  };
  const right = await passwords.isRight(password, credential);
  if (!account || !right) return unauthorized('wrong name or password');
  return account.status === 'active' ? { by: 'password', account } : inactive;
}

async function byToken({ store, tokens }: Authentication, text: TokenText): Promise<Caller | Refusal> {
  const claims = tokens.verify(text);
  if (claims === undefined) return badToken;
  return holder(claims, claims.sub === '' ? undefined : await accountById(store, claims.sub));
}

const badToken = unauthorized('the token is not valid, or no longer');

/** A token without a subject was given to nobody in particular. */
function holder(claims: Claims, account: AccountRow | undefined): Caller | Refusal {
  if (claims.sub === '') return { by: 'token', account: undefined, claims };
  return account?.status === 'active' ? { by: 'token', account, claims } : inactive;
}

export interface Visit {
  readonly caller: Caller;
  readonly found: Lookup;
}

/**
 * Who asks, and what there is of the repository that they ask about. For the holder of a token it is one statement: a registry proves
 * one on every request of a push.
 */
export async function authenticateAt(
  using: Authentication,
  request: ApiRequest,
  fullName: FullName,
): Promise<Visit | Refusal> {
  const authorization = parseAuthorization(request.header('authorization'));
  if (authorization.scheme !== 'token') {
    const caller = await authenticate(using, request);
    return isRefusal(caller) ? caller : { caller, found: await lookUp(using.store, fullName) };
  }
  const claims = using.tokens.verify(authorization.token);
  if (claims === undefined) return badToken;
  const subject = claims.sub === '' ? undefined : claims.sub;
  const { found, account } = await lookUpWithAccount(using.store, fullName, subject);
  const caller = holder(claims, account && accountRow(account));
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
  return caller.by === 'token'
    ? { id: account.id, via: 'token', token_id: caller.claims.jti }
    : { id: account.id, via: 'basic' };
}
