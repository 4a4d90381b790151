/** The table of contents: what stands at which path, and what is done to every request on the way there. */
import type { Environment } from '@docket/runtime/environment';
import type { Log } from '@docket/runtime/log';
import { refuse } from '@docket/shared/refusal';
import express from 'express';
import type { ErrorRequestHandler, Express } from 'express';

import { accountRoutes } from './accounts/routes.ts';
import type { AccountRoutes } from './accounts/routes.ts';
import { catalogRoutes } from './catalog/routes.ts';
import type { CatalogRoutes } from './catalog/routes.ts';
import { grantRoutes } from './grants/routes.ts';
import { historyRoutes } from './history/routes.ts';
import type { HistoryRoutes } from './history/routes.ts';
import { send } from './http/answer.ts';
import type { Answer } from './http/answer.ts';
import { distributionRefusal } from './http/distribution.ts';
import { mount } from './http/endpoint.ts';
import type { Protocol, Route } from './http/endpoint.ts';
import type { PageLinks } from './http/paging.ts';
import { internalError, refusalAnswer } from './http/problem.ts';
import { namespaceRoutes } from './namespaces/routes.ts';
import { managementRoutes } from './repositories/routes-v2.ts';
import type { ManagementRoutes } from './repositories/routes-v2.ts';
import { isRegistryPath } from '@docket/shared/v2-prefixes';
import { openapiRoutes } from './openapi/routes.ts';
import { organizationRoutes } from './organizations/routes.ts';
import { pingRoutesV1, pingRoutesV2 } from './ping/routes.ts';
import type { PingRoutes } from './ping/routes.ts';
import type { RepositoryRoutes } from './repositories/command.ts';
import { repositoryRoutes } from './v1.ts';
import { searchRoutes } from './search/routes.ts';
import type { SearchRoutes } from './search/routes.ts';
import { sessionRoutes } from './sessions/routes.ts';
import { starRoutes } from './stars/routes.ts';
import { tagRoutes } from './tags/routes.ts';
import { takedownRoutes } from './takedowns/routes.ts';

export type AppOptions = AccountRoutes &
  CatalogRoutes &
  ManagementRoutes &
  HistoryRoutes &
  PageLinks &
  PingRoutes &
  RepositoryRoutes &
  SearchRoutes &
  Pick<Environment, 'trustedProxies'> & { readonly log: Log };

export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('trust proxy', [...options.trustedProxies]);
  app.set('query parser', false);
  app.use(absoluteFormTargets);
  for (const [protocol, list] of routeTable(options)) {
    for (const route of list) mount(app, route, protocol, options.log);
  }
  app.use((request, response) => {
    send(response, nothingAt(request.path));
  });
  app.use(failed(options.log));
  return app;
}

/** Which errors a path answers with is told by the protocol that it belongs to. */
export function routeTable(options: AppOptions): readonly (readonly [Protocol, readonly Route[]])[] {
  return [
    [
      'v1',
      [
        ...pingRoutesV1(),
        ...accountRoutes(options),
        ...repositoryRoutes(options),
        ...searchRoutes(options),
        ...openapiRoutes(),
      ],
    ],
    [
      'v2',
      [
        ...pingRoutesV2(options),
        ...catalogRoutes(options),
        ...sessionRoutes(options),
        ...namespaceRoutes(options),
        ...managementRoutes(options),
        ...tagRoutes(options),
        ...starRoutes(options),
        ...grantRoutes(options),
        ...organizationRoutes(options),
        ...takedownRoutes(options),
        ...historyRoutes(options),
      ],
    ],
  ];
}

/** `PUT https://index.docker.io/v1/… HTTP/1.1`: docker 0.5 writes the whole address into the request line. */
const absoluteFormTargets: express.RequestHandler = (request, _response, next) => {
  request.url = request.url.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
  next();
};

/** Who comes for a manifest took the index for a registry; docker and skopeo show the person this sentence. */
function nothingAt(path: string): Answer {
  if (!isRegistryPath(path)) return refusalAnswer(refuse('not_found', `there is nothing at ${path}`), protocolOf(path));
  return distributionRefusal(
    refuse(
      'not_found',
      'Docket lists images and does not database them; pull and push at the registry that holds them',
    ),
  );
}

function protocolOf(path: string): Protocol {
  return path === '/v2' || path.startsWith('/v2/') ? 'v2' : 'v1';
}

/** What express itself refuses, as a path that is not validly encoded; it would answer in HTML, which docker cannot read. */
function failed(log: Log): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = error instanceof Error && 'status' in error ? error.status : undefined;
    if (status === 400) {
      send(
        response,
        refusalAnswer(refuse('malformed_request', 'the path is not validly percent-encoded'), protocolOf(request.path)),
      );
      return;
    }
    log.error({ err: error, method: request.method, path: request.path }, 'a request failed');
    send(response, refusalAnswer(internalError, protocolOf(request.path)));
  };
}
