/** What registering and a change of address may not do too often: every one sends a mail to somebody who may not have asked for it. */
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { RateLimiter, UsedUp } from '@docket/store/rate-limits';

import { refuseUsedUp } from '../access/rates.ts';
import type { RateLimiters } from '../access/rates.ts';

export type AccountRates = Pick<RateLimiters, 'registrations' | 'accountMails' | 'clientMails' | 'domainMails'>;

/** Undefined: one more client may register. */
export async function refuseRegistration(rates: AccountRates, client: string): Promise<Refusal | undefined> {
  return refuseOften(await rates.registrations.take(client), 'too many accounts were registered from your address');
}

export interface CausedMail {
  readonly to: string;
  readonly client: string;
  /** Undefined: of a registration. */
  readonly accountId: string | undefined;
}

/**
 * Counts the mail, or refuses it, before the work that sends it; where nothing came of that the mail was not sent, and is not counted.
 * Undefined: the work sends none.
 */
export async function countingMail<Done extends object>(
  { accountMails, clientMails, domainMails }: AccountRates,
  mail: CausedMail | undefined,
  work: () => Promise<Done | Refusal>,
): Promise<Done | Refusal> {
  if (!mail) return work();
  const { to, client, accountId } = mail;
  const domain = to.slice(to.lastIndexOf('@') + 1).toLowerCase();
  const limits: readonly (readonly [RateLimiter, string, string])[] = [
    ...(accountId === undefined
      ? []
      : [[accountMails, accountId, 'too many mails were sent for this account'] as const]),
    [clientMails, client, 'too many mails were sent because of requests from your address'],
    [domainMails, domain, `too many mails were sent to addresses of ${domain}`],
  ];
  const counted: (() => Promise<void>)[] = [];
  const counting = async () => {
    for (const [limiter, key, sentence] of limits) {
      const refusal = refuseOften(await limiter.take(key), sentence);
      if (refusal) return refusal;
      counted.push(() => limiter.giveBack(key));
    }
    return work();
  };
  const outcome = await counting();
  if (isRefusal(outcome)) await Promise.all(counted.map((giveBack) => giveBack()));
  return outcome;
}

function refuseOften(usedUp: UsedUp | undefined, sentence: string): Refusal | undefined {
  return usedUp && refuseUsedUp(usedUp, sentence);
}
