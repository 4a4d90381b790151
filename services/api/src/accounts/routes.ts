/** Login, registration, changes of an account, and the link in the mail. */
import type { Environment, TokenKey } from '@docket/runtime/environment';
import { verifyLink } from '@docket/runtime/link-token';
import { namespaceName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { AppendCall } from '@docket/store/log/group-commit';
import { z } from 'zod';

import { accountByName } from '../access/accounts.ts';
import { authenticate, unauthorized } from '../access/authenticate.ts';
import type { Authentication, Caller } from '../access/authenticate.ts';
import { commandEnvelope, earlierOutcome } from '../commands/envelope.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { parseField, readAnyJson, readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { smallBodyBytesMax } from '../limits.ts';
import { changeAccount, confirmAddress, nameTaken, registerAccount } from './change.ts';
import { emailField, passwordField } from './fields.ts';
import { isNamespaceTaken } from './queries.ts';

export interface AccountRoutes extends Authentication, Pick<Environment, 'registration' | 'accountActivation'> {
  readonly tokenKeys: readonly TokenKey[];
  readonly onAppended: () => void;
  readonly onCall?: ((call: AppendCall) => void) | undefined;
}

export function accountRoutes(using: AccountRoutes): Route[] {
  return [
    {
      path: '/v1/users',
      handlers: { GET: (request) => login(using, request), POST: (request) => register(using, request) },
    },
    // Mail programs and proxies look at links before people do: HEAD must not be the click.
    {
      path: '/v1/users/confirm/:token',
      handlers: { GET: (request) => confirm(using, request), HEAD: () => answer(200, undefined) },
    },
    { path: '/v1/users/:username', handlers: { PUT: (request) => update(using, request) } },
  ];
}

/** Extra keys are for others: docker sends `auth` as well. */
export const registration = z.object({ email: emailField, password: passwordField });
export const change = z
  .object({ email: emailField.optional(), password: passwordField.optional() })
  .refine(({ email, password }) => email !== undefined || password !== undefined, 'email or password is needed');

const registered = answer(201, 'User Created');

async function login(using: AccountRoutes, request: ApiRequest): Promise<Outcome> {
  const account = await byPassword(using, request);
  return isRefusal(account) ? account : answer(200, 'OK');
}

async function byPassword(
  using: Authentication,
  request: ApiRequest,
): Promise<Extract<Caller, { by: 'password' }> | Refusal> {
  const caller = await authenticate(using, request);
  if (isRefusal(caller)) return caller;
  return caller.by === 'password' ? caller : unauthorized('a name and password are needed');
}

/**
 * The first step of every `docker login` up to 1.10. A known name is told before anything is said of the other fields: the client
 * then asks GET with the password, and would show any other complaint to the person. 401 sends it to GET as well.
 */
async function register(using: AccountRoutes, request: ApiRequest): Promise<Outcome> {
  if (using.registration === 'closed')
    return unauthorized('registration is closed; ask an admin of this index for an account');
  const json = await readAnyJson(request, smallBodyBytesMax);
  if (isRefusal(json)) return json;
  const named = parseField(z.object({ username: namespaceName }), json.value);
  if (isRefusal(named)) return named;
  const body = await request.text(smallBodyBytesMax);
  const envelope = commandEnvelope(request, { by: 'nothing' }, typeof body === 'string' ? body : '', using.tokenKeys);
  if (isRefusal(envelope)) return envelope;
  if (await isNamespaceTaken(using.database, named.username)) {
    // Perhaps by this very command, whose answer was lost.
    const past = await earlierOutcome(using.database, envelope);
    if (past === undefined) return nameTaken;
    return isRefusal(past) ? past : registered;
  }
  const given = parseField(registration, json.value);
  if (isRefusal(given)) return given;
  const done = await registerAccount(
    using,
    {
      name: named.username,
      email: given.email,
      passwordHash: await using.passwords.hash(given.password),
      isAdmin: false,
      activation: using.accountActivation === 'open' ? 'at_once' : 'mail',
    },
    envelope,
  );
  return isRefusal(done) ? done : registered;
}

async function update(using: AccountRoutes, request: ApiRequest): Promise<Outcome> {
  const caller = await byPassword(using, request);
  if (isRefusal(caller)) return caller;
  const { account } = caller;
  const username = request.parameters['username'] ?? '';
  const target =
    username === account.name ? account : await (account.isAdmin ? accountByName(using.database, username) : undefined);
  if (!target) {
    // Only an admin is told which names there are.
    return account.isAdmin
      ? refuse('not_found', `there is no account ${username}`)
      : refuse('forbidden', 'only the person and an admin may change an account');
  }
  const given = await readJson(request, change, smallBodyBytesMax);
  if (isRefusal(given)) return given;
  const body = await request.text(smallBodyBytesMax);
  const envelope = commandEnvelope(request, caller, typeof body === 'string' ? body : '', using.tokenKeys);
  if (isRefusal(envelope)) return envelope;
  const done = await changeAccount(
    using,
    {
      accountId: target.id,
      email: given.email,
      passwordHash: given.password === undefined ? undefined : await using.passwords.hash(given.password),
      confirmation: using.accountActivation === 'open' ? 'none' : 'mail',
    },
    envelope,
  );
  return isRefusal(done) ? done : answer(204, undefined);
}

async function confirm(using: AccountRoutes, request: ApiRequest): Promise<Outcome> {
  const claims = verifyLink(using.tokenKeys, request.parameters['token'] ?? '');
  if (!claims) return refuse('not_found', 'the link is not valid, or no longer; register again to get another');
  const envelope = commandEnvelope(request, { by: 'nothing' }, '', using.tokenKeys);
  if (isRefusal(envelope)) return envelope;
  const actor = { id: claims.sub, via: 'link' } as const;
  const done = await confirmAddress(
    using,
    { accountId: claims.sub, addressId: claims.address_id, linkId: claims.jti },
    { ...envelope, metadata: { ...envelope.metadata, actor } },
  );
  return isRefusal(done) ? done : answer(200, 'Account Activated');
}
