/** Who was let into a repository beside the owners of its namespace: asked for, given, changed and taken by those who manage it. */
import { isRefusal, refuse } from '@docket/shared/refusal';
import { grantRole } from '@docket/shared/repositories';
import { z } from 'zod';

import { accountByName, accountNames } from '../access/accounts.ts';
import { authorizeAction } from '../access/authorize.ts';
import { missing } from '../access/rights.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import { versionsWanted } from '../http/conditional.ts';
import type { Route } from '../http/endpoint.ts';
import { offsetOf, pageAnswer, pageQuery } from '../http/paging.ts';
import type { PageLinks } from '../http/paging.ts';
import { repositoryPaths } from '../http/paths.ts';
import { parseField, readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { smallBodyBytesMax } from '../limits.ts';
import { run } from '../repositories/command.ts';
import type { Commanding } from '../repositories/command.ts';

export type GrantRoutes = Commanding & PageLinks;

export function grantRoutes(using: GrantRoutes): Route[] {
  return [
    ...repositoryPaths('/collaborators').map((path): Route => ({
      path,
      handlers: { GET: (request) => listGrants(using, request) },
    })),
    ...repositoryPaths('/collaborators/:username').map((path): Route => ({
      path,
      handlers: {
        PUT: (request) => give(using, request),
        DELETE: (request) => take(using, request),
      },
    })),
  ];
}

export interface GrantDto {
  readonly user: string;
  readonly permission: 'read' | 'write' | 'admin';
}

export const grantBody = z.object({ permission: grantRole });

async function listGrants(using: GrantRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'manage');
  if (isRefusal(target)) return target;
  const { state } = target.repository;
  if (state.status !== 'active') return missing(target.fullName);
  const asked = parseField(pageQuery, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const grants = Object.entries(state.grants);
  const names = await accountNames(
    using.database,
    grants.map(([accountId]) => accountId),
  );
  const listed = grants
    // An account that was erased left its id.
    .flatMap(([accountId, permission]): GrantDto[] => {
      const user = names.get(accountId);
      return user === undefined ? [] : [{ user, permission }];
    })
    .toSorted((one, other) => (one.user < other.user ? -1 : 1));
  const offset = offsetOf(asked);
  return pageAnswer(using, request, asked, listed.length, listed.slice(offset, offset + asked.page_size));
}

async function give(using: GrantRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'manage');
  if (isRefusal(target)) return target;
  const given = await readJson(request, grantBody, smallBodyBytesMax);
  if (isRefusal(given)) return given;
  const user = request.parameters['username'] ?? '';
  const account = await accountByName(using.database, user);
  if (!account) return refuse('not_found', `there is no account ${user}`, 'username');
  const command = { type: 'Grant', accountId: account.id, role: given.permission } as const;
  const versions = versionsWanted(request);
  const executed = await run(using, request, target.caller, { ...target, command, versions });
  if (isRefusal(executed)) return executed;
  const body: GrantDto = { user: account.name, permission: given.permission };
  return answer(200, body);
}

async function take(using: GrantRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'manage');
  if (isRefusal(target)) return target;
  const user = request.parameters['username'] ?? '';
  const account = await accountByName(using.database, user);
  if (!account) return refuse('not_found', `there is no account ${user}`, 'username');
  const command = { type: 'Revoke', accountId: account.id } as const;
  const versions = versionsWanted(request);
  const executed = await run(using, request, target.caller, { ...target, command, versions });
  return isRefusal(executed) ? executed : answer(204, undefined);
}
