/** The API process: environment → connections → app → listening, and back in the reverse order. The only place that wires. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import type { Environment } from '@docket/runtime/environment';
import { operations } from '@docket/runtime/health';
import type { Check, Operations } from '@docket/runtime/health';
import type { Log } from '@docket/runtime/log';
import { createRegistry, measureAppends, measureHttp, measurePools, measureProjections } from '@docket/runtime/metrics';
import type { HttpRequestMeasured } from '@docket/runtime/metrics';
import { connect } from '@docket/store/connect';
import type { Store } from '@docket/store/connect';
import { groupCommit } from '@docket/store/group-commit';
import { notifier } from '@docket/store/notify';
import { readStandings } from '@docket/store/projections';

import { passwords } from './accounts/password.ts';
import { createApp } from './app.ts';
import { drainable } from './http/drain.ts';
import { databaseConnectionsMax, headersMsMax, keepAliveMs, requestMsMax } from './limits.ts';
import { meilisearchSearch } from './search/meilisearch.ts';
import type { MeilisearchEngine } from './search/meilisearch.ts';
import { postgresSearch } from './search/postgres.ts';
import { sessions } from './sessions/issue.ts';
import { tokens } from './tokens/issue.ts';

export interface RunningApi {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export async function runApi(environment: Environment, log: Log): Promise<RunningApi> {
  const onIdleError = (error: Error) => log.warn({ err: error }, 'an idle database connection broke');
  const pooler = environment.databasePooler;
  const connection = { url: environment.databaseUrl, pooler, onIdleError };
  const store = connect({ ...connection, applicationName: 'docket api', connectionsMax: databaseConnectionsMax });
  // Its own connection: a push must not wait behind reads.
  const logStore = connect({ ...connection, applicationName: 'docket api log', connectionsMax: 1 });
  const registry = createRegistry();
  measurePools(registry, { api: store.pool, log: logStore.pool });
  measureProjections(registry, () => readStandings(store));
  const onCall = measureAppends(registry);
  const notify = notifier(store.pool);
  const passwordPool = passwords(environment.passwordCost);
  const meilisearch = await searchEngine(environment, store);
  const app = createApp({
    ...environment,
    store,
    log,
    groupCommit: groupCommit({
      executor: logStore.pool,
      prepared: pooler === 'none',
      onAppended: notify,
      onCall,
    }),
    onAppended: notify,
    onCall,
    passwords: passwordPool,
    tokens: tokens(environment.tokenKeys, environment.tokenTtlSeconds),
    sessions: sessions(environment.tokenKeys),
    engines: [...(meilisearch ? [meilisearch] : []), postgresSearch(store)],
  });
  const ready = operations({ registry, checks: checksOf(store, meilisearch) });
  const server = createServer(
    { requestTimeout: requestMsMax, headersTimeout: headersMsMax, keepAliveTimeout: keepAliveMs },
    measured(ready, measureHttp(registry), app),
  );
  server.on('clientError', refuseMalformed);
  const drain = drainable(server);
  server.listen(environment.port);
  await once(server, 'listening');
  const url = `http://127.0.0.1:${portOf(server)}`;
  log.info({ url }, 'listening');
  return {
    url,
    stop: async () => {
      ready.drain();
      await drain();
      await Promise.all([passwordPool.stop(), meilisearch?.stop(), logStore.stop(), store.stop()]);
    },
  };
}

/** Without the database nothing is answered; without the search engine search is, from the tables. */
function checksOf(store: Store, meilisearch: MeilisearchEngine | undefined): readonly Check[] {
  const database: Check = {
    name: 'database',
    required: true,
    probe: async () => {
      await store.query('ready', 'select 1', []);
      return undefined;
    },
  };
  if (meilisearch === undefined) return [database];
  return [database, { name: 'search', required: false, probe: meilisearch.unavailable }];
}

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Those who run it are answered before the app is asked; everything else is measured. */
function measured(
  { handle }: Operations,
  onRequest: (request: HttpRequestMeasured) => void,
  app: RequestListener,
): RequestListener {
  return (request, response) => {
    if (handle(request, response)) return;
    const started = performance.now();
    response.once('finish', () => {
      onRequest({
        method: request.method ?? '',
        route: routeOf(request),
        status: response.statusCode,
        seconds: (performance.now() - started) / 1_000,
      });
    });
    app(request, response);
  };
}

/** The pattern that express found for it. */
function routeOf(request: IncomingMessage): string {
  const route = 'route' in request ? request.route : undefined;
  const path = typeof route === 'object' && route !== null && 'path' in route ? route.path : undefined;
  return typeof path === 'string' ? path : 'none';
}

async function searchEngine({ meilisearchUrl: url, meilisearchApiKey: apiKey }: Environment, store: Store) {
  if (url === undefined) return undefined;
  const { id } = await store.db.selectFrom('directory.installation').select('id').executeTakeFirstOrThrow();
  return meilisearchSearch(store, { url, apiKey, installationId: id });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address.port;
}

/** What is no HTTP at all is answered in JSON as well: docker shows the body to the person. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const status = tooLarge ? '431 Request Header Fields Too Large' : late ? '408 Request Timeout' : '400 Bad Request';
  const body = JSON.stringify({
    error: tooLarge ? 'the headers are too large' : late ? 'the request took too long' : 'this is not HTTP',
  });
  socket.end(
    `HTTP/1.1 ${status}\r\nVary: Accept\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
