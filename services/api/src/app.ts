/** The table of contents: what stands at which path, and what is done to every request on the way there. */
import type { Environment } from '@docket/runtime/environment';
import type { Log } from '@docket/runtime/log';
import { bodiesBytesMax, bodyCutAfterMs, bodyWaitMsMax, clientBodiesBytesMax } from '@docket/shared/limits';
import { refuse } from '@docket/shared/refusal';
import { isRegistryPath } from '@docket/shared/v2-prefixes';
import express from 'express';
import type { ErrorRequestHandler, Express } from 'express';

import { accountOperations } from './accounts/routes.ts';
import type { AccountRoutes } from './accounts/routes.ts';
import { catalogOperations } from './catalog/routes.ts';
import type { CatalogRoutes } from './catalog/routes.ts';
import { grantOperations } from './grants/routes.ts';
import { historyOperations } from './history/routes.ts';
import { addressOf } from './http/address.ts';
import type { TrustsPeer } from './http/address.ts';
import { send } from './http/answer.ts';
import type { Answer } from './http/answer.ts';
import { bodyBudget } from './http/body-budget.ts';
import { distributionRefusal } from './http/distribution.ts';
import { mount } from './http/endpoint.ts';
import type { Operation } from './http/operation.ts';
import { internalError, protocolOf, refusalAnswer } from './http/problem.ts';
import { imageOperations } from './images/routes.ts';
import { namespaceOperations } from './namespaces/routes.ts';
import { openapiDocument } from './openapi/document.ts';
import { openapiOperations } from './openapi/routes.ts';
import type { OpenapiRoutes } from './openapi/routes.ts';
import { organizationOperations } from './organizations/routes.ts';
import type { OrganizationRoutes } from './organizations/routes.ts';
import { pingOperations } from './ping/routes.ts';
import type { PingRoutes } from './ping/routes.ts';
import type { RepositoryRoutes } from './repositories/command.ts';
import { repositoryOperationsV1 } from './repositories/routes-v1.ts';
import { repositoryOperationsV2 } from './repositories/routes-v2.ts';
import type { ManagementRoutes } from './repositories/routes-v2.ts';
import { searchOperations } from './search/routes.ts';
import type { SearchRoutes } from './search/routes.ts';
import { sessionOperations } from './sessions/routes.ts';
import { starOperations } from './stars/routes.ts';
import { tagOperations } from './tags/routes.ts';
import { takedownOperations } from './takedowns/routes.ts';
import { tokenOperations } from './tokens/routes.ts';

export type AppOptions = AccountRoutes &
  OrganizationRoutes &
  CatalogRoutes &
  ManagementRoutes &
  PingRoutes &
  RepositoryRoutes &
  SearchRoutes &
  Pick<Environment, 'trustedProxies' | 'publicUrl' | 'publicHosts'> & { readonly log: Log };

/** Every operation there is, by the slice that has it. */
export const slices = {
  ping: pingOperations,
  accounts: accountOperations,
  repositories: [...repositoryOperationsV1, ...repositoryOperationsV2],
  images: imageOperations,
  tokens: tokenOperations,
  search: searchOperations,
  catalog: catalogOperations,
  history: historyOperations,
  sessions: sessionOperations,
  namespaces: namespaceOperations,
  tags: tagOperations,
  stars: starOperations,
  grants: grantOperations,
  organizations: organizationOperations,
  takedowns: takedownOperations,
  openapi: openapiOperations,
} satisfies Readonly<Record<string, readonly Operation<AppOptions & OpenapiRoutes>[]>>;

export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('trust proxy', [...options.trustedProxies]);
  const trusts: TrustsPeer = app.get('trust proxy fn');
  app.set('query parser', false);
  app.use(absoluteFormTargets);
  // When somebody asks for it: it would be a quarter of the time that a process takes to start.
  let document: ReturnType<typeof openapiDocument> | undefined;
  const operations: readonly Operation<AppOptions & OpenapiRoutes>[] = Object.values(slices).flat();
  mount(
    app,
    operations,
    { ...options, openapi: () => (document ??= openapiDocument(slices)) },
    {
      log: options.log,
      addressOf: addressOf(options, trusts),
      bodies: bodyBudget({
        bytesMax: bodiesBytesMax,
        clientBytesMax: clientBodiesBytesMax,
        waitMsMax: bodyWaitMsMax,
        cutAfterMs: bodyCutAfterMs,
      }),
    },
  );
  app.use((request, response) => {
    send(response, nothingAt(request.path));
  });
  app.use(failed(options.log));
  return app;
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
    refuse('not_found', 'Docket lists images and does not store them; pull and push at the registry that holds them'),
  );
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
