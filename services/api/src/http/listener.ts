/** The HTTP server around the app: time limits, measuring, and answers to what is not HTTP. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import type { Operations } from '@docket/runtime/health';
import type { HttpRequestMeasured } from '@docket/runtime/metrics';

import { headersMsMax, keepAliveMs, requestMsMax } from '../limits.ts';
import { drainable } from './drain.ts';

export interface Listener {
  readonly port: number;
  /** Resolves when the last accepted request is answered or cut. */
  readonly drain: () => Promise<void>;
}

export interface ListenerOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly operations: Operations;
  readonly onRequest: (request: HttpRequestMeasured) => void;
  readonly app: RequestListener;
}

/** Resolves when the port is open; rejects when it cannot be had. */
export async function listen({ port, operations, onRequest, app }: ListenerOptions): Promise<Listener> {
  const server = createServer(
    { requestTimeout: requestMsMax, headersTimeout: headersMsMax, keepAliveTimeout: keepAliveMs },
    measured(operations, onRequest, app),
  );
  server.on('clientError', refuseMalformed);
  const drain = drainable(server);
  server.listen(port);
  await once(server, 'listening');
  return { port: portOf(server), drain };
}

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

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
