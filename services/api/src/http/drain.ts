/** The end of a server: no new connections, what is accepted is finished, and what is not finished in time is cut. */
import { once } from 'node:events';
import type { RequestListener, Server, ServerResponse } from 'node:http';

import { drainMsMax } from '@docket/shared/limits';

export interface Drainable {
  /** Does what it was given, and knows what is being answered: at the end it is too late to learn it. */
  readonly handle: RequestListener;
  /** Resolves when the last accepted request is answered or cut. */
  readonly drain: () => Promise<void>;
}

export function drainable(server: Server, listener: RequestListener): Drainable {
  const open = new Set<ServerResponse>();
  let draining = false;
  return {
    handle: (request, response) => {
      open.add(response);
      response.once('close', () => open.delete(response));
      if (draining) lastOfItsConnection(response);
      listener(request, response);
    },
    drain: async () => {
      draining = true;
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      for (const response of open) lastOfItsConnection(response);
      const timer = setTimeout(() => server.closeAllConnections(), drainMsMax);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** The client would keep the connection, and the server wait for it until it is cut. */
function lastOfItsConnection(response: ServerResponse): void {
  const { socket } = response;
  if (response.headersSent) response.once('finish', () => socket?.end());
  else response.setHeader('Connection', 'close');
}
