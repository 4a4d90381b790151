/**
 * One port in front of several API processes, connection by connection and byte by byte, so that a client meets them all. For trying
 * Docket out on one machine: it checks no health and ends no TLS.
 */
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

const connectTimeoutMs = 2_000;

export interface RoundRobin {
  readonly port: number;
  /** Takes no more connections; those that are open end with the processes behind. */
  stop(): void;
}

/** The address that a process behind it listens on. */
export const behindFront = '127.0.0.1';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export function listenInFront({ host, port }: Place, targetPorts: () => readonly number[]): Promise<RoundRobin> {
  let turn = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) => {
    client.on('error', () => client.destroy());
    turn += 1;
    const targets = targetPorts();
    pass(
      client,
      targets.map((_, index) => targets[(turn + index) % targets.length]).filter((target) => target !== undefined),
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (typeof address !== 'object' || address === null) return reject(new Error('listening on a port gave no port'));
      resolve({ port: address.port, stop: () => void server.close() });
    });
  });
}

/** Passes the client to the first target that takes the connection: a target may be starting again just now. */
function pass(client: Socket, [target, ...others]: readonly number[]): void {
  if (target === undefined) {
    client.destroy();
    return;
  }
  const upstream = connect({ host: behindFront, port: target, allowHalfOpen: true, noDelay: true });
  upstream.setTimeout(connectTimeoutMs, () => upstream.destroy());
  const next = () => pass(client, others);
  upstream.on('error', () => undefined);
  upstream.once('close', next);
  upstream.once('connect', () => {
    upstream.setTimeout(0);
    upstream.off('close', next);
    // A good end is passed on by the pipe, after the last byte; a bad one at once.
    upstream.once('close', (hadError) => {
      if (hadError) client.destroy();
    });
    client.once('close', () => upstream.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  });
}
