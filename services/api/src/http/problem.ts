/** Refusals and errors as answers: one table from code to status, one place where the unexpected is logged. */
import { isConnectionLoss, isPassing } from '@docket/store/connect';
import { EventTooLarge } from '@docket/store/log/append';
import { QueueFull } from '@docket/store/log/group-commit';
import { refuse } from '@docket/shared/refusal';
import type { Refusal, RefusalCode } from '@docket/shared/refusal';
import { NewerEvent } from '@docket/shared/stored-event';

import type { Answer } from './answer.ts';
import { shownOnTerminal } from './text.ts';

const statuses = {
  malformed_request: 400,
  invalid_json: 400,
  invalid_field: 400,
  name_taken: 400,
  conflict: 409,
  precondition_failed: 412,
  unauthorized: 401,
  account_inactive: 403,
  forbidden: 403,
  not_found: 404,
  misdirected: 421,
  method_not_allowed: 405,
  body_too_large: 413,
  content_too_large: 413,
  answer_too_large: 500,
  quota_reached: 409,
  quota_used_up: 429,
  rate_limited: 429,
  command_reused: 422,
  contended: 503,
  overloaded: 503,
  unavailable: 503,
  search_unavailable: 500,
  internal: 500,
} as const satisfies Record<RefusalCode, number>;

/** docker compares these bodies or shows them bare, so they are the JSON string itself (docker 0.3 to 1.10, login). */
const fixedSentences: Partial<Record<RefusalCode, string>> = {
  name_taken: 'Username or email already exists',
  account_inactive: 'Account is not Active',
};

const retryAfterSeconds = '1';

export type Protocol = 'v1' | 'v2';

/** The protocol of a path decides which form its errors have. */
export function protocolOf(path: string): Protocol {
  return path === '/v2' || path.startsWith('/v2/') ? 'v2' : 'v1';
}

/** docker prints the sentence as it comes, and it may quote what somebody wrote. */
export function refusalAnswer({ message, ...why }: Refusal, protocol: Protocol): Answer {
  const refusal = { ...why, message: shownOnTerminal(message) };
  const status = statuses[refusal.refused];
  return {
    status,
    body: protocol === 'v1' ? v1Body(refusal) : v2Body(refusal),
    headers: {
      ...(status === 401 ? { 'WWW-Authenticate': challenges[protocol] } : {}),
      ...(status === 503 || refusal.refused === 'search_unavailable' ? { 'Retry-After': retryAfterSeconds } : {}),
      ...rateHeaders(refusal),
      ...(refusal.afterSeconds === undefined ? {} : { 'Retry-After': `${refusal.afterSeconds}` }),
      // The rest of the body was not read.
      ...(refusal.refused === 'body_too_large' ? { Connection: 'close' } : {}),
    },
  };
}

function rateHeaders({ rate }: Refusal): Record<string, string> {
  if (rate === undefined) return {};
  return {
    'X-RateLimit-Limit': `${rate.limit}`,
    'X-RateLimit-Remaining': '0',
    'X-RateLimit-Reset': `${rate.resetAt}`,
  };
}

const challenges = { v1: 'Basic realm="auth required",Token', v2: 'Basic realm="docket"' };

function v1Body({ refused, message, field, quota }: Refusal): unknown {
  return fixedSentences[refused] ?? { error: message, ...(field === undefined ? {} : { field }), ...quota };
}

function v2Body({ message, field, quota }: Refusal): unknown {
  return { message, ...(field === undefined ? {} : { fields: { [field]: [message] } }), ...quota };
}

/** More waits for a bounded resource of this process than may wait. */
export const overloaded = refuse('overloaded', 'Docket has more to do than it can; try again in a moment');

/** Undefined: nobody expected this one, and it is to be logged. */
export function refusalOfError(error: unknown): Refusal | undefined {
  if (error instanceof QueueFull) return overloaded;
  if (isConnectionLoss(error) || isPassing(error)) {
    return refuse('unavailable', 'the database is not available; try again in a moment');
  }
  if (error instanceof EventTooLarge) return refuse('content_too_large', error.message);
  if (error instanceof NewerEvent) {
    return refuse('unavailable', 'a newer version of Docket has written here; this process is about to be replaced');
  }
  return undefined;
}

export const internalError = refuse('internal', 'something went wrong on our side; it is in the log of the server');
