/**
 * The door: whether the password that somebody shows is right, and how often it may be wrong. Failures are counted for an account as
 * asked from one client, and for a client; never for an account alone, because who guesses could then keep its owner out. When they are
 * used up, passwords from there are refused before they are compared, right ones too: without a statement, and not at once, so that
 * whoever goes on asking waits. What was right from there is remembered for a short while, and goes on being right; but not for ever
 * between guesses, which it would tell from all that are refused.
 *
 * The same wrong password for the same account is one failure, however often it comes: a client that asks twice for one login, a build
 * with a secret of yesterday. Over all processes it is known by a few bits under a key, which are no use for guessing it.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as elapsed } from 'node:timers/promises';

import type { Log } from '@docket/runtime/log';
import type { LoginOutcome } from '@docket/runtime/metrics';
import {
  loginFailuresSeconds,
  passwordBytesMax,
  rememberedFailureMs,
  rememberedFailuresMax,
  rememberedPasswordMs,
  rememberedPasswordsMax,
} from '@docket/shared/limits';
import { typedName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { LRUCache } from 'lru-cache';

import type { ApiRequest } from '../http/request.ts';
import type { AccountRow } from './accounts.ts';
import type { Passwords } from './password.ts';
import { refuseUsedUp } from './rates.ts';
import type { RateLimiters } from './rates.ts';

interface Attempt {
  /** As it was typed. */
  readonly name: string;
  readonly password: string;
  readonly from: Pick<ApiRequest, 'client' | 'ip'>;
  /** Undefined: there is none of that name. */
  readonly findAccount: () => Promise<AccountRow | undefined>;
}

export interface Logins {
  /** The account whose password it is; it need not be active. */
  readonly judge: (attempt: Attempt) => Promise<AccountRow | 'wrong' | Refusal>;
}

export interface LoginOptions {
  readonly passwords: Pick<Passwords, 'isRight' | 'refusal'>;
  readonly rates: Pick<RateLimiters, 'loginFailures' | 'clientLoginFailures' | 'sameFailures'>;
  /** The same in every process. */
  readonly secret: string;
  /** How long an answer that costs nothing is held back, for each of the client that are held back at once; and at most, before chance doubles it. */
  readonly heldBack: { readonly stepMs: number; readonly msMax: number };
  readonly log: Log;
  readonly onOutcome: (outcome: LoginOutcome) => void;
}

/** As many guesses as are compared by default: then what is remembered of a client is not believed either. */
const refusedGuessesMax = 10;

/** Hexadecimal digits. One wrong password of 4 096 counts as the same as another, and a list of passwords is cut down by no more. */
const sameFailureDigits = 3;

export function logins({ passwords, rates, secret, heldBack, log, onOutcome }: LoginOptions): Logins {
  // Only this process knows the key, so what it remembers of passwords is worth nothing outside.
  const key = randomBytes(32);
  /** With the credentials that it was compared with, which every request reads: a changed password counts at once in every process. */
  const right = new LRUCache<string, string>({ max: rememberedPasswordsMax, ttl: rememberedPasswordMs });
  /** The same by the client that showed it. */
  const rightFrom = new LRUCache<string, string>({ max: rememberedPasswordsMax, ttl: rememberedPasswordMs });
  const wrong = new LRUCache<string, string>({ max: rememberedFailuresMax, ttl: rememberedFailureMs });
  /** How many guesses for an account from a client were refused. */
  const refused = new LRUCache<string, number>({ max: rememberedFailuresMax, ttl: loginFailuresSeconds * 1_000 });
  /** How many answers to a client are held back. */
  const held = new Map<string, number>();
  /** Requests of one push come at once: they wait for one comparison. */
  const judging = new Map<string, Promise<'right' | 'wrong' | Refusal>>();

  function refusalKnown({ accountFrom, client }: Place): Refusal | undefined {
    const ofAccount = rates.loginFailures.known(accountFrom);
    if (ofAccount) return refuseUsedUp(ofAccount, ofAccountUsedUp);
    const ofClient = rates.clientLoginFailures.known(client);
    return ofClient && refuseUsedUp(ofClient, ofClientUsedUp);
  }

  /** However many connections a client has, it is answered so often and no more; those who came at one moment come back one by one. */
  async function holdBack(client: string): Promise<void> {
    const count = (held.get(client) ?? 0) + 1;
    held.set(client, count);
    await elapsed(Math.min(count * heldBack.stepMs, heldBack.msMax) * (1 + Math.random()));
    const left = (held.get(client) ?? 1) - 1;
    if (left === 0) held.delete(client);
    else held.set(client, left);
  }

  async function refusedLater(client: string, refusal: Refusal): Promise<Refusal> {
    onOutcome(refusal.refused === 'rate_limited' ? 'limited' : 'busy');
    await holdBack(client);
    return refusal;
  }

  async function judge(attempt: Attempt): Promise<AccountRow | 'wrong' | Refusal> {
    const place = placeOf(attempt);
    const print = createHmac('sha256', key)
      .update(JSON.stringify([place.asked ?? attempt.name, attempt.password]))
      .digest('base64');
    const printFrom = `${place.client} ${print}`;
    // Known before anything is looked up: hundreds of connections may ask.
    const refusal = refusalKnown(place) ?? passwords.refusal(place.client);
    if (refusal) {
      const guesses = refused.get(place.accountFrom) ?? 0;
      const remembered = guesses < refusedGuessesMax ? rightFrom.get(printFrom) : undefined;
      if (remembered === undefined) {
        refused.set(place.accountFrom, guesses + 1, { noUpdateTTL: true });
        return refusedLater(place.client, refusal);
      }
    }
    const account = await attempt.findAccount();
    const credentials = account ? `${account.id} ${account.credentialVersion}` : '';
    if (account && (refusal ? rightFrom.get(printFrom) : right.get(print)) === credentials) {
      rightFrom.set(printFrom, credentials, { noUpdateTTL: true });
      onOutcome('remembered');
      return account;
    }
    if (refusal) return refusedLater(place.client, refusal);
    if (wrong.get(printFrom) === credentials) {
      onOutcome('repeated');
      await holdBack(place.client);
      return 'wrong';
    }
    const judgingKey = `${printFrom} ${credentials}`;
    const judgement = judging.get(judgingKey) ?? judgedAnew(attempt, account, place);
    judging.set(judgingKey, judgement);
    try {
      const judged = await judgement;
      if (judged === 'right') {
        right.set(print, credentials);
        rightFrom.set(printFrom, credentials);
      }
      if (judged === 'wrong') wrong.set(printFrom, credentials);
      if (judged !== 'right') return judged;
      // Without an account nothing is right.
      return account ?? 'wrong';
    } finally {
      judging.delete(judgingKey);
    }
  }

  async function judgedAnew(
    attempt: Attempt,
    account: AccountRow | undefined,
    place: Place,
  ): Promise<'right' | 'wrong' | Refusal> {
    const { password } = attempt;
    const [ofAccount, ofClient] = await Promise.all([
      rates.loginFailures.look(place.accountFrom),
      rates.clientLoginFailures.look(place.client),
    ]);
    const refusal = ofAccount.usedUp || ofClient.usedUp ? refusalKnown(place) : undefined;
    const isRight =
      refusal ??
      // bcrypt would look at the first 72 bytes alone, and nobody's password has more.
      (Buffer.byteLength(password) <= passwordBytesMax &&
        (await passwords.isRight(password, account?.passwordHash, {
          client: place.client,
          refusal: () => refusalKnown(place),
        })));
    if (isRefusal(isRight)) return refusedLater(place.client, isRight);
    if (!isRight) {
      await countFailure(attempt, account, place);
      return 'wrong';
    }
    if (ofAccount.counted > 0) await rates.loginFailures.forget(place.accountFrom);
    onOutcome(account?.status === 'active' ? 'success' : 'inactive');
    return 'right';
  }

  async function countFailure(
    { name, password, from }: Attempt,
    account: AccountRow | undefined,
    place: Place,
  ): Promise<void> {
    const same = createHmac('sha256', secret)
      .update(JSON.stringify(['login', place.accountFrom, password]))
      .digest('hex')
      .slice(0, sameFailureDigits);
    if (await rates.sameFailures.take(`${place.accountFrom} ${same}`)) {
      onOutcome('repeated');
      return;
    }
    onOutcome('failure');
    await Promise.all([rates.loginFailures.take(place.accountFrom), rates.clientLoginFailures.take(place.client)]);
    const refusal = refusalKnown(place);
    log.info(
      {
        account: account?.name ?? shortened(name),
        ip: from.ip,
        reason: account ? 'wrong password' : 'unknown name',
        ...(refusal ? { refused_for_seconds: refusal.afterSeconds } : {}),
      },
      'a login failed',
    );
  }

  return { judge };
}

const ofAccountUsedUp = 'too many wrong passwords for this account from your address';
const ofClientUsedUp = 'too many wrong passwords from your address';

interface Place {
  /** The name that is meant; undefined for what cannot be one. */
  readonly asked: string | undefined;
  /** The keys of the limits. */
  readonly accountFrom: string;
  readonly client: string;
}

/** What cannot be a name is no account, however it is written. */
function placeOf({ name, from: { client } }: Attempt): Place {
  const { data: asked } = typedName.safeParse(name);
  return { asked, client, accountFrom: `${asked ?? '?'} ${client}` };
}

const shownCharactersMax = 3;

/** People type passwords where the name belongs: of what is no account's name only the beginning is written down. */
function shortened(name: string): string {
  const begin = name.slice(0, shownCharactersMax).replace(/[^\w.@-]/g, '?');
  return name.length > shownCharactersMax ? `${begin}…` : begin;
}
