/**
 * Connects express to operations: one request object, one answer, one place for refusals and for unexpected errors.
 * A path that is known answers every other method with 405 and the list of those that it has.
 */
import type { Log } from '@docket/runtime/log';
import { answerBytesMax } from '@docket/shared/limits';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { NoPrimary } from '@docket/store/breaker';
import type { Router } from 'express';

import type { AddressOf } from './address.ts';
import { answer, send } from './answer.ts';
import type { Answer, Outcome } from './answer.ts';
import type { BodyBudget } from './body-budget.ts';
import { refuseCrossSite } from './cross-site.ts';
import { methods } from './operation.ts';
import type { Operation } from './operation.ts';
import { locateV1, routeOf, v1RepositoriesRoute } from './paths.ts';
import { internalError, protocolOf, refusalAnswer, refusalOfError } from './problem.ts';
import { apiRequest } from './request.ts';
import type { ApiRequest } from './request.ts';

interface Mounting {
  readonly log: Log;
  readonly addressOf: AddressOf;
  readonly bodies: BodyBudget;
}

/** Every operation at each of its paths. Their order makes no difference: no two paths fit the same request. */
export function mount<Using>(
  router: Router,
  operations: readonly Operation<Using>[],
  using: Using,
  { log, addressOf, bodies }: Mounting,
): void {
  for (const [route, here] of byRoute(operations)) {
    router.all(route, async (request, response) => {
      const parameters = Object.fromEntries(
        Object.entries(request.params).map(([name, value]) => [name, Array.isArray(value) ? value.join('/') : value]),
      );
      const api = apiRequest(request, parameters, { address: addressOf(request), bodies });
      response.setHeader('X-Request-Id', api.id);
      const located = refuseCrossSite(api) ?? locate(route, here, api);
      const outcome = isRefusal(located) ? located : await answered(located.operations, using, located.request, log);
      if (response.destroyed) return;
      const given = isRefusal(outcome) ? refusalAnswer(outcome, protocolOf(route)) : outcome;
      const isSecret = !isRefusal(located) && located.operations.some(({ secretPath }) => secretPath);
      const isUnstored = isSecret || isPrivate(api, given);
      send(response, isUnstored ? { ...given, headers: { ...given.headers, ...unstored } } : given, () => {
        log.warn({ request_id: api.id, method: request.method, path: api.path }, answerTooLarge.message);
        return refusalAnswer(answerTooLarge, protocolOf(route));
      });
    });
  }
}

/** What was answered to somebody in particular, or to a command, or gives a token: nobody on the way may keep it. */
function isPrivate({ method, header }: ApiRequest, { headers = {} }: Answer): boolean {
  return (
    (method !== 'GET' && method !== 'HEAD') || header('authorization') !== undefined || 'X-Docker-Token' in headers
  );
}

const unstored = { 'Cache-Control': 'no-store' };

const answerTooLarge = refuse('answer_too_large', `the answer would be larger than ${answerBytesMax} bytes`);

function byRoute<Using>(operations: readonly Operation<Using>[]): ReadonlyMap<string, Operation<Using>[]> {
  const routes = new Map<string, Operation<Using>[]>();
  for (const operation of operations) {
    for (const route of new Set(operation.paths.map(routeOf))) {
      routes.set(route, [...(routes.get(route) ?? []), operation]);
    }
  }
  return routes;
}

/** The operations of the path that was asked for: those of the route, but for the one that all repositories of /v1 share. */
function locate<Using>(
  route: string,
  here: readonly Operation<Using>[],
  request: ApiRequest,
): { readonly operations: readonly Operation<Using>[]; readonly request: ApiRequest } | Refusal {
  if (route !== v1RepositoriesRoute) return { operations: here, request };
  const located = locateV1(request.path);
  if (isRefusal(located)) return located;
  return {
    operations: here.filter(({ paths }) => paths.includes(located.path)),
    request: { ...request, parameters: located.parameters },
  };
}

async function answered<Using>(
  operations: readonly Operation<Using>[],
  using: Using,
  request: ApiRequest,
  log: Log,
): Promise<Outcome> {
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const operation = operations.find((one) => one.method === method);
  if (!operation || (request.method === 'HEAD' && operation.head === 'refused')) return methodNotAllowed(operations);
  if (request.method === 'HEAD' && operation.head === 'idle') return answer(200, undefined);
  const outcome = await handled(operation, using, request, log);
  return isRefusal(outcome) ? inItsWords(operation, outcome) : outcome;
}

async function handled<Using>(
  operation: Operation<Using>,
  using: Using,
  request: ApiRequest,
  log: Log,
): Promise<Outcome> {
  try {
    return await operation.run(using, request);
  } catch (error) {
    const refusal = refusalOfError(error);
    if (refusal) {
      // That there is no primary is told once, when it is noticed, and not by each of thousands.
      const level = error instanceof NoPrimary ? 'debug' : 'warn';
      log[level]({ err: error, request_id: request.id, method: request.method, path: request.path }, refusal.message);
      return refusal;
    }
    log.error({ err: error, request_id: request.id, method: request.method, path: request.path }, 'a request failed');
    return internalError;
  }
}

/** HEAD goes with GET without being named. */
function methodNotAllowed(operations: readonly Operation<never>[]): Outcome {
  const list = methods.filter((name) => operations.some(({ method }) => method === name)).join(', ');
  const refusal = refuse('method_not_allowed', `only ${list} may be used here`);
  const [first] = operations;
  const said = first ? inItsWords(first, refusal) : refusal;
  const { status, body, headers }: Answer = isRefusal(said)
    ? refusalAnswer(said, protocolOf(first?.paths[0] ?? ''))
    : said;
  return answer(status, body, { ...headers, Allow: list });
}

function inItsWords({ refused }: Operation<never>, refusal: Refusal): Outcome {
  return refused?.(refusal) ?? refusal;
}
