/**
 * Sessions: compact JWTs under the same ring of keys as access tokens, told from them and from links by their purpose. A session is
 * bound to the version of the credentials: a changed password ends every one.
 */
import type { TokenKey } from '@docket/runtime/environment';
import jwt from 'jsonwebtoken';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';

import type { AccountRow } from './accounts.ts';

const algorithm = 'HS256';

/** `refresh` is good for nothing but to begin another session. */
const purposes = ['session', 'refresh'] as const;
type Purpose = (typeof purposes)[number];

const claimsSchema = z.object({
  purpose: z.enum(purposes),
  jti: z.string(),
  sub: z.uuid(),
  exp: z.int(),
  credential_version: z.int().positive(),
});
export type SessionClaims = z.infer<typeof claimsSchema>;

export interface Sessions {
  readonly issue: (account: AccountRow, purpose: Purpose, seconds: number) => string;
  /** Undefined when it is forged, expired, or for another purpose. */
  readonly verify: (token: string, purpose: Purpose) => SessionClaims | undefined;
}

export function sessions(keys: readonly TokenKey[]): Sessions {
  const [newest] = keys;
  if (newest === undefined) throw new Error('a key ring without a key');
  return {
    issue: ({ id, credentialVersion }, purpose, seconds) =>
      jwt.sign({ purpose, credential_version: credentialVersion }, newest.secret, {
        algorithm,
        keyid: newest.id,
        subject: id,
        jwtid: uuidv7(),
        expiresIn: seconds,
      }),
    verify: (token, purpose) => {
      try {
        const keyId = jwt.decode(token, { complete: true })?.header.kid;
        const key = keys.find(({ id }) => id === keyId);
        if (key === undefined) return undefined;
        const claims = claimsSchema.parse(jwt.verify(token, key.secret, { algorithms: [algorithm] }));
        return claims.purpose === purpose ? claims : undefined;
      } catch {
        // Every way in which it may be wrong is the same to who shows it.
        return undefined;
      }
    },
  };
}
