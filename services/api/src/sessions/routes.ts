/** A password for a session: where the tools of the Hub begin. */
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { accountByName } from '../access/accounts.ts';
import type { AccountRow } from '../access/accounts.ts';
import { byPassword } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { answer } from '../http/answer.ts';
import type { Answer, Outcome } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { smallBodyBytesMax } from '../limits.ts';

export function sessionRoutes(using: Authentication): Route[] {
  return [
    { path: '/v2/users/login', handlers: { POST: (request) => login(using, request) } },
    { path: '/v2/auth/token', handlers: { POST: (request) => accessToken(using, request) } },
  ];
}

/** A script logs in once and works; a day is longer than any of them runs. */
const sessionSeconds = 24 * 3600;
/** As at the Hub. */
const accessTokenSeconds = 10 * 60;
const refreshSeconds = 30 * 24 * 3600;

export const loginBody = z.object({ username: z.string(), password: z.string() });
export const accessTokenBody = z.object({
  identifier: z.string(),
  /** A password, or the refresh token of a login. */
  secret: z.string(),
});

async function login(using: Authentication, request: ApiRequest): Promise<Outcome> {
  const given = await readJson(request, loginBody, smallBodyBytesMax);
  if (isRefusal(given)) return given;
  const caller = await byPassword(using, given.username, given.password);
  if (isRefusal(caller)) return refused(caller);
  const { account } = caller;
  const wantsRefresh = request.query.get('refresh_token') === 'true';
  return answer(200, {
    token: using.sessions.issue(account, 'session', sessionSeconds),
    ...(wantsRefresh ? { refresh_token: using.sessions.issue(account, 'refresh', refreshSeconds) } : {}),
  });
}

async function accessToken(using: Authentication, request: ApiRequest): Promise<Outcome> {
  const given = await readJson(request, accessTokenBody, smallBodyBytesMax);
  if (isRefusal(given)) return given;
  const refreshed = await byRefreshToken(using, given.identifier, given.secret);
  if (refreshed) return begun(using, refreshed);
  const caller = await byPassword(using, given.identifier, given.secret);
  return isRefusal(caller) ? refused(caller) : begun(using, caller.account);
}

function begun({ sessions }: Authentication, account: AccountRow): Answer {
  return answer(200, { access_token: sessions.issue(account, 'session', accessTokenSeconds) });
}

async function byRefreshToken(
  { database, sessions }: Authentication,
  name: string,
  secret: string,
): Promise<AccountRow | undefined> {
  const claims = sessions.verify(secret, 'refresh');
  const account = claims && (await accountByName(database, name));
  const good =
    account?.status === 'active' &&
    account.id === claims?.sub &&
    account.credentialVersion === claims.credential_version;
  return good ? account : undefined;
}

/** In the words of the Hub, which tools look for; no challenge: a browser would ask for the password in its own window. */
function refused(refusal: Refusal): Outcome {
  if (refusal.refused !== 'unauthorized') return refusal;
  const message = 'Incorrect authentication credentials';
  return answer(401, { message, detail: message });
}
