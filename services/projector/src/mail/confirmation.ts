/** The mail that asks whether an address is its owner's. Pure. */
import { mintLink } from '@docket/runtime/link-token';
import type { TokenKey } from '@docket/runtime/environment';
import { confirmationHoursMax } from '@docket/shared/limits';
import type { AddedAddress } from '@docket/store/log/confirmations';

export interface Mail {
  /** The same for every try to send this mail: a mailbox that gets it twice can tell. */
  readonly id: string;
  /** The time of the event. */
  readonly date: Date;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface MailOptions {
  readonly publicUrl: string;
  readonly tokenKeys: readonly TokenKey[];
}

/** Undefined where none is to be sent: nobody is there, it is confirmed, or the link would be dead on arrival. */
export function confirmationMail(
  { at, version, recordedAt, accountId, addressId, recipient, confirmed }: AddedAddress,
  { publicUrl, tokenKeys }: MailOptions,
  now: Date,
): Mail | undefined {
  const until = new Date(recordedAt.getTime() + confirmationHoursMax * 3_600_000);
  if (recipient === undefined || confirmed || until <= now) return undefined;
  // A command is in the log once, and so is a version of a stream: together they are the event, whatever position it gets.
  const id = `${at.commandId}.${version}`;
  const token = mintLink(tokenKeys, {
    purpose: 'confirm-address',
    sub: accountId,
    address_id: addressId,
    jti: id,
    iat: unixSeconds(recordedAt),
    exp: unixSeconds(until),
  });
  const { accountName, address } = recipient;
  const { why, afterwards } = version === registrationVersion ? ofRegistration : ofChange;
  return {
    id,
    date: recordedAt,
    to: address,
    subject: `Please confirm your address for ${accountName}`,
    text: `Hello,

somebody, probably you, ${why(accountName, publicUrl)}
To confirm that it is yours, open this link:

${publicUrl}/v1/users/confirm/${token}

It is good until ${inWords(until)}. ${afterwards}

If it was not you, ignore this mail. Nothing happens without the link, and we will not write again.

Docket
`,
  };
}

/** An account begins with its registration and the address that came with it. */
const registrationVersion = 2;

const ofRegistration = {
  why: (name: string, url: string) => `registered the account "${name}" at ${url}
and gave this address for it.`,
  afterwards: `After that the name is free again, and you can
simply register once more.`,
};

const ofChange = {
  why: (name: string, url: string) => `gave this address for the account "${name}" at ${url},
which is there already.`,
  afterwards: `After that it has to be given
once more.`,
};

function unixSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

const dateFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short', timeZone: 'UTC' });

function inWords(date: Date): string {
  return `${dateFormat.format(date)} UTC`;
}
