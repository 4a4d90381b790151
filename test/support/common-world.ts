/**
 * One world for all tests that neither stop its parts nor count what others may have put into it: two API processes and a projector. It
 * is made when the first of them asks for it, by the process that has the engines, and ends with the run.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';

import pg from 'pg';
import { inject } from 'vitest';

import type { Stack } from '../stack.ts';
import { createWorld, seen } from './world.ts';
import type { System, World } from './world.ts';

type Place = Pick<System, 'urls' | 'databaseUrls' | 'environment' | 'dataDirectory'>;

const madeMsMax = 90_000;
const connectionsMax = 2;

export interface CommonWorldServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Runs in the process that has the engines. */
export async function serveCommonWorld(stack: Stack): Promise<CommonWorldServer> {
  let made: Promise<System> | undefined;
  const server = createServer((_, response) => {
    made ??= createWorld({ api: 2 }, stack);
    void told(made, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      server.close();
      // The test that asked for it has been told when it could not be made.
      const world = await made?.catch(() => undefined);
      await world?.stop();
    },
  };
}

async function told(made: Promise<System>, response: ServerResponse): Promise<void> {
  try {
    const { urls, databaseUrls, environment, dataDirectory } = await made;
    const place: Place = { urls, databaseUrls, environment, dataDirectory };
    response.end(JSON.stringify(place));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}

/** Runs in the processes of the tests. They cannot stop its engines. */
export async function commonWorld(): Promise<World & Pick<System, 'query'>> {
  const stack = inject('stack');
  const answer = await fetch(stack.commonWorldUrl, { signal: AbortSignal.timeout(madeMsMax) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the common world could not be made: ${text}`);
  const { urls, ...place }: Place = JSON.parse(text);
  const pool = new pg.Pool({ connectionString: place.databaseUrls.owner, max: connectionsMax });
  pool.on('error', () => undefined);
  return {
    ...seen({ stack, pool, apiUrls: urls, ...place }),
    database: { stop: refuse, start: refuse },
    meilisearch: { stop: refuse, start: refuse },
    stop: () => pool.end(),
  };
}

function refuse(): Promise<void> {
  return Promise.reject(new Error('others use this world: make one with createWorld'));
}
