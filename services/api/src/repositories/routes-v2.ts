/** One repository as people describe and manage it: get, create, change, delete, and have it back. */
import type { Environment } from '@docket/runtime/environment';
import {
  descriptionBytesMax,
  descriptionCharactersMax,
  fullDescriptionCharactersMax,
  importedTextCharactersMax,
} from '@docket/shared/limits';
import { repositoryName, typedName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Repository } from '@docket/shared/repositories';
import type { RepositoryAt } from '@docket/store/read/look-up';
import { registeredAt, wasDeletedWithinDays } from '@docket/store/log/repositories';
import { lookUp } from '@docket/store/read/look-up';
import { z } from 'zod';

import { accountOf } from '../access/authenticate.ts';
import { allowed, authorizeAction, judgement } from '../access/authorize.ts';
import type { AuthorizedAction } from '../access/authorize.ts';
import { person, visitor } from '../access/credentials.ts';
import { may, missing } from '../access/rights.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import { asked, commanded, commandedOfAll, conditional, idempotency, v2 } from '../http/common-answers.ts';
import { etagOf, versionsWanted } from '../http/conditional.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { namespaceParameter, namespacePaths, repositoryParameters, repositoryPaths } from '../http/paths.ts';
import { parseField } from '../http/request.ts';
import { lines, markdown, text } from '../http/text.ts';
import { run } from './command.ts';
import type { Commanding } from './command.ts';
import type { Executed } from './decide-in-turn.ts';
import { detailsDto, repositoryAnswer } from './dto.ts';
import type { RepositoryDto } from './dto.ts';

export type ManagementRoutes = Commanding & Pick<Environment, 'undeleteDays'>;

const newTexts = z.object({
  description: lines(descriptionCharactersMax).optional(),
  full_description: markdown(fullDescriptionCharactersMax).optional(),
});

/** What is there may always be sent back, also where an import brought more than people may write: see `refuseTexts`. */
const detailsChange = z.object({
  description: text(importedTextCharactersMax)
    .optional()
    .meta({ description: `Up to ${descriptionCharactersMax} characters, unless it is the one that is there.` }),
  full_description: text(importedTextCharactersMax).optional(),
  is_private: z.boolean().optional(),
});

const newRepository = newTexts.extend({
  is_private: z.boolean().optional(),
  name: repositoryName,
  /** The Hub takes it beside the one in the path. */
  namespace: typedName.optional(),
});

const described = { body: repositoryAnswer, headers: ['ETag'] } as const;

export const repositoryOperationsV2: readonly Operation<ManagementRoutes>[] = [
  operation({
    method: 'POST',
    path: namespacePaths,
    summary: 'Creates a repository.',
    needs: 'owner',
    credentials: person,
    parameters: namespaceParameter,
    headers: idempotency,
    body: newRepository,
    bodyBytesMax: descriptionBytesMax,
    answers: { 201: { description: 'Created.', ...described }, ...commandedOfAll, 409: v2.conflict },
    handle: async (using: ManagementRoutes, { request, caller, parameters, body }) => {
      if (body.namespace !== undefined && body.namespace !== parameters.namespace) {
        return refuse('invalid_field', 'namespace: must be the one of the path', 'namespace');
      }
      const fullName = { namespace: parameters.namespace, name: body.name };
      const { account } = caller;
      const judge = judgement(caller, (present, { namespace, repository }) =>
        may('create', accountOf(present), namespace, repository?.state)
          ? undefined
          : refuse('forbidden', `${account.name} may not create repositories in ${fullName.namespace}`),
      );
      const found = await lookUp(using.database, fullName, account.id);
      const refusal = judge(found);
      if (refusal) return refusal;
      if (!found.namespace) return refuse('forbidden', `there is no namespace ${fullName.namespace}`);
      const command = {
        type: 'Create',
        namespaceId: found.namespace.id,
        name: body.name,
        description: body.description ?? '',
        fullDescription: body.full_description ?? '',
        isPrivate: body.is_private ?? false,
      } as const;
      const executed = await run(using, request, caller, { fullName, command, found, judge });
      if (isRefusal(executed)) return executed;
      return details(using, { account, fullName, namespace: found.namespace }, repositoryAfter(executed), 201);
    },
  }),
  operation({
    method: 'GET',
    path: repositoryPaths(),
    summary: 'The repository as it is described.',
    needs: 'read',
    credentials: visitor,
    parameters: repositoryParameters,
    authorize: async (using: ManagementRoutes, at) => {
      const target = await authorizeAction(using, at, 'read');
      if (!isRefusal(target) || target.refused !== 'not_found') return target;
      // What was taken down is told to those who manage it: they must know why it is gone.
      const managed = await authorizeAction(using, at, 'manage');
      return isRefusal(managed) ? target : managed;
    },
    answers: { 200: { description: 'The repository.', ...described }, ...asked },
    handle: (using, { target }) => details(using, target, target.repository, 200),
  }),
  operation({
    method: 'PATCH',
    path: repositoryPaths(),
    summary: 'Changes what is given of it, and nothing else; texts come back byte for byte.',
    needs: 'admin',
    credentials: person,
    parameters: repositoryParameters,
    headers: conditional,
    authorize: allowed('manage'),
    body: detailsChange,
    bodyBytesMax: descriptionBytesMax,
    answers: { 200: { description: 'As it is now.', ...described }, ...commanded, 412: v2.changed },
    handle: async (using: ManagementRoutes, { request, caller, target, body }) => {
      const refusal = refuseTexts(target.repository.state, body);
      if (refusal) return refusal;
      const command = {
        type: 'Describe',
        description: body.description,
        fullDescription: body.full_description,
        isPrivate: body.is_private,
      } as const;
      const executed = await run(using, request, caller, { ...target, command, versions: versionsWanted(request) });
      return isRefusal(executed) ? executed : details(using, target, repositoryAfter(executed), 200);
    },
  }),
  operation({
    method: 'DELETE',
    path: repositoryPaths(),
    // What a v1 registry keeps of it is the registry's to clear.
    summary: 'Deletes it at once. Its owner may have it back for a while.',
    needs: 'admin',
    credentials: person,
    parameters: repositoryParameters,
    headers: conditional,
    authorize: allowed('delete'),
    answers: { 202: { description: 'It is gone.', body: z.object({}) }, ...commanded, 412: v2.changed },
    handle: async (using: ManagementRoutes, { request, caller, target }) => {
      const command = { type: 'Delete' } as const;
      const executed = await run(using, request, caller, { ...target, command, versions: versionsWanted(request) });
      return isRefusal(executed) ? executed : answer(202, {});
    },
  }),
  operation({
    method: 'POST',
    path: repositoryPaths('/restore'),
    summary: 'Has a deleted one back, with everything that it had.',
    needs: 'owner',
    credentials: person,
    parameters: repositoryParameters,
    headers: idempotency,
    authorize: allowed('restore'),
    answers: { 200: { description: 'It is there again.', ...described }, ...commanded, 409: v2.conflict },
    handle: async (using: ManagementRoutes, { request, caller, target }) => {
      const inTime = await wasDeletedWithinDays(using.database, target.repository.id, using.undeleteDays);
      const executed = await run(using, request, caller, { ...target, command: { type: 'Restore', inTime } });
      return isRefusal(executed) ? executed : details(using, target, repositoryAfter(executed), 200);
    },
  }),
];

function refuseTexts(state: Repository, { description, full_description }: z.output<typeof detailsChange>) {
  const texts = {
    ...(state.status === 'active' && description === state.description ? {} : { description }),
    ...(state.status === 'active' && full_description === state.full_description ? {} : { full_description }),
  };
  const parsed = parseField(newTexts, texts);
  return isRefusal(parsed) ? parsed : undefined;
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
  const body: RepositoryDto = { ...detailsDto(account, fullName, namespace, state, dates), full_description };
  return answer(status, body, { ETag: etagOf(version) });
}
