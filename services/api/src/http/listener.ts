/** The HTTP server around the app: time limits, measuring, and answers to what is not HTTP. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Duplex } from 'node:stream';

import type { Operations } from '@docket/runtime/health';
import { listeningUrl } from '@docket/runtime/listening';
import type { HttpRequestMeasured } from '@docket/runtime/metrics';
import {
  connectionsMax,
  headersMsMax,
  keepAliveMs,
  lingerMs,
  requestMsMax,
  requestsCheckedMs,
  silenceMsMax,
} from '@docket/shared/limits';

import { paceBodies } from './body-pace.ts';
import { drainable } from './drain.ts';
import { methods } from './operation.ts';
import { inTurn } from './pipelining.ts';

export interface Listener {
  readonly url: string;
  /** Resolves when the last accepted request is answered or cut. */
  readonly drain: () => Promise<void>;
}

export interface ListenerOptions {
  /** An IP address. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly operations: Operations;
  readonly onRequest: (request: HttpRequestMeasured) => void;
  readonly app: RequestListener;
}

/** Resolves when the port is open; rejects when it cannot be had. */
export async function listen({ host, port, operations, onRequest, app }: ListenerOptions): Promise<Listener> {
  const server = createServer({
    requestTimeout: requestMsMax,
    headersTimeout: headersMsMax,
    connectionsCheckingInterval: requestsCheckedMs,
    keepAliveTimeout: keepAliveMs,
  });
  server.timeout = silenceMsMax;
  server.maxConnections = connectionsMax;
  server.on('drop', () => server.closeIdleConnections());
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuse(socket, refusalOf(error)));
  const { handle, drain } = drainable(server, measured(operations, onRequest, app));
  inTurn(server, handle);
  paceBodies(server, (socket) => refuse(socket, tooSlow));
  server.listen(port, host);
  await once(server, 'listening');
  return { url: urlOf(server), drain };
}

/** Operators are answered before the app is asked; everything else is measured. */
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
        method: methodOf(request),
        route: routeOf(request),
        status: response.statusCode,
        seconds: (performance.now() - started) / 1_000,
      });
    });
    app(request, response);
  };
}

/** One that anything is done for, or `other`: there are some forty that Node takes, and each is counted for every route and status. */
function methodOf({ method = '' }: IncomingMessage): string {
  return method === 'HEAD' || methods.some((known) => known === method) ? method : 'other';
}

/** The pattern that express found for it. */
function routeOf(request: IncomingMessage): string {
  const route = 'route' in request ? request.route : undefined;
  const path = typeof route === 'object' && route !== null && 'path' in route ? route.path : undefined;
  return typeof path === 'string' ? path : 'none';
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return listeningUrl(address.address, address.port);
}

interface Refusal {
  readonly status: string;
  readonly error: string;
}

const tooSlow: Refusal = { status: '408 Request Timeout', error: 'the body comes too slowly' };

/** Undefined: there is nobody any more to be told. */
function refusalOf({ code }: NodeJS.ErrnoException): Refusal | undefined {
  switch (code) {
    case 'ECONNRESET':
      return undefined;
    case 'HPE_HEADER_OVERFLOW':
      return { status: '431 Request Header Fields Too Large', error: 'the headers are too large' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: '408 Request Timeout', error: 'the request took too long' };
    default:
      return { status: '400 Bad Request', error: 'this is not HTTP' };
  }
}

/** What is no HTTP at all, or does not become a request, is answered in JSON as well: docker shows the body to the person. */
function refuse(socket: Duplex, refusal: Refusal | undefined): void {
  if (!socket.writable || refusal === undefined) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ error: refusal.error });
  socket.end(
    `HTTP/1.1 ${refusal.status}\r\nVary: Accept\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  const lingering = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(lingering));
}
