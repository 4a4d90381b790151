/** Everything below /v1/repositories/: which repository and what of it is told by the path, what is done with it by the method. */
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';

import type { Executed } from '../execute.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { Caller } from '../http/authenticate.ts';
import type { Method, Route } from '../http/endpoint.ts';
import { parseRepositoryPath } from '../http/paths.ts';
import type { RepositoryResource } from '../http/paths.ts';
import { readAnyJson, readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { registriesFor, tokenHeaders, wantsToken } from '../http/v1.ts';
import { getImages, getLayerAccess, putImages } from '../images/routes.ts';
import { bodyBytesMax, smallBodyBytesMax } from '../limits.ts';
import { refuseBlocked } from '../takedowns/queries.ts';
import { putAuth } from '../tokens/routes.ts';
import { admit, imageList, run } from './command.ts';
import type { RepositoryRoutes } from './command.ts';
import type { RepositoryCommand } from './decider.ts';

type RepositoryHandler = (using: RepositoryRoutes, request: ApiRequest, target: RepositoryResource) => Promise<Outcome>;

const handlers: Record<RepositoryResource['resource'], Partial<Record<Method, RepositoryHandler>>> = {
  repository: { PUT: putRepository, DELETE: deleteRepository },
  images: { GET: getImages, PUT: putImages },
  auth: { PUT: putAuth },
  layer: { GET: getLayerAccess },
};

export function repositoryRoutes(using: RepositoryRoutes): Route[] {
  const dispatch = async (request: ApiRequest): Promise<Outcome> => {
    const target = parseRepositoryPath(request.path.slice('/v1/repositories/'.length));
    if (isRefusal(target)) return target;
    const here = handlers[target.resource];
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const handler = Object.entries(here).find(([name]) => name === method)?.[1];
    if (handler) return handler(using, request, target);
    const allowed = Object.keys(here).join(', ');
    return answer(405, { error: `only ${allowed} may be used here` }, { Allow: allowed });
  };
  const all = { GET: dispatch, PUT: dispatch, POST: dispatch, PATCH: dispatch, DELETE: dispatch };
  return [{ path: '/v1/repositories/*path', handlers: all }];
}

/** Creates, or opens another push. */
async function putRepository(
  using: RepositoryRoutes,
  request: ApiRequest,
  { fullName }: RepositoryResource,
): Promise<Outcome> {
  const admitted = await admit(using, request, fullName, 'write');
  if (isRefusal(admitted)) return admitted;
  const { caller, found, judge } = admitted;
  if (!found.namespace) return refuse('forbidden', `there is no namespace ${fullName.namespace}`);
  const images = await readJson(request, imageList, bodyBytesMax);
  if (isRefusal(images)) return images;
  const blocked = await refuseBlocked(using.store, found, images);
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
async function deleteRepository(
  using: RepositoryRoutes,
  request: ApiRequest,
  { fullName }: RepositoryResource,
): Promise<Outcome> {
  const admitted = await admit(using, request, fullName, 'delete');
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
