/**
 * Requests that are sent before their answers (pipelined) are done one after the other: Node would run their handlers side by side, and
 * the second of a PUT and a GET must see what the first did (RFC 9112, 9.3.2).
 */
import type { Socket } from 'node:net';

import type { RequestHandler, Response } from 'express';

export function inTurn(): RequestHandler {
  const latest = new WeakMap<Socket, Response>();
  return (request, response, next) => {
    const before = latest.get(request.socket);
    latest.set(request.socket, response);
    if (before === undefined || before.closed || before.writableFinished) next();
    else before.once('close', () => next());
  };
}
