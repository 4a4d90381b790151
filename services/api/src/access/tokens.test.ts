import { namespaceName, repositoryName } from '@docket/shared/names';
import { accesses, parseAuthorization } from '@docket/shared/tokens';
import type { TokenText } from '@docket/shared/tokens';
import fc from 'fast-check';
import jwt from 'jsonwebtoken';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { tokens } from './tokens.ts';
import type { TokenSubject } from './tokens.ts';

const newKey = { id: 'new', secret: 'n'.repeat(32) };
const oldKey = { id: 'old', secret: 'o'.repeat(32) };
const ttlSeconds = 3600;

const subject: TokenSubject = {
  account: { id: '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11', credentialVersion: 3 },
  fullName: { namespace: namespaceName.parse('acme'), name: repositoryName.parse('app') },
  repositoryId: '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e12',
  life: 2,
  access: 'write',
};

/** As a client sends it back. */
function received(token: string): TokenText {
  const authorization = parseAuthorization(`Token ${token}`);
  if (authorization.scheme !== 'token') throw new Error(`not a token: ${token}`);
  return authorization.token;
}

const ring = tokens([newKey], ttlSeconds);
const claimed = {
  sub: '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11',
  credential_version: 3,
  repository: 'acme/app',
  repository_id: subject.repositoryId,
  life: 2,
  access: 'write',
};

afterEach(() => {
  vi.useRealTimers();
});

it.each(accesses)('a token for %s proves who asked, and for what', (access) => {
  expect(ring.verify(received(ring.issue({ ...subject, access })))).toMatchObject({ ...claimed, access });
});

it('a token from before the version of the credentials stood in it is of the first one', () => {
  const { credential_version: _, ...before } = claimed;
  const signature = jwt.sign({ ...before, jti: 'some' }, newKey.secret, {
    algorithm: 'HS256',
    keyid: 'new',
    expiresIn: 60,
  });
  expect(ring.verify({ signature, repository: 'acme/app', access: 'write' })).toMatchObject({
    ...before,
    credential_version: 1,
  });
});

it('a token of nobody in particular has an empty subject', () => {
  const token = ring.issue({ ...subject, account: undefined, access: 'read' });
  expect(ring.verify(received(token))).toMatchObject({ sub: '', access: 'read' });
});

it('no two tokens are the same, whoever asks and however fast', () => {
  const issued = Array.from({ length: 200 }, () => ring.issue(subject));
  expect(new Set(issued).size).toBe(200);
  expect(new Set(issued.map((token) => ring.verify(received(token))?.jti)).size).toBe(200);
});

it('a registry of the first protocol reads what was written', () => {
  // docker-registry 0.5 to 0.9, in the order in which its pattern finds them.
  const pairs = [...ring.issue(subject).matchAll(/(\w+)[:=][\s"]?([^",]+)"?/g)].map(([, key, value]) => [key, value]);
  expect(pairs).toEqual([
    ['signature', expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/)],
    ['repository', 'acme/app'],
    ['access', 'write'],
  ]);
});

describe('a ring of keys', () => {
  it('signs with the newest and still believes the others', () => {
    const before = tokens([oldKey], ttlSeconds).issue(subject);
    const rotated = tokens([newKey, oldKey], ttlSeconds);
    const after = rotated.issue(subject);
    expect(jwt.decode(received(after).signature, { complete: true })?.header).toMatchObject({
      alg: 'HS256',
      kid: 'new',
    });
    expect(rotated.verify(received(before))).toMatchObject(claimed);
    expect(rotated.verify(received(after))).toMatchObject(claimed);
  });

  it('does not believe a key that was removed', () => {
    const before = tokens([oldKey], ttlSeconds).issue(subject);
    expect(ring.verify(received(before))).toBeUndefined();
  });

  it('does not believe another secret under an id that it knows', () => {
    const forged = tokens([{ id: 'new', secret: 'x'.repeat(32) }], ttlSeconds).issue(subject);
    expect(ring.verify(received(forged))).toBeUndefined();
  });

  it('cannot be empty', () => {
    expect(() => tokens([], ttlSeconds)).toThrow('a key ring without a key');
  });
});

describe('is not believed', () => {
  const good = received(ring.issue({ ...subject, access: 'read' }));
  const signed = (claims: object, options: jwt.SignOptions = {}) =>
    jwt.sign(claims, newKey.secret, {
      algorithm: 'HS256',
      keyid: 'new',
      subject: claimed.sub,
      jwtid: 'some',
      expiresIn: ttlSeconds,
      ...options,
    });
  const { sub: _sub, ...whole } = { ...claimed, access: 'read' };

  it.each<[string, TokenText]>([
    ['a read token rewritten to write', { ...good, access: 'write' }],
    ['a read token rewritten to delete', { ...good, access: 'delete' }],
    ['an access in capitals', { ...good, access: 'READ' }],
    ['a token rewritten to another repository', { ...good, repository: 'acme/other' }],
    ['a token whose repository has a blank behind it', { ...good, repository: 'acme/app ' }],
    ['a signature with something behind it', { ...good, signature: `${good.signature}A` }],
    ['an empty signature', { ...good, signature: '' }],
    ['a signature that is no JWT', { ...good, signature: 'abc' }],
    ['a header that is no JSON', { ...good, signature: `!!.${good.signature.split('.').slice(1).join('.')}` }],
    ['the algorithm none', { ...good, signature: unsigned(whole) }],
    ['another algorithm', { ...good, signature: signed(whole, { algorithm: 'HS512' }) }],
    ['a key without an id', { ...good, signature: jwt.sign({ ...whole, sub: claimed.sub }, newKey.secret) }],
    ['a key that nobody has', { ...good, signature: signed(whole, { keyid: 'other' }) }],
    ['a token that expired', { ...good, signature: signed(whole, { expiresIn: -1 }) }],
    ['a token that is good for ever', { ...good, signature: withoutEnd(whole) }],
    ['a link of a mail, which the same keys sign', { ...good, signature: signed({ purpose: 'confirm-address' }) }],
    ['a token without a life', { ...good, signature: signed({ ...whole, life: undefined }) }],
  ])('%s', (_what, text) => {
    expect(ring.verify(good)).toBeDefined();
    expect(ring.verify(text)).toBeUndefined();
  });

  it('the control: the claims that are only wrong above are right', () => {
    expect(ring.verify({ ...good, signature: signed(whole) })).toMatchObject({ ...claimed, access: 'read' });
  });

  function unsigned(claims: object): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(Date.now() / 1000) + ttlSeconds;
    return `${part({ alg: 'none', typ: 'JWT', kid: 'new' })}.${part({ ...claims, sub: claimed.sub, jti: 'some', exp })}.`;
  }

  function withoutEnd(claims: object): string {
    return jwt.sign({ ...claims, sub: claimed.sub, jti: 'some' }, newKey.secret, { algorithm: 'HS256', keyid: 'new' });
  }

  it('a token whose text was changed in any one place', () => {
    const token = ring.issue(subject);
    const changes = fc.record({
      at: fc.nat({ max: token.length - 1 }),
      letter: fc.stringMatching(/^[\x20-\x7e]$/),
    });
    fc.assert(
      fc.property(changes, ({ at, letter }) => {
        fc.pre(token[at] !== letter);
        const authorization = parseAuthorization(`Token ${token.slice(0, at)}${letter}${token.slice(at + 1)}`);
        const claims = authorization.scheme === 'token' ? ring.verify(authorization.token) : undefined;
        const says = authorization.scheme === 'token' ? authorization.token : undefined;
        // What still reads as the very same token, as one with other quotes, is the same token.
        const same = says !== undefined && JSON.stringify(says) === JSON.stringify(received(token));
        expect(claims === undefined).toBe(!same);
      }),
      { numRuns: 500 },
    );
  });
});

it('a token that was good a moment ago expires, though it is remembered', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const text = received(ring.issue(subject));
  expect(ring.verify(text)).toMatchObject(claimed);
  vi.setSystemTime(Date.now() + (ttlSeconds - 1) * 1000);
  expect(ring.verify(text)).toMatchObject(claimed);
  vi.setSystemTime(Date.now() + 1000);
  expect(ring.verify(text)).toBeUndefined();
});
