/** A password for a session: where the tools of the Hub begin. */
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { accountByName } from '../access/accounts.ts';
import type { AccountRow } from '../access/accounts.ts';
import { byPassword } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import { refused, v2 } from '../http/common-answers.ts';
import { noCredentials, operation } from '../http/operation.ts';
import type { Operation, OperationAnswers } from '../http/operation.ts';

/** A script logs in once and works; a day is longer than any of them runs. */
const sessionSeconds = 24 * 3600;
/** As at the Hub. */
const accessTokenSeconds = 10 * 60;
const refreshSeconds = 30 * 24 * 3600;

const loginRefusals: OperationAnswers = {
  400: v2.badRequest,
  401: refused('Incorrect authentication credentials.'),
  403: refused('They are right, and the account is not active yet.'),
  413: v2.tooLarge,
  ...v2.always,
};

const sessionAnswer = z.object({ token: z.string(), refresh_token: z.string().optional() });
const accessTokenAnswer = z.object({ access_token: z.string() });

export const sessionOperations: readonly Operation<Authentication>[] = [
  operation({
    method: 'POST',
    path: '/v2/users/login',
    summary: 'A session for a name and password. `refresh_token=true` adds one that begins other sessions.',
    needs: 'a name and password, in the body',
    credentials: noCredentials,
    query: z.object({ refresh_token: z.string().optional() }),
    body: z.object({ username: z.string(), password: z.string() }),
    answers: { 200: { description: 'A session.', body: sessionAnswer }, ...loginRefusals },
    refused: inWordsOfTheHub,
    handle: async (using: Authentication, { request, query, body: { username, password } }) => {
      const caller = await byPassword(using, request, username, password);
      if (isRefusal(caller)) return caller;
      const { account } = caller;
      const { sessions } = using;
      const begun: z.infer<typeof sessionAnswer> = {
        token: sessions.issue(account, 'session', sessionSeconds),
        ...(query.refresh_token === 'true'
          ? { refresh_token: sessions.issue(account, 'refresh', refreshSeconds) }
          : {}),
      };
      return answer(200, begun);
    },
  }),
  operation({
    method: 'POST',
    path: '/v2/auth/token',
    summary: 'A session of ten minutes for a name and a password or refresh token.',
    needs: 'a name and password, in the body',
    credentials: noCredentials,
    body: z.object({
      identifier: z.string(),
      /** A password, or the refresh token of a login. */
      secret: z.string(),
    }),
    answers: { 200: { description: 'A session.', body: accessTokenAnswer }, ...loginRefusals },
    refused: inWordsOfTheHub,
    handle: async (using: Authentication, { request, body: { identifier, secret } }) => {
      const refreshed = await byRefreshToken(using, identifier, secret);
      const caller = refreshed ? { account: refreshed } : await byPassword(using, request, identifier, secret);
      if (isRefusal(caller)) return caller;
      const begun: z.infer<typeof accessTokenAnswer> = {
        access_token: using.sessions.issue(caller.account, 'session', accessTokenSeconds),
      };
      return answer(200, begun);
    },
  }),
];

async function byRefreshToken(
  { database, sessions }: Authentication,
  name: string,
  secret: string,
): Promise<AccountRow | undefined> {
  const claims = sessions.verify(secret, 'refresh');
  const account = claims && (await accountByName(database, name));
  const isGood =
    account?.status === 'active' &&
    account.id === claims?.sub &&
    account.credentialVersion === claims.credential_version;
  return isGood ? account : undefined;
}

/** In the words that tools look for; no challenge: a browser would ask for the password in its own window. */
function inWordsOfTheHub(refusal: Refusal): Outcome {
  if (refusal.refused !== 'unauthorized') return refusal;
  const message = 'Incorrect authentication credentials';
  return answer(401, { message, detail: message });
}
