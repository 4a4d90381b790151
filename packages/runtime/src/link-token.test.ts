import jsonwebtoken from 'jsonwebtoken';
import { expect, test } from 'vitest';

import { mintLink, NoSigningKey, verifyLink } from './link-token.ts';
import type { LinkClaims } from './link-token.ts';

const older = { id: 'older', secret: 'the-older-secret-of-more-than-thirty-two' };
const newer = { id: 'newer', secret: 'the-newer-secret-of-more-than-thirty-two' };
const now = new Date('2014-05-06T07:08:09Z');
const seconds = now.getTime() / 1000;
const claims: LinkClaims = {
  purpose: 'confirm-address',
  sub: '5f0c7a3e-3b5f-4d0a-9f43-0a3f4c8f2b11',
  address_id: 'b7a0b9d0-62b5-4b6e-8a51-6f9f0c1c9a77',
  jti: 'event.2',
  iat: seconds,
  exp: seconds + 60,
};

test('what is minted is verified, with the newest key and with older ones that are still in the ring', () => {
  expect(verifyLink([newer, older], mintLink([newer, older], claims), now)).toEqual(claims);
  expect(verifyLink([newer, older], mintLink([older], claims), now)).toEqual(claims);
});

test('a key that left the ring verifies nothing', () => {
  expect(verifyLink([newer], mintLink([older], claims), now)).toBeUndefined();
});

test('a link is over at its second', () => {
  const token = mintLink([newer], claims);
  expect(verifyLink([newer], token, new Date(now.getTime() + 59_000))).toBeDefined();
  expect(verifyLink([newer], token, new Date(now.getTime() + 60_000))).toBeUndefined();
});

test('a token for another purpose is no link, though the same key signed it', () => {
  const { purpose: _, ...withoutPurpose } = claims;
  for (const other of [{ ...claims, purpose: 'access' }, withoutPurpose]) {
    expect(verifyLink([newer], jsonwebtoken.sign(other, newer.secret, { keyid: newer.id }), now)).toBeUndefined();
  }
});

test('another algorithm, no signature, a changed one, another key id and plain nonsense are refused', () => {
  const token = mintLink([newer], claims);
  const [head = '', body = '', signature = ''] = token.split('.');
  const unsigned = `${Buffer.from('{"alg":"none","kid":"newer"}').toString('base64url')}.${body}.`;
  const wrong = [
    jsonwebtoken.sign(claims, newer.secret, { keyid: newer.id, algorithm: 'HS512' }),
    jsonwebtoken.sign(claims, newer.secret),
    jsonwebtoken.sign(claims, newer.secret, { keyid: older.id }),
    unsigned,
    `${head}.${body}.${signature.slice(0, -2)}`,
    `${head}.${body}`,
    '',
    'nonsense',
  ];
  for (const text of wrong) expect(verifyLink([newer, older], text, now)).toBeUndefined();
});

test('without a key nothing is signed', () => {
  expect(() => mintLink([], claims)).toThrow(NoSigningKey);
});
