/** A body that trickles holds a connection, and what a request holds, for as long as it likes. A slow link is faster than that. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { bodyBytesPerSecondMin, bodyPaceMs } from '@docket/shared/limits';

/**
 * Looks at a body every `bodyPaceMs` until it is whole. Where fewer bytes came meanwhile than `bodyBytesPerSecondMin` allows,
 * `refuse` is to answer and to end the connection; one that is being answered already is cut. Time in which the server itself
 * did not read, or others before this request were being answered, is not counted.
 */
export function paceBodies(server: Server, refuse: (socket: Socket) => void): void {
  const paces = new WeakMap<Socket, RequestListener>();
  const begun = (request: IncomingMessage, response: ServerResponse) => {
    if (hasBody(request)) paces.get(request.socket)?.(request, response);
  };
  server.on('connection', (socket: Socket) => paces.set(socket, paceOf(socket, refuse)));
  server.on('request', begun);
  server.on('checkExpectation', begun);
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** One timer for a connection: when the head of a request has come, the bodies of those before it are whole. */
function paceOf(socket: Socket, refuse: (socket: Socket) => void): RequestListener {
  const bytesMin = (bodyBytesPerSecondMin * bodyPaceMs) / 1_000;
  let watched: IncomingMessage | undefined;
  let timer: NodeJS.Timeout | undefined;
  let heldBack = false;

  socket.on('pause', () => {
    heldBack = true;
  });
  socket.once('close', forget);

  function forget(): void {
    clearTimeout(timer);
    watched = undefined;
  }

  function look(request: IncomingMessage, response: ServerResponse): void {
    const before = socket.bytesRead;
    heldBack = socket.isPaused();
    timer = setTimeout(() => {
      if (request.complete) return;
      const itsTurn = response.socket !== null;
      if (!itsTurn || heldBack || socket.bytesRead - before >= bytesMin) look(request, response);
      else if (response.headersSent) socket.destroy();
      else refuse(socket);
    }, bodyPaceMs);
  }

  return (request, response) => {
    forget();
    watched = request;
    // It is whole and read, or nobody will read it.
    request.once('close', () => {
      if (watched === request) forget();
    });
    look(request, response);
  };
}
