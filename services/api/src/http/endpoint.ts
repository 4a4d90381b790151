/**
 * From express to a handler and back: one request object, one answer, one place for refusals and for errors that nobody expected.
 * A path that is known answers every other method with 405 and the list of those that it has.
 */
import type { Log } from '@docket/runtime/log';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Router } from 'express';

import { answer, send } from './answer.ts';
import type { Outcome } from './answer.ts';
import { internalError, refusalAnswer, refusalOfError } from './problem.ts';
import { apiRequest } from './request.ts';
import type { ApiRequest } from './request.ts';

export const methods = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'] as const;
export type Method = (typeof methods)[number];

export type Handler = (request: ApiRequest) => Promise<Outcome> | Outcome;

/** A path of express, and what each method does there. HEAD is GET without the body unless it stands in the table itself. */
export interface Route {
  readonly path: string;
  readonly handlers: Partial<Record<Method, Handler>>;
  readonly refusesHead?: true;
}

export type Protocol = 'v1' | 'v2';

export function mount(router: Router, { path, handlers, refusesHead }: Route, protocol: Protocol, log: Log): void {
  // HEAD goes with GET without being named.
  const allowed = methods.filter((method) => method !== 'HEAD' && handlers[method]);
  router.all(path, async (request, response) => {
    const parameters = Object.fromEntries(
      Object.entries(request.params).map(([name, value]) => [name, Array.isArray(value) ? value.join('/') : value]),
    );
    const api = apiRequest(request, parameters);
    response.setHeader('X-Request-Id', api.id);
    const known = methods.find((method) => method === api.method);
    const handler = known && (handlers[known] ?? (known === 'HEAD' && !refusesHead ? handlers.GET : undefined));
    const outcome = handler ? await handled(handler, api, log) : methodNotAllowed(allowed);
    if (response.destroyed) return;
    send(response, isRefusal(outcome) ? refusalAnswer(outcome, protocol) : outcome);
  });
}

async function handled(handler: Handler, request: ApiRequest, log: Log): Promise<Outcome> {
  try {
    return await handler(request);
  } catch (error) {
    const refusal = refusalOfError(error);
    if (refusal) {
      log.warn({ err: error, request_id: request.id, method: request.method, path: request.path }, refusal.message);
      return refusal;
    }
    log.error({ err: error, request_id: request.id, method: request.method, path: request.path }, 'a request failed');
    return internalError;
  }
}

function methodNotAllowed(allowed: readonly Method[]): Outcome {
  const list = allowed.join(', ');
  const { body } = refusalAnswer(refuse('method_not_allowed', `only ${list} may be used here`), 'v1');
  return answer(405, body, { Allow: list });
}
