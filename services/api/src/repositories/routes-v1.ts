/** A repository as docker pushes and deletes it: PUT and DELETE on /v1/repositories/{namespace}/{repo_name}/ (seed, "Repositories"). */
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';

import type { Caller } from '../access/authenticate.ts';
import { authorizePush } from '../access/authorize.ts';
import { registriesFor, tokenHeaders, wantsToken } from '../access/token-headers.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { RepositoryResource } from '../http/paths.ts';
import { readAnyJson, readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { bodyBytesMax, smallBodyBytesMax } from '../limits.ts';
import { refuseBlocked } from './blocked-images.ts';
import { run } from './command.ts';
import type { RepositoryRoutes } from './command.ts';
import type { RepositoryCommand } from './decider.ts';
import type { Executed } from './execute.ts';
import { imageList } from './image-list.ts';

/** Creates, or opens another push. */
export async function putRepository(
  using: RepositoryRoutes,
  request: ApiRequest,
  { fullName }: RepositoryResource,
): Promise<Outcome> {
  const admitted = await authorizePush(using, request, fullName, 'write');
  if (isRefusal(admitted)) return admitted;
  const { caller, found, judge } = admitted;
  if (!found.namespace) return refuse('forbidden', `there is no namespace ${fullName.namespace}`);
  const images = await readJson(request, imageList, bodyBytesMax);
  if (isRefusal(images)) return images;
  const blocked = await refuseBlocked(using.database, found, images);
  if (blocked) return blocked;
  const command = {
    type: 'OpenPush',
    namespaceId: found.namespace.id,
    name: fullName.name,
    images,
    ...(wantsToken(request) ? { endpoints: registriesFor(request, using, fullName) } : {}),
  } as const;
  const executed = await run(using, request, caller, { fullName, command, found, judge });
  return isRefusal(executed) ? executed : answer(200, '', granted(using, request, caller, fullName, executed, 'write'));
}

/** 202 with a delete token, and 200 once it is gone. A DELETE that carries the delete token is the end of it. */
export async function deleteRepository(
  using: RepositoryRoutes,
  request: ApiRequest,
  { fullName }: RepositoryResource,
): Promise<Outcome> {
  const admitted = await authorizePush(using, request, fullName, 'delete');
  if (isRefusal(admitted)) return admitted;
  const { caller, found, judge } = admitted;
  const body = await anyBody(request);
  if (body) return body;
  const command: RepositoryCommand =
    caller.by === 'token' ? { type: 'FinishDeletion', life: caller.claims.life } : { type: 'RequestDeletion' };
  const executed = await run(using, request, caller, { fullName, command, found, judge });
  if (isRefusal(executed)) return executed;
  const requested = executed.events.some(({ type }) => type === 'DeletionRequested');
  const deleting = executed.events.length === 0 && executed.state.status === 'deleting';
  return requested || deleting
    ? answer(202, '', granted(using, request, caller, fullName, executed, 'delete'))
    : answer(200, '');
}

/** Nothing is asked of it, but what is there must be JSON (seed: 400). */
async function anyBody(request: ApiRequest): Promise<Refusal | undefined> {
  const text = await request.text(smallBodyBytesMax);
  if (typeof text !== 'string') return text;
  if (text === '') return undefined;
  const json = await readAnyJson(request, smallBodyBytesMax);
  return isRefusal(json) ? json : undefined;
}

function granted(
  using: RepositoryRoutes,
  request: ApiRequest,
  caller: Caller,
  fullName: RepositoryResource['fullName'],
  { repositoryId, state }: Executed,
  access: 'write' | 'delete',
) {
  if (state.status === 'absent') return {};
  return tokenHeaders(request, using, { caller, fullName, repositoryId, life: state.life, access });
}
