/** A repository as docker pushes and deletes it: PUT and DELETE on /v1/repositories/{namespace}/{repo_name}/ (seed, "Repositories"). */
import { bodyBytesMax, smallBodyBytesMax } from '@docket/shared/limits';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';

import { authorizePush } from '../access/authorize.ts';
import type { AuthorizedPush } from '../access/authorize.ts';
import { tokenHeaders, tokenWish, withRegistries } from '../access/token-headers.ts';
import type { TokenGrant } from '../access/token-headers.ts';
import { answer } from '../http/answer.ts';
import { empty, idempotency, v1 } from '../http/common-answers.ts';
import { operation, ownCredentials } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { repositoryParameters, v1RepositoryPaths } from '../http/paths.ts';
import { readAnyJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { refuseBlocked } from './blocked-images.ts';
import { run } from './command.ts';
import type { RepositoryRoutes } from './command.ts';
import type { RepositoryCommand } from './decider.ts';
import type { Executed } from './decide-in-turn.ts';
import { imageList } from './image-list.ts';

const pushHeaders = tokenWish.extend(idempotency.shape);
const tokenAnswer = { body: empty, headers: ['X-Docker-Token', 'X-Docker-Endpoints', 'WWW-Authenticate'] } as const;

export const repositoryOperationsV1: readonly Operation<RepositoryRoutes>[] = [
  operation({
    method: 'PUT',
    path: v1RepositoryPaths('repository'),
    summary: 'Creates the repository, or opens another push to it; the images that are named are listed at once.',
    needs: 'write; owner where there is none',
    credentials: ownCredentials('needed'),
    parameters: repositoryParameters,
    headers: pushHeaders,
    authorize: async (using: RepositoryRoutes, asked) => {
      const push = await authorizePush(using, asked, 'write');
      if (isRefusal(push)) return push;
      const { namespace } = push.found;
      return namespace
        ? withRegistries(asked.request, using, { ...push, namespace })
        : refuse('forbidden', `there is no namespace ${push.fullName.namespace}`);
    },
    body: imageList,
    bodyBytesMax,
    entriesMax: ({ repositoryImagesMax }: RepositoryRoutes) => repositoryImagesMax,
    answers: {
      200: { description: 'The push is open.', ...tokenAnswer },
      400: v1.badRequest,
      401: v1.unauthorized,
      403: v1.forbidden,
      409: v1.noRoom,
      413: v1.tooLarge,
      421: v1.misdirected,
      422: v1.reused,
      ...v1.always,
    },
    handle: async (using, { request, target: { namespace, ...push }, body: images }) => {
      const blocked = await refuseBlocked(using.database, push.found, images);
      if (blocked) return blocked;
      const { fullName, registries } = push;
      const command = {
        type: 'OpenPush',
        namespaceId: namespace.id,
        name: fullName.name,
        images,
        ...(registries ? { endpoints: registries } : {}),
      } as const;
      const executed = await run(using, request, push.caller, { ...push, command });
      return isRefusal(executed) ? executed : answer(200, '', granted(using, push, executed, 'write'));
    },
  }),
  operation({
    method: 'DELETE',
    path: v1RepositoryPaths('repository'),
    summary: 'Deletes it, in two steps: the first hides it and gives a delete token, which the registry spends.',
    needs: 'admin, or its delete token',
    credentials: ownCredentials('needed'),
    parameters: repositoryParameters,
    headers: pushHeaders,
    authorize: async (using: RepositoryRoutes, asked) => {
      const push = await authorizePush(using, asked, 'delete');
      return isRefusal(push) ? push : withRegistries(asked.request, using, push);
    },
    answers: {
      200: { description: 'It is deleted.', body: empty },
      202: { description: 'It is hidden, and is deleted when its delete token has been spent.', ...tokenAnswer },
      400: v1.badRequest,
      401: v1.unauthorized,
      403: v1.forbidden,
      404: v1.missing,
      413: v1.tooLarge,
      421: v1.misdirected,
      422: v1.reused,
      ...v1.always,
    },
    handle: async (using, { request, target: push }) => {
      const refusal = await refuseOddBody(request);
      if (refusal) return refusal;
      const { caller } = push;
      // A DELETE that carries the delete token is the end of it.
      const command: RepositoryCommand =
        caller.by === 'token' ? { type: 'FinishDeletion', life: caller.claims.life } : { type: 'RequestDeletion' };
      const executed = await run(using, request, caller, { ...push, command });
      if (isRefusal(executed)) return executed;
      const isRequested = executed.events.some(({ type }) => type === 'DeletionRequested');
      const isDeleting = executed.events.length === 0 && executed.state.status === 'deleting';
      return isRequested || isDeleting ? answer(202, '', granted(using, push, executed, 'delete')) : answer(200, '');
    },
  }),
];

/** No body is asked for, but one that is there must be JSON (seed: 400). */
async function refuseOddBody(request: ApiRequest): Promise<Refusal | undefined> {
  const text = await request.text(smallBodyBytesMax);
  if (typeof text !== 'string') return text;
  if (text === '') return undefined;
  const json = await readAnyJson(request, smallBodyBytesMax);
  return isRefusal(json) ? json : undefined;
}

function granted(
  using: RepositoryRoutes,
  { caller, fullName, registries }: AuthorizedPush & Pick<TokenGrant, 'registries'>,
  { repositoryId, state }: Executed,
  access: 'write' | 'delete',
) {
  if (state.status === 'absent') return {};
  return tokenHeaders(using, { caller, fullName, repositoryId, life: state.life, access, registries });
}
