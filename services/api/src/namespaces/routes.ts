/** The repositories of a namespace, page by page, and the namespaces themselves. */
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUpNamespace } from '@docket/store/read/look-up';
import type { NamespaceAt } from '@docket/store/read/look-up';
import type { z } from 'zod';

import { accountOf } from '../access/authenticate.ts';
import type { Authentication, Visitor } from '../access/authenticate.ts';
import { person, visitor } from '../access/credentials.ts';
import { answer } from '../http/answer.ts';
import { asked, askedOfAll } from '../http/common-answers.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { nameFilter, offsetOf, orderingOr, pageAnswer, pageOf, pageQuery } from '../http/paging.ts';
import { namespaceParameter, namespacePaths } from '../http/paths.ts';
import { details } from '../repositories/dto.ts';
import { namespaceAnswer, ownNamespace } from './dto.ts';
import type { NamespaceDto } from './dto.ts';
import { listRepositories, namespacesOf } from './queries.ts';

export const namespaceOperations: readonly Operation<Authentication>[] = [
  operation({
    method: 'GET',
    path: '/v2/namespaces',
    summary: "The asker's own namespace, and those of the organizations that the asker belongs to.",
    needs: 'an account',
    credentials: person,
    query: pageQuery,
    answers: {
      200: { description: 'A page of namespaces.', body: pageOf('NamespacePage', ownNamespace) },
      ...askedOfAll,
    },
    handle: async (using: Authentication, { request, caller, query }) => {
      const { count, results } = await namespacesOf(
        using.database,
        caller.account.id,
        offsetOf(query),
        query.page_size,
      );
      return pageAnswer(request, query, count, results);
    },
  }),
  operation({
    method: 'GET',
    path: '/v2/namespaces/{namespace}',
    summary: 'Whether there is such a namespace, and whose kind it is.',
    needs: 'nothing',
    credentials: visitor,
    parameters: namespaceParameter,
    authorize: namespaceTarget,
    answers: { 200: { description: 'The namespace.', body: namespaceAnswer }, ...asked },
    handle: (_using, { target: { name, isOrganization } }) => {
      const body: NamespaceDto = { name, type: isOrganization ? 'organization' : 'user' };
      return answer(200, body);
    },
  }),
  operation({
    method: 'GET',
    path: namespacePaths,
    summary: 'The repositories of a namespace that the asker may read.',
    needs: 'nothing; what the asker may read is listed',
    credentials: visitor,
    parameters: namespaceParameter,
    authorize: namespaceTarget,
    query: pageQuery.extend({ name: nameFilter, ordering: orderingOr('-last_updated') }),
    answers: { 200: { description: 'A page of repositories.', body: pageOf('RepositoryPage', details) }, ...asked },
    /** All that the asker may read of it, and no trace of the rest: neither a name nor a number. */
    handle: async (using: Authentication, { request, caller, target, query }) => {
      const { count, results } = await listRepositories(using.database, accountOf(caller), target, {
        name: query.name,
        ordering: query.ordering,
        offset: offsetOf(query),
        limit: query.page_size,
      });
      return pageAnswer(request, query, count, results);
    },
  }),
];

async function namespaceTarget(
  { database }: Authentication,
  {
    caller,
    parameters: { namespace },
  }: { readonly caller: Visitor; readonly parameters: z.output<typeof namespaceParameter> },
): Promise<NamespaceAt | Refusal> {
  const found = await lookUpNamespace(database, namespace, accountOf(caller)?.id);
  return found ?? refuse('not_found', `there is no namespace ${namespace}`);
}
