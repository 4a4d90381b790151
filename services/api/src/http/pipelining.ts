/**
 * Requests that are sent before their answers (pipelined) are done one after the other: Node would run their handlers side by side, and
 * the second of a PUT and a GET must see what the first did (RFC 9112, 9.3.2).
 *
 * Node reads 64 KiB of a connection at once and makes a request and a response of all that it finds there, thousands of them, before
 * it gives anybody else a turn. So what arrives is handed to its parser in slices, and while enough requests wait the socket is not read:
 * the rest stays in the buffers of the system, and the client cannot send more.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { parsedBytesMax, pipelinedMax } from '@docket/shared/limits';

/** Takes the requests of the server: each goes to `handle` when those before it on its connection are answered. */
export function inTurn(server: Server, handle: RequestListener): void {
  const arrivals = new WeakMap<Socket, RequestListener>();
  const arrived = (request: IncomingMessage, response: ServerResponse) => {
    arrivals.get(request.socket)?.(request, response);
  };
  server.on('connection', (socket: Socket) => arrivals.set(socket, takeInTurn(socket, handle)));
  server.on('request', arrived);
  // Node would answer an expectation that it does not know by itself, at once and without an end to them. It is no reason to refuse.
  server.on('checkExpectation', arrived);
}

const nothing = Buffer.alloc(0);
const endOfHead = '\r\n\r\n';

function takeInTurn(socket: Socket, handle: RequestListener): RequestListener {
  /** Node's own reader of this connection: it is one, and would have all that arrives. */
  const parsers = socket.listeners('data');
  socket.removeAllListeners('data');
  /** What has arrived and is not parsed. At most what Node reads at once. */
  let unread: Buffer = nothing;
  /** So many bytes at least of what comes next belong to a body: no request begins there. */
  let bodyBytes = 0;
  /** Whether it is we who paused the socket. Node does so too, for a body that nobody reads yet, and ends that itself. */
  let held = false;
  /** The first of them is being answered. */
  const waiting: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];

  socket.on('data', (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    parse();
  });
  socket.on('resume', () => {
    held = false;
    parse();
  });
  socket.once('close', forget);

  function parse(): void {
    while (unread.length > 0 && waiting.length < pipelinedMax && !socket.isPaused() && socket.writable) {
      const slice = nextSlice(unread, bodyBytes);
      unread = unread.subarray(slice.length);
      for (const parser of parsers) Reflect.apply(parser, socket, [slice]);
      bodyBytes = Math.max(0, bodyBytes - slice.length);
    }
    // Nothing is answered any more, so nothing is asked.
    if (!socket.writable) unread = nothing;
    if (unread.length > 0 && !socket.isPaused()) {
      held = true;
      socket.pause();
    }
  }

  function begin(): void {
    if (!socket.writable) forget();
    const [first] = waiting;
    if (first === undefined) return;
    first.response.once('close', end);
    handle(first.request, first.response);
  }

  function end(): void {
    waiting.shift();
    // Others have a turn between two requests of one connection.
    if (waiting.length > 0) setImmediate(begin);
    if (held && waiting.length <= pipelinedMax / 2) socket.resume();
  }

  function forget(): void {
    waiting.length = 0;
    unread = nothing;
  }

  return (request, response) => {
    bodyBytes = Number(request.headers['content-length'] ?? 0);
    waiting.push({ request, response });
    if (waiting.length === 1) begin();
  };
}

/**
 * Up to the end of the next head, where one is near: the time that a client has for a head must not run while the rest of it is held
 * back, and what is given to the parser together with a request that would upgrade the connection is lost.
 */
function nextSlice(unread: Buffer, bodyBytes: number): Buffer {
  if (bodyBytes > parsedBytesMax) return unread.subarray(0, bodyBytes);
  const slice = unread.subarray(0, parsedBytesMax);
  const end = slice.indexOf(endOfHead);
  return end === -1 ? slice : slice.subarray(0, end + endOfHead.length);
}
