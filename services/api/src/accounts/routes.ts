/** Login, registration, changes of an account, and the link in the mail. */
import type { Environment, TokenKey } from '@docket/runtime/environment';
import { verifyLink } from '@docket/runtime/link-token';
import { smallBodyBytesMax } from '@docket/shared/limits';
import { namespaceName, typedName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { accountByName } from '../access/accounts.ts';
import { unauthorized } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import type { Passwords } from '../access/password.ts';
import { passwordHolder } from '../access/credentials.ts';
import { earlierOutcome, envelopeOf } from '../commands/envelope.ts';
import type { CommandEnvelope } from '../commands/envelope.ts';
import { answer } from '../http/answer.ts';
import { done, idempotency, ok, v1 } from '../http/common-answers.ts';
import { noCredentials, operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { accountName } from '../http/paths.ts';
import { parseField, readAnyJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { changeAccount, confirmAddress, mayNotChange, nameTaken, registerAccount } from './change.ts';
import type { ChangeExecution } from './change.ts';
import { emailField, passwordField } from './fields.ts';
import { hasAddress, isNamespaceTaken } from './queries.ts';
import { countingMail, refuseRegistration } from './rates.ts';
import type { AccountRates } from './rates.ts';

export interface AccountRoutes
  extends Authentication, ChangeExecution, Pick<Environment, 'registration' | 'accountActivation'> {
  readonly tokenKeys: readonly TokenKey[];
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly rates: AccountRates;
}

const named = z.object({ username: typedName });
/** Extra keys are for others: docker sends `auth` as well. */
const registration = z.object({ username: namespaceName, email: emailField, password: passwordField });
const change = z
  .object({ email: emailField.optional(), password: passwordField.optional() })
  .refine(({ email, password }) => email !== undefined || password !== undefined, 'email or password is needed');

const registered = answer(201, 'User Created');

export const accountOperations: readonly Operation<AccountRoutes>[] = [
  operation({
    method: 'GET',
    path: '/v1/users',
    summary: 'Are the name and password right?',
    needs: 'a name and password',
    credentials: passwordHolder,
    answers: {
      200: { description: 'They are.', body: ok },
      401: v1.unauthorized,
      403: { ...v1.forbidden, description: 'They are, and the account is not active yet.' },
      ...v1.always,
    },
    handle: () => answer(200, 'OK'),
  }),
  operation({
    method: 'POST',
    path: '/v1/users',
    summary: 'Registers an account.',
    needs: 'nothing; a name that is taken is refused',
    credentials: noCredentials,
    headers: idempotency,
    authorize: mayRegister,
    body: registration,
    answers: {
      201: { description: 'A mail with a link is on its way.', body: z.literal('User Created') },
      400: v1.badAccount,
      401: { ...v1.unauthorized, description: 'Registration is closed.' },
      403: { ...v1.forbidden, description: 'A page of another site had a browser ask.' },
      413: v1.tooLarge,
      422: v1.reused,
      ...v1.always,
    },
    handle: async (using: AccountRoutes, { request, target: { isDone, envelope }, body }) => {
      if (isDone) return registered;
      const { username, email, password } = body;
      const { client } = request;
      const activation = using.accountActivation === 'open' ? 'at_once' : 'mail';
      const refusal = await refuseRegistration(using.rates, client);
      if (refusal) return refusal;
      const mail = activation === 'mail' ? { to: email, client, accountId: undefined } : undefined;
      return countingMail(using.rates, mail, async () => {
        const passwordHash = await using.passwords.hash(password, client);
        if (isRefusal(passwordHash)) return passwordHash;
        const account = { name: username, email, passwordHash, isAdmin: false, activation } as const;
        const outcome = await registerAccount(using, account, envelope);
        return isRefusal(outcome) ? outcome : registered;
      });
    },
  }),
  operation({
    method: 'GET',
    path: '/v1/users/confirm/{token}',
    summary: 'The link of the mail: activates the account. HEAD does nothing.',
    needs: 'a link that is good',
    credentials: noCredentials,
    parameters: z.object({ token: z.string() }),
    secretPath: true,
    // Mail programs and proxies look at links before people do: HEAD must not be the click.
    head: 'idle',
    answers: {
      200: { description: 'The account is active.', body: z.literal('Account Activated') },
      404: { ...v1.missing, description: 'The link is not valid, or no longer.' },
      409: { ...v1.noRoom, description: 'Somebody else has confirmed the address for another account.' },
      ...v1.always,
    },
    handle: async (using: AccountRoutes, { request, parameters }) => {
      const claims = verifyLink(using.tokenKeys, parameters.token);
      if (!claims) return refuse('not_found', 'the link is not valid, or no longer; register again to get another');
      const envelope = await envelopeOf(request, { by: 'nothing' }, using.tokenKeys);
      if (isRefusal(envelope)) return envelope;
      const actor = { id: claims.sub, via: 'link' } as const;
      const outcome = await confirmAddress(
        using,
        { accountId: claims.sub, addressId: claims.address_id, linkId: claims.jti },
        { ...envelope, metadata: { ...envelope.metadata, actor } },
      );
      return isRefusal(outcome) ? outcome : answer(200, 'Account Activated');
    },
  }),
  operation({
    method: 'PUT',
    path: '/v1/users/{username}',
    summary: 'Adds an e-mail address, or replaces the password.',
    needs: 'to be that person, or an index admin',
    credentials: passwordHolder,
    parameters: z.object({ username: accountName }),
    headers: idempotency,
    authorize: async (using: AccountRoutes, { caller: { account }, parameters: { username } }) => {
      if (username === account.name) return account;
      // Only an admin is told which names there are.
      if (!account.isAdmin) return mayNotChange;
      return (await accountByName(using.database, username)) ?? refuse('not_found', `there is no account ${username}`);
    },
    body: change,
    answers: {
      204: done,
      400: v1.badAccount,
      401: v1.unauthorized,
      403: v1.forbidden,
      404: { ...v1.missing, description: 'There is no such account; only an admin is told.' },
      409: { ...v1.noRoom, description: 'Too many addresses of the account wait to be confirmed.' },
      413: v1.tooLarge,
      422: v1.reused,
      ...v1.always,
    },
    handle: async (using, { request, caller, target, body: { email, password } }) => {
      const envelope = await envelopeOf(request, caller, using.tokenKeys);
      if (isRefusal(envelope)) return envelope;
      const confirmation = using.accountActivation === 'open' ? 'none' : 'mail';
      const { client } = request;
      // An admin of the index is held to no limit, and an address that the account has already is sent no mail.
      const isMailed =
        email !== undefined &&
        confirmation === 'mail' &&
        envelope.heldTo !== undefined &&
        !(await hasAddress(using.database, target.id, email));
      const mail = isMailed ? { to: email, client, accountId: target.id } : undefined;
      return countingMail(using.rates, mail, async () => {
        const passwordHash = password === undefined ? undefined : await using.passwords.hash(password, client);
        if (isRefusal(passwordHash)) return passwordHash;
        const changed = { accountId: target.id, email, passwordHash, confirmation } as const;
        const outcome = await changeAccount(using, changed, envelope);
        return isRefusal(outcome) ? outcome : answer(204, undefined);
      });
    },
  }),
];

interface NewAccount {
  readonly envelope: CommandEnvelope;
  /** True when an earlier try of this command did it and its answer was lost. */
  readonly isDone: boolean;
}

/**
 * The first step of every `docker login` up to 1.10. A known name is told before anything is said of the other fields: the client
 * then asks GET with the password, and would show any other complaint to the person. A name with capitals is known when it is known
 * without them; a new one is refused with the body. 401 sends it to GET as well.
 */
async function mayRegister(
  using: AccountRoutes,
  { request }: { readonly request: ApiRequest },
): Promise<NewAccount | Refusal> {
  if (using.registration === 'closed')
    return unauthorized('registration is closed; ask an admin of this index for an account');
  const json = await readAnyJson(request, smallBodyBytesMax);
  if (isRefusal(json)) return json;
  const given = parseField(named, json.value);
  if (isRefusal(given)) return given;
  const envelope = await envelopeOf(request, { by: 'nothing' }, using.tokenKeys);
  if (isRefusal(envelope)) return envelope;
  if (!(await isNamespaceTaken(using.database, given.username))) return { envelope, isDone: false };
  const past = await earlierOutcome(using.database, envelope);
  if (past === undefined) return nameTaken;
  return isRefusal(past) ? past : { envelope, isDone: true };
}
