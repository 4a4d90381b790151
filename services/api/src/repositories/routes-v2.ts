/** One repository as people describe and manage it: get, create, change, delete, and have it back. */
import type { Environment } from '@docket/runtime/environment';
import { namespaceName, repositoryName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { RepositoryAt } from '@docket/store/read/look-up';
import { lookUp } from '@docket/store/read/look-up';
import type { Lookup } from '@docket/store/read/look-up';
import { z } from 'zod';

import { authenticatePerson, authorizeAction } from '../access/authorize.ts';
import type { AuthorizedAction } from '../access/authorize.ts';
import { may, missing } from '../access/rights.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import { etagOf, versionsWanted } from '../http/conditional.ts';
import type { Route } from '../http/endpoint.ts';
import { repositoryPaths } from '../http/paths.ts';
import { parseField, readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { descriptionBytesMax } from '../limits.ts';
import { run } from './command.ts';
import type { Commanding } from './command.ts';
import { detailsDto } from './dto.ts';
import type { Executed } from './execute.ts';
import { deletedWithinDays, registeredAt } from './queries.ts';

export type ManagementRoutes = Commanding & Pick<Environment, 'undeleteDays'>;

export function managementRoutes(using: ManagementRoutes): Route[] {
  return [
    ...repositoryPaths().map((path): Route => ({
      path,
      handlers: {
        GET: (request) => getDetails(using, request),
        PATCH: (request) => changeDetails(using, request),
        DELETE: (request) => deleteRepository(using, request),
      },
    })),
    ...repositoryPaths('/restore').map((path): Route => ({
      path,
      handlers: { POST: (request) => restore(using, request) },
    })),
  ];
}

const descriptionCharactersMax = 100;
const fullDescriptionCharactersMax = 25_000;

/** Kept and given back as they came, to the last blank; Postgres has no place for a zero character. */
const text = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax, `must have at most ${charactersMax} characters`)
    .refine((value) => !value.includes('\0'), 'must not contain a zero character')
    .refine((value) => !/\p{Surrogate}/u.test(value), 'must not contain a half of a character');

export const detailsChange = z.object({
  description: text(descriptionCharactersMax).optional(),
  full_description: text(fullDescriptionCharactersMax).optional(),
  is_private: z.boolean().optional(),
});

export const newRepository = detailsChange.extend({
  name: repositoryName,
  /** The Hub takes it beside the one in the path. */
  namespace: namespaceName.optional(),
});

export async function createRepository(using: ManagementRoutes, request: ApiRequest): Promise<Outcome> {
  const caller = await authenticatePerson(using, request);
  if (isRefusal(caller)) return caller;
  const target = parseField(z.object({ namespace: namespaceName }), request.parameters);
  if (isRefusal(target)) return target;
  const given = await readJson(request, newRepository, descriptionBytesMax);
  if (isRefusal(given)) return given;
  if (given.namespace !== undefined && given.namespace !== target.namespace) {
    return refuse('invalid_field', 'namespace: must be the one of the path', 'namespace');
  }
  const fullName = { namespace: target.namespace, name: given.name };
  const { account } = caller;
  const judge = ({ namespace, repository }: Lookup): Refusal | undefined =>
    may('create', account, namespace, repository?.state)
      ? undefined
      : refuse('forbidden', `${account.name} may not create repositories in ${target.namespace}`);
  const found = await lookUp(using.database, fullName, account.id);
  const refusal = judge(found);
  if (refusal) return refusal;
  if (!found.namespace) return refuse('forbidden', `there is no namespace ${target.namespace}`);
  const command = {
    type: 'Create',
    namespaceId: found.namespace.id,
    name: given.name,
    description: given.description ?? '',
    fullDescription: given.full_description ?? '',
    isPrivate: given.is_private ?? false,
  } as const;
  const executed = await run(using, request, caller, { fullName, command, found, judge });
  if (isRefusal(executed)) return executed;
  return details(using, { account, fullName, namespace: found.namespace }, repositoryAfter(executed), 201);
}

async function getDetails(using: ManagementRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'read');
  // What was taken down is told to those who manage it: they must know why it is gone.
  const told =
    isRefusal(target) && target.refused === 'not_found' ? await authorizeAction(using, request, 'manage') : target;
  if (isRefusal(told)) return isRefusal(target) ? target : told;
  return details(using, told, told.repository, 200);
}

async function changeDetails(using: ManagementRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'manage');
  if (isRefusal(target)) return target;
  const given = await readJson(request, detailsChange, descriptionBytesMax);
  if (isRefusal(given)) return given;
  const command = {
    type: 'Describe',
    description: given.description,
    fullDescription: given.full_description,
    isPrivate: given.is_private,
  } as const;
  const versions = versionsWanted(request);
  const executed = await run(using, request, target.caller, { ...target, command, versions });
  return isRefusal(executed) ? executed : details(using, target, repositoryAfter(executed), 200);
}

/** Gone from the acknowledgement on; what a v1 registry keeps of it is the registry's to clear. */
async function deleteRepository(using: ManagementRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'delete');
  if (isRefusal(target)) return target;
  const versions = versionsWanted(request);
  const executed = await run(using, request, target.caller, { ...target, command: { type: 'Delete' }, versions });
  return isRefusal(executed) ? executed : answer(202, {});
}

async function restore(using: ManagementRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'restore');
  if (isRefusal(target)) return target;
  const inTime = await deletedWithinDays(using.database, target.repository.id, using.undeleteDays);
  const executed = await run(using, request, target.caller, { ...target, command: { type: 'Restore', inTime } });
  return isRefusal(executed) ? executed : details(using, target, repositoryAfter(executed), 200);
}

type Told = Pick<AuthorizedAction, 'account' | 'fullName' | 'namespace'>;
type Shown = Pick<RepositoryAt, 'id' | 'state' | 'version'> & { readonly lastUpdated: Date | undefined };

/** What changed a moment ago was updated a moment ago. */
function repositoryAfter({ repositoryId, state, version }: Executed): Shown {
  return { id: repositoryId, state, version, lastUpdated: undefined };
}

async function details(
  using: ManagementRoutes,
  { account, fullName, namespace }: Told,
  { id, state, version, lastUpdated }: Shown,
  status: 200 | 201,
): Promise<Outcome> {
  if (state.status !== 'active') return missing(fullName);
  const latest = lastUpdated ?? (await lookUp(using.database, fullName)).repository?.lastUpdated;
  const dates = { registered: await registeredAt(using.database, id), updated: latest ?? new Date(0) };
  const { full_description } = state;
  const body = { ...detailsDto(account, fullName, namespace, state, dates), full_description };
  return answer(status, body, { ETag: etagOf(version) });
}
