/**
 * Access tokens: compact JWTs under a ring of keys. A token narrows to one repository, its life and one access, and says who asked;
 * what that account may do is judged anew at every use. Like a session it ends with the password that it was given for.
 */
import { createSecretKey } from 'node:crypto';

import type { TokenKey } from '@docket/runtime/environment';
import { verifiedTokensMax } from '@docket/shared/limits';
import { fullNameText } from '@docket/shared/names';
import type { FullName } from '@docket/shared/names';
import { accesses, formatToken } from '@docket/shared/tokens';
import type { Access, TokenText } from '@docket/shared/tokens';
import jwt from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';

import type { AccountRow } from './accounts.ts';

const algorithm = 'HS256';

const claimsSchema = z.object({
  jti: z.string(),
  /** Empty for a pull that nobody in particular asked for. */
  sub: z.union([z.uuid(), z.literal('')]),
  exp: z.int(),
  repository: z.string(),
  repository_id: z.uuid(),
  life: z.int().positive(),
  access: z.enum(accesses),
  /**
   * Of the credentials of the account when it was given out. A token from before it was written down is of the first: it counts where the
   * password was never changed.
   */
  credential_version: z.int().positive().default(1),
});
export type Claims = z.infer<typeof claimsSchema>;

const headerSchema = z.object({ kid: z.string() });

export interface TokenSubject {
  /** Undefined: nobody in particular. */
  readonly account: Pick<AccountRow, 'id' | 'credentialVersion'> | undefined;
  readonly fullName: FullName;
  readonly repositoryId: string;
  readonly life: number;
  readonly access: Access;
}

export interface Tokens {
  /** As it stands behind `X-Docker-Token:`. Never the same twice. */
  readonly issue: (subject: TokenSubject) => string;
  /** Undefined when it is forged, expired, or when its text says anything else than what was signed. */
  readonly verify: (text: TokenText) => Claims | undefined;
}

export function tokens(keys: readonly TokenKey[], ttlSeconds: number): Tokens {
  const [newest] = keys;
  if (newest === undefined) throw new Error('a key ring without a key');
  // As keys: of a text jsonwebtoken would first try at every call to make a private or a public key, in vain and slowly.
  const secrets = new Map(keys.map(({ id, secret }) => [id, createSecretKey(secret, 'utf8')]));
  const newestSecret = createSecretKey(newest.secret, 'utf8');
  const verified = new LRUCache<string, Claims>({ max: verifiedTokensMax });

  function verifySignature(signature: string): Claims | undefined {
    const known = verified.get(signature);
    if (known !== undefined) return known;
    const kid = keyId(signature);
    const secret = kid === undefined ? undefined : secrets.get(kid);
    if (secret === undefined) return undefined;
    try {
      const claims = claimsSchema.parse(jwt.verify(signature, secret, { algorithms: [algorithm] }));
      verified.set(signature, claims);
      return claims;
    } catch {
      return undefined;
    }
  }

  return {
    issue: ({ account, fullName, repositoryId, life, access }) => {
      const repository = fullNameText(fullName);
      const bound = account && { credential_version: account.credentialVersion };
      const claims = { repository, repository_id: repositoryId, life, access, ...bound };
      const signature = jwt.sign(claims, newestSecret, {
        algorithm,
        keyid: newest.id,
        subject: account?.id ?? '',
        jwtid: uuidv7(),
        expiresIn: ttlSeconds,
      });
      return formatToken({ signature, repository, access });
    },
    verify: ({ signature, repository, access }) => {
      const claims = verifySignature(signature);
      if (claims === undefined || claims.exp * 1000 <= Date.now()) return undefined;
      // A v1 registry believes the text around the signature, so a text that says more than was signed is a forgery.
      return claims.repository === repository && claims.access === access ? claims : undefined;
    },
  };
}

function keyId(signature: string): string | undefined {
  const [header = ''] = signature.split('.');
  try {
    return headerSchema.parse(JSON.parse(Buffer.from(header, 'base64url').toString())).kid;
  } catch {
    return undefined;
  }
}
