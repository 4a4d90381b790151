import { namespaceName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import { expect, it } from 'vitest';

import type { AccountRow } from '../access/accounts.ts';
import type { Caller } from '../access/authenticate.ts';
import { requestOf } from '../http/request.testing.ts';
import { commandEnvelope } from './envelope.ts';
import type { CommandEnvelope } from './envelope.ts';

const keys = [{ id: 'new', secret: 'n'.repeat(32) }];
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const account = (id: string): AccountRow => ({
  id,
  namespaceId: id,
  name: namespaceName.parse('somebody'),
  isAdmin: false,
  status: 'active',
  passwordHash: '',
  credentialVersion: 1,
});
const one: Caller = { by: 'password', account: account('0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11') };
const other: Caller = { by: 'password', account: account('0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e12') };
const nobody: Caller = { by: 'nothing' };

function envelope(
  key: string | undefined,
  { caller = one, method = 'PUT', path = '/v1/users/sam/', body = '{}', ring = keys } = {},
): CommandEnvelope {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  const made = commandEnvelope(requestOf({ method, path, headers }), caller, body, ring);
  if (isRefusal(made)) throw new Error(made.message);
  return made;
}

it('a command that the client does not name gets an id of its own each time, and no fingerprint', () => {
  const [first, second] = [envelope(undefined), envelope(undefined)];
  expect(first.commandId).toMatch(uuid);
  expect(second.commandId).not.toBe(first.commandId);
  expect(first.context).toEqual({ ip: '192.0.2.1', userAgent: 'a test', fingerprint: null });
});

it('a command that the client names is the same whenever it comes again', () => {
  expect(envelope('a key')).toEqual(envelope('a key'));
  expect(envelope('a key').commandId).toMatch(uuid);
});

it('the same key is another command with another account, and with nobody', () => {
  const ids = [one, other, nobody].map((caller) => envelope('a key', { caller }).commandId);
  expect(new Set(ids).size).toBe(3);
});

it.each([
  ['the method', { method: 'DELETE' }],
  ['the path', { path: '/v1/users/kim/' }],
  ['the body', { body: '{ }' }],
])('another request under the same key is told by %s', (_what, request) => {
  const [first, second] = [envelope('a key'), envelope('a key', request)];
  expect(second.commandId).toBe(first.commandId);
  expect(second.context.fingerprint).not.toBe(first.context.fingerprint);
});

it('the fingerprint says with which key it was made, and nothing of the request', () => {
  const { fingerprint } = envelope('a key', { body: '{"password": "open sesame"}' }).context;
  expect(fingerprint).toMatch(/^new:[\w-]{43}$/);
  expect(envelope('a key', { ring: [{ id: 'new', secret: 'x'.repeat(32) }] }).context.fingerprint).not.toBe(
    envelope('a key').context.fingerprint,
  );
});

it('a request that was sent before the newest key is told from others as long as its key is in the ring', () => {
  const newer = { id: 'newer', secret: 'm'.repeat(32) };
  const before = envelope('a key').context.fingerprint;
  const after = envelope('a key', { ring: [newer, ...keys] });
  expect(after.context.fingerprint).toMatch(/^newer:/);
  expect(after.fingerprints).toContain(before);
  expect(envelope('a key', { body: '{ }', ring: [newer, ...keys] }).fingerprints).not.toContain(before);
  expect(envelope('a key', { ring: [newer] }).fingerprints).not.toContain(before);
  expect(envelope(undefined).fingerprints).toEqual([]);
});

it.each(['', 'k'.repeat(256)])('a key of a length that is not allowed is refused', (key) => {
  const request = requestOf({ headers: { 'idempotency-key': key } });
  expect(commandEnvelope(request, one, '', keys)).toEqual(
    refuse('invalid_field', 'Idempotency-Key must have 1 to 255 characters', 'Idempotency-Key'),
  );
});

it('the actor is who asked and how that is known; nobody is nobody', () => {
  const token: Caller = {
    by: 'token',
    account: one.account,
    claims: {
      jti: 'of the token',
      sub: one.account.id,
      exp: 0,
      repository: 'acme/app',
      repository_id: 'repository',
      life: 1,
      access: 'write',
      credential_version: 1,
    },
  };
  expect(envelope(undefined).metadata.actor).toEqual({ id: one.account.id, via: 'basic' });
  expect(envelope(undefined, { caller: token }).metadata.actor).toEqual({
    id: one.account.id,
    via: 'token',
    token_id: 'of the token',
  });
  expect(envelope(undefined, { caller: nobody }).metadata).toEqual({
    actor: null,
    request_id: 'a-request',
    correlation_id: 'a-request',
    causation_id: 'a-request',
  });
});
