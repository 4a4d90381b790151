/** What registering and a change of address may not do too often: every one sends a mail to somebody who may not have asked for it. */
import type { Refusal } from '@docket/shared/refusal';
import type { UsedUp } from '@docket/store/rate-limits';

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

/** Undefined: it may be sent, and is counted. */
export async function refuseMail(
  { accountMails, clientMails, domainMails }: AccountRates,
  { to, client, accountId }: CausedMail,
): Promise<Refusal | undefined> {
  const domain = to.slice(to.lastIndexOf('@') + 1).toLowerCase();
  return (
    (accountId === undefined
      ? undefined
      : refuseOften(await accountMails.take(accountId), 'too many mails were sent for this account')) ??
    refuseOften(await clientMails.take(client), 'too many mails were sent because of requests from your address') ??
    refuseOften(await domainMails.take(domain), `too many mails were sent to addresses of ${domain}`)
  );
}

function refuseOften(usedUp: UsedUp | undefined, sentence: string): Refusal | undefined {
  return usedUp && refuseUsedUp(usedUp, sentence);
}
