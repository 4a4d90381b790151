import { refusalCodes, refuse } from '@docket/shared/refusal';
import type { RefusalCode } from '@docket/shared/refusal';
import { NoPrimary } from '@docket/store/breaker';
import { QueueFull } from '@docket/store/log/group-commit';
import pg from 'pg';
import { expect, it } from 'vitest';

import { refusalAnswer, refusalOfError } from './problem.ts';

const expected: Record<RefusalCode, { status: number; headers?: Record<string, string> }> = {
  malformed_request: { status: 400 },
  invalid_json: { status: 400 },
  invalid_field: { status: 400 },
  name_taken: { status: 400 },
  conflict: { status: 409 },
  precondition_failed: { status: 412 },
  unauthorized: { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="auth required",Token' } },
  account_inactive: { status: 403 },
  forbidden: { status: 403 },
  not_found: { status: 404 },
  misdirected: { status: 421 },
  method_not_allowed: { status: 405 },
  body_too_large: { status: 413, headers: { Connection: 'close' } },
  content_too_large: { status: 413 },
  answer_too_large: { status: 500 },
  quota_reached: { status: 409 },
  quota_used_up: { status: 429 },
  rate_limited: { status: 429 },
  command_reused: { status: 422 },
  contended: { status: 503, headers: { 'Retry-After': '1' } },
  overloaded: { status: 503, headers: { 'Retry-After': '1' } },
  unavailable: { status: 503, headers: { 'Retry-After': '1' } },
  search_unavailable: { status: 500, headers: { 'Retry-After': '1' } },
  internal: { status: 500 },
};
const fixed: Partial<Record<RefusalCode, string>> = {
  name_taken: 'Username or email already exists',
  account_inactive: 'Account is not Active',
};

it.each(refusalCodes)('%s has a status, its headers and a body of JSON', (code) => {
  const { status, headers = {} } = expected[code];
  expect(refusalAnswer(refuse(code, 'a sentence'), 'v1')).toEqual({
    status,
    headers,
    body: fixed[code] ?? { error: 'a sentence' },
  });
});

it('names the field in the form of either protocol', () => {
  const refusal = refuse('invalid_field', 'email: must be an e-mail address', 'email');
  expect(refusalAnswer(refusal, 'v1').body).toEqual({ error: 'email: must be an e-mail address', field: 'email' });
  expect(refusalAnswer(refusal, 'v2').body).toEqual({
    message: 'email: must be an e-mail address',
    fields: { email: ['email: must be an e-mail address'] },
  });
});

it('tells the limit that was met, and when there is room again', () => {
  const refusal = {
    ...refuse('rate_limited', 'a sentence'),
    rate: { limit: 10, resetAt: 1_700_000_900 },
    afterSeconds: 900,
  };
  const headers = {
    'Retry-After': '900',
    'X-RateLimit-Limit': '10',
    'X-RateLimit-Remaining': '0',
    'X-RateLimit-Reset': '1700000900',
  };
  expect(refusalAnswer(refusal, 'v1')).toEqual({ status: 429, headers, body: { error: 'a sentence' } });
  expect(refusalAnswer(refusal, 'v2')).toEqual({ status: 429, headers, body: { message: 'a sentence' } });
});

it('tells what a quota allows, what is left of it, and when it begins again', () => {
  const refusal = {
    ...refuse('quota_used_up', 'a sentence'),
    quota: { limit: 10, left: 1 },
    afterSeconds: 3_600,
  };
  const headers = { 'Retry-After': '3600' };
  expect(refusalAnswer(refusal, 'v1')).toEqual({
    status: 429,
    headers,
    body: { error: 'a sentence', limit: 10, left: 1 },
  });
  expect(refusalAnswer(refusal, 'v2')).toEqual({
    status: 429,
    headers,
    body: { message: 'a sentence', limit: 10, left: 1 },
  });
});

it('challenges in the words of either protocol', () => {
  expect(refusalAnswer(refuse('unauthorized', 'a sentence'), 'v2')).toEqual({
    status: 401,
    headers: { 'WWW-Authenticate': 'Basic realm="docket"' },
    body: { message: 'a sentence' },
  });
});

it('shows the sentence where the body is not one that clients compare', () => {
  expect(refusalAnswer(refuse('account_inactive', 'follow the link'), 'v2').body).toEqual({
    message: 'follow the link',
  });
});

const databaseError = (code: string) =>
  Object.assign(new pg.DatabaseError('as Postgres says it', 1, 'error'), { code });
const systemError = (code: string) => Object.assign(new Error('as the system says it'), { code });

it.each<[string, unknown, RefusalCode | undefined]>([
  ['a full queue of commands', new QueueFull('full'), 'overloaded'],
  ['a server that is not there', systemError('ECONNREFUSED'), 'unavailable'],
  ['a connection that broke', systemError('ECONNRESET'), 'unavailable'],
  ['a connection that ended', new Error('Connection terminated unexpectedly'), 'unavailable'],
  ['a server that stops', databaseError('57P01'), 'unavailable'],
  ['a server that crashed', databaseError('57P02'), 'unavailable'],
  ['a standby', databaseError('25006'), 'unavailable'],
  ['no primary', new NoPrimary('the server is read-only'), 'unavailable'],
  ['a server that starts', databaseError('57P03'), 'unavailable'],
  ['a deadlock', databaseError('40P01'), 'unavailable'],
  ['a statement that took too long', databaseError('57014'), 'unavailable'],
  ['a mistake in SQL', databaseError('42601'), undefined],
  ['a right that is missing', databaseError('42501'), undefined],
  ['a mistake of ours', new TypeError('x is not a function'), undefined],
  ['anything else', 'a text', undefined],
])('%s', (_what, error, code) => {
  expect(refusalOfError(error)?.refused).toBe(code);
});
