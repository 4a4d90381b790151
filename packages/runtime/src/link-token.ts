/** The signed token in the link of a mail: minted by the projector, which sends it, and verified by the API, which is asked for it. */
import jwt from 'jsonwebtoken';
import { z } from 'zod';

import type { TokenKey } from './environment.ts';

const algorithm = 'HS256';
/** Tells it from every other token that the same keys sign. */
const purpose = 'confirm-address';

const linkClaims = z.object({
  purpose: z.literal(purpose),
  /** The account. */
  sub: z.uuid(),
  address_id: z.uuid(),
  /** The same for every sending of the same mail. */
  jti: z.string(),
  /** Unix seconds. */
  exp: z.int(),
});
export type LinkClaims = z.infer<typeof linkClaims>;

export function mintLink([newest]: readonly TokenKey[], claims: Omit<LinkClaims, 'purpose'>): string {
  if (newest === undefined) throw new Error('a key ring without a key');
  return jwt.sign({ purpose, ...claims }, newest.secret, { algorithm, keyid: newest.id });
}

/** Undefined when it is forged, expired, or made for something else. */
export function verifyLink(keys: readonly TokenKey[], token: string): LinkClaims | undefined {
  for (const { secret } of keys) {
    try {
      return linkClaims.parse(jwt.verify(token, secret, { algorithms: [algorithm] }));
    } catch {
      // Perhaps it is of another key of the ring.
    }
  }
  return undefined;
}
