/** Links in mails: what they allow is signed, with the newest key of the ring, and good for as long as they say. */
import jsonwebtoken from 'jsonwebtoken';
import { z } from 'zod';

import type { TokenKey } from './environment.ts';

const algorithm = 'HS256';

const claimsSchema = z.object({
  /** An access token is signed by the same keys: neither may pass for the other. */
  purpose: z.literal('confirm-address'),
  /** The account. */
  sub: z.uuid(),
  address_id: z.uuid(),
  /** The same in every mail that one event causes: the link is good once, however often it was sent. */
  jti: z.string().min(1).max(128),
  /** Unix seconds. */
  iat: z.int().nonnegative(),
  exp: z.int().nonnegative(),
});
export type LinkClaims = z.infer<typeof claimsSchema>;

export class NoSigningKey extends Error {}

export function mintLink(keys: readonly TokenKey[], claims: LinkClaims): string {
  const [newest] = keys;
  if (newest === undefined) throw new NoSigningKey('there is no key to sign links with: TOKEN_KEYS is empty');
  return jsonwebtoken.sign(claims, newest.secret, { algorithm, keyid: newest.id });
}

/** Undefined for anything but a link that we signed, for a known purpose, in its time. */
export function verifyLink(keys: readonly TokenKey[], token: string, now: Date = new Date()): LinkClaims | undefined {
  try {
    const keyId = jsonwebtoken.decode(token, { complete: true })?.header.kid;
    const key = keys.find(({ id }) => id === keyId);
    if (key === undefined) return undefined;
    const clockTimestamp = Math.floor(now.getTime() / 1000);
    return claimsSchema.safeParse(jsonwebtoken.verify(token, key.secret, { algorithms: [algorithm], clockTimestamp }))
      .data;
  } catch {
    // Every way in which it may be wrong is the same to who follows it.
    return undefined;
  }
}
