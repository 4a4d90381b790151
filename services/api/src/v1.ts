/** Everything below /v1/repositories/: the path says which repository and what of it, the method says what is done with it. */
import { isRefusal } from '@docket/shared/refusal';

import { answer } from './http/answer.ts';
import type { Outcome } from './http/answer.ts';
import type { Method, Route } from './http/endpoint.ts';
import { parseRepositoryPath } from './http/paths.ts';
import type { RepositoryResource } from './http/paths.ts';
import type { ApiRequest } from './http/request.ts';
import { getImages, getLayerAccess, putImages } from './images/routes.ts';
import type { RepositoryRoutes } from './repositories/command.ts';
import { deleteRepository, putRepository } from './repositories/routes-v1.ts';
import { putAuth } from './tokens/routes.ts';

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
