/** What clients of the second registry protocol want of an answer: the version in a header, and errors that they can show. */
import type { Refusal, RefusalCode } from '@docket/shared/refusal';

import type { Answer } from './answer.ts';
import { refusalAnswer } from './problem.ts';
import { shownOnTerminal } from './text.ts';

/** Podman and docker take a host that does not send it for no registry, and neither log in nor search there. */
export const distributionHeaders = { 'Docker-Distribution-Api-Version': 'registry/2.0' };

const codes: Partial<Record<RefusalCode, string>> = {
  unauthorized: 'UNAUTHORIZED',
  account_inactive: 'DENIED',
  forbidden: 'DENIED',
  not_found: 'UNSUPPORTED',
  invalid_field: 'PAGINATION_NUMBER_INVALID',
  method_not_allowed: 'UNSUPPORTED',
  rate_limited: 'TOOMANYREQUESTS',
  overloaded: 'TOOMANYREQUESTS',
  unavailable: 'UNAVAILABLE',
};

/** `errors` for docker and podman, which print `message` of the first; `message` for those who read the rest of /v2. */
export function distributionRefusal(refusal: Refusal): Answer {
  const { status, body, headers } = refusalAnswer(refusal, 'v2');
  const code = codes[refusal.refused] ?? 'UNKNOWN';
  const errors = [{ code, message: shownOnTerminal(refusal.message), detail: null }];
  const named = typeof body === 'object' ? body : { message: body };
  return { status, body: { ...named, errors }, headers: { ...headers, ...distributionHeaders } };
}
