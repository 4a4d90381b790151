/** The repositories of a namespace, page by page, and the namespaces themselves. */
import { namespaceName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUpNamespace } from '@docket/store/read/look-up';
import type { NamespaceAt } from '@docket/store/read/look-up';
import { z } from 'zod';

import { accountOf, authenticateVisitor } from '../access/authenticate.ts';
import type { Authentication, Visitor } from '../access/authenticate.ts';
import { authenticatePerson } from '../access/authorize.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { offsetOf, pageAnswer, pageQuery } from '../http/paging.ts';
import type { PageLinks } from '../http/paging.ts';
import { parseField } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { createRepository } from '../repositories/routes-v2.ts';
import type { ManagementRoutes } from '../repositories/routes-v2.ts';
import { listRepositories, namespacesOf, orderings } from './queries.ts';

export type NamespaceRoutes = ManagementRoutes & PageLinks;

export function namespaceRoutes(using: NamespaceRoutes): Route[] {
  const list: Route['handlers'] = {
    GET: (request) => repositories(using, request),
    POST: (request) => createRepository(using, request),
  };
  return [
    { path: '/v2/repositories/:namespace', handlers: list },
    { path: '/v2/namespaces/:namespace/repositories', handlers: list },
    { path: '/v2/namespaces', handlers: { GET: (request) => ownNamespaces(using, request) } },
    { path: '/v2/namespaces/:namespace', handlers: { GET: (request) => namespace(using, request) } },
  ];
}

export const listQuery = pageQuery.extend({
  ordering: z.enum(orderings, `must be one of ${orderings.join(', ')}`).default('-last_updated'),
});

interface Target {
  readonly caller: Visitor;
  readonly found: NamespaceAt;
}

async function namespaceTarget(using: Authentication, request: ApiRequest): Promise<Target | Refusal> {
  const caller = await authenticateVisitor(using, request);
  if (isRefusal(caller)) return caller;
  const named = parseField(z.object({ namespace: namespaceName }), request.parameters);
  if (isRefusal(named)) return named;
  const found = await lookUpNamespace(using.database, named.namespace, accountOf(caller)?.id);
  return found ? { caller, found } : refuse('not_found', `there is no namespace ${named.namespace}`);
}

/** All that the asker may read of it, and no trace of the rest: neither a name nor a number. */
async function repositories(using: NamespaceRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await namespaceTarget(using, request);
  if (isRefusal(target)) return target;
  const asked = parseField(listQuery, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const { count, results } = await listRepositories(using.database, accountOf(target.caller), target.found, {
    ordering: asked.ordering,
    offset: offsetOf(asked),
    limit: asked.page_size,
  });
  return pageAnswer(using, request, asked, count, results);
}

async function namespace(using: NamespaceRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await namespaceTarget(using, request);
  if (isRefusal(target)) return target;
  const { name, isOrganization } = target.found;
  return answer(200, { name, type: isOrganization ? 'organization' : 'user' });
}

/** Those in which the asker may create. */
async function ownNamespaces(using: NamespaceRoutes, request: ApiRequest): Promise<Outcome> {
  const caller = await authenticatePerson(using, request);
  if (isRefusal(caller)) return caller;
  const asked = parseField(pageQuery, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const { count, results } = await namespacesOf(using.database, caller.account.id, offsetOf(asked), asked.page_size);
  return pageAnswer(using, request, asked, count, results);
}
