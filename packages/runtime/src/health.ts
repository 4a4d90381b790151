/**
 * The three questions of those who run a process: does it live (restart it if not), is it ready (send it work if so, and else why not),
 * and what does it measure. Answered before anything else, without the database unless a check asks it.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Registry } from 'prom-client';

import { listeningUrl } from './listening.ts';

/** Below the second after which most probes give up. */
const checkMsMax = 900;

export interface Check {
  readonly name: string;
  /** True when the process is of no use while this check fails. A check that is not required is reported all the same. */
  readonly required: boolean;
  /** Why it is not well; undefined when it is. Rejects with the reason, too. */
  readonly probe: () => Promise<string | undefined> | string | undefined;
}

export interface Operations {
  /** True when the request was one of the three and is answered, or will be. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** The process is not ready from now on, so that load balancers send work elsewhere. */
  readonly drain: () => void;
}

export interface OperationsOptions {
  readonly registry: Registry;
  readonly checks: readonly Check[];
}

export function operations({ registry, checks }: OperationsOptions): Operations {
  let draining = false;
  const draincheck = (): CheckResult[] =>
    draining ? [{ name: 'stopping', ok: false, required: true, reason: 'the process was asked to end' }] : [];

  async function readiness(): Promise<{ readonly status: number; readonly body: unknown }> {
    const results = [...draincheck(), ...(await Promise.all(checks.map(checked)))];
    const ready = results.every(({ ok, required }) => ok || !required);
    return { status: ready ? 200 : 503, body: { ready, checks: results } };
  }

  async function answered(path: string, response: ServerResponse): Promise<void> {
    if (path === '/metrics') {
      write(response, 200, registry.contentType, await registry.metrics());
      return;
    }
    const { status, body } = path === '/livez' ? { status: 200, body: { alive: true } } : await readiness();
    if (status === 503) response.setHeader('Retry-After', '1');
    write(response, status, 'application/json', `${JSON.stringify(body)}\n`);
  }

  return {
    handle: (request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      if (path !== '/livez' && path !== '/readyz' && path !== '/metrics') return false;
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('Allow', 'GET, HEAD');
        write(response, 405, 'application/json', '{"error":"only GET, HEAD may be used here"}\n');
        return true;
      }
      answered(path, response).catch((error: unknown) => {
        write(response, 500, 'application/json', `${JSON.stringify({ error: reasonOf(error) })}\n`);
      });
      return true;
    },
    drain: () => {
      draining = true;
    },
  };
}

interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly required: boolean;
  readonly reason?: string;
}

async function checked({ name, required, probe }: Check): Promise<CheckResult> {
  const reason = await inTime(async () => probe()).catch(reasonOf);
  return reason === undefined ? { name, ok: true, required } : { name, ok: false, required, reason };
}

async function inTime(probe: () => Promise<string | undefined>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${checkMsMax} ms`), checkMsMax);
  });
  try {
    return await Promise.race([probe(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A connection that was tried at several addresses fails with an error without a message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

function write(response: ServerResponse, status: number, type: string, body: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.end(body);
}

export interface OperationsListener {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Serves the health endpoints of a process that serves nothing else. */
export async function listenForOperations(
  { host, port }: { readonly host: string; readonly port: number },
  { handle }: Operations,
): Promise<OperationsListener> {
  const server = createServer((request, response) => {
    if (!handle(request, response)) write(response, 404, 'application/json', '{"error":"there is nothing here"}\n');
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return {
    url: listeningUrl(address.address, address.port),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
