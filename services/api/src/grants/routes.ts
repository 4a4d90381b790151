/** Who was let into a repository beside the owners of its namespace: asked for, given, changed and taken by those who manage it. */
import { isRefusal, refuse } from '@docket/shared/refusal';
import { grantRole } from '@docket/shared/repositories';
import { z } from 'zod';

import { accountByName, accountNames } from '../access/accounts.ts';
import { allowed } from '../access/authorize.ts';
import { person } from '../access/credentials.ts';
import { missing } from '../access/rights.ts';
import { answer } from '../http/answer.ts';
import { asked, commanded, conditional, done, v2 } from '../http/common-answers.ts';
import { versionsWanted } from '../http/conditional.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { offsetOf, pageAnswer, pageOf, pageQuery } from '../http/paging.ts';
import { accountName, repositoryParameters, repositoryPaths } from '../http/paths.ts';
import { run } from '../repositories/command.ts';
import type { Commanding } from '../repositories/command.ts';

const collaborator = z
  .object({ user: z.string(), permission: z.enum(['read', 'write', 'admin']) })
  .meta({ id: 'Collaborator' });
type CollaboratorDto = z.infer<typeof collaborator>;

const collaboratorParameters = repositoryParameters.extend({ username: accountName });

export const grantOperations: readonly Operation<Commanding>[] = [
  operation({
    method: 'GET',
    path: repositoryPaths('/collaborators'),
    summary: 'Who was let into it, by name.',
    needs: 'admin',
    credentials: person,
    parameters: repositoryParameters,
    authorize: allowed('manage'),
    query: pageQuery,
    answers: {
      200: { description: 'A page of accounts.', body: pageOf('CollaboratorPage', collaborator) },
      ...asked,
    },
    handle: async (using: Commanding, { request, target, query }) => {
      const { state } = target.repository;
      if (state.status !== 'active') return missing(target.fullName);
      const grants = Object.entries(state.grants);
      const names = await accountNames(
        using.database,
        grants.map(([accountId]) => accountId),
      );
      const listed = grants
        // An account that was erased left its id.
        .flatMap(([accountId, permission]): CollaboratorDto[] => {
          const user = names.get(accountId);
          return user === undefined ? [] : [{ user, permission }];
        })
        .toSorted((one, other) => (one.user < other.user ? -1 : 1));
      const offset = offsetOf(query);
      return pageAnswer(request, query, listed.length, listed.slice(offset, offset + query.page_size));
    },
  }),
  operation({
    method: 'PUT',
    path: repositoryPaths('/collaborators/{username}'),
    summary: 'Lets an account read, write or manage it; each includes the one before.',
    needs: 'admin',
    credentials: person,
    parameters: collaboratorParameters,
    headers: conditional,
    authorize: allowed('manage'),
    body: z.object({ permission: grantRole }),
    answers: { 200: { description: 'Given.', body: collaborator }, ...commanded, 412: v2.changed },
    handle: async (using: Commanding, { request, caller, parameters: { username }, target, body: { permission } }) => {
      const account = await accountByName(using.database, username);
      if (!account) return refuse('not_found', `there is no account ${username}`, 'username');
      const command = { type: 'Grant', accountId: account.id, role: permission } as const;
      const executed = await run(using, request, caller, { ...target, command, versions: versionsWanted(request) });
      if (isRefusal(executed)) return executed;
      const given: CollaboratorDto = { user: account.name, permission };
      return answer(200, given);
    },
  }),
  operation({
    method: 'DELETE',
    path: repositoryPaths('/collaborators/{username}'),
    summary: 'Takes what an account was given.',
    needs: 'admin',
    credentials: person,
    parameters: collaboratorParameters,
    headers: conditional,
    authorize: allowed('manage'),
    answers: { 204: done, ...commanded, 412: v2.changed },
    handle: async (using: Commanding, { request, caller, parameters: { username }, target }) => {
      const account = await accountByName(using.database, username);
      if (!account) return refuse('not_found', `there is no account ${username}`, 'username');
      const command = { type: 'Revoke', accountId: account.id } as const;
      const executed = await run(using, request, caller, { ...target, command, versions: versionsWanted(request) });
      return isRefusal(executed) ? executed : answer(204, undefined);
    },
  }),
];
