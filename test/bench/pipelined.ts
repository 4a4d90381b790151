/** A client that sends requests without waiting for their answers, and what others see meanwhile. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as elapsed } from 'node:timers/promises';

import { Pool } from 'undici';

const startOfAnswer = 'HTTP/1.1 ';

/** Sends `count` times the same request on one connection, as fast as the other side takes them; resolves when all are answered. */
export async function sendPipelined(url: string, request: string, count: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  let answers = 0;
  /** The end of what came last, where an answer may have begun. */
  let tail = '';
  const answered = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk) => {
      const text = tail + chunk.toString('latin1');
      answers += text.split(startOfAnswer).length - 1;
      tail = text.slice(-(startOfAnswer.length - 1));
      if (answers === count) resolve();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the connection was closed after ${answers} of ${count} answers`)));
  });
  const perWrite = 1_000;
  const sending = (async () => {
    for (let sent = 0; sent < count; sent += perWrite) {
      if (!socket.write(request.repeat(Math.min(perWrite, count - sent)))) await once(socket, 'drain');
    }
  })();
  try {
    await Promise.all([answered, sending]);
  } finally {
    socket.destroy();
  }
}

export interface Seen {
  /** Milliseconds from sending to the whole answer, of each ping. */
  readonly pingMs: readonly number[];
  readonly residentBytesMax: number;
}

const pingEveryMs = 10;

/** Pings the process for as long as `work` takes. A ping that is due is sent, whether those before it were answered or not. */
export async function pingedDuring(url: string, pid: number, work: () => Promise<unknown>): Promise<Seen> {
  const pool = new Pool(url, { connections: 16, headersTimeout: 0, bodyTimeout: 0 });
  const pings: Promise<number>[] = [];
  let residentBytesMax = 0;
  const over = new AbortController();
  const working = work().finally(() => over.abort());
  const started = performance.now();
  for (let count = 0; !over.signal.aborted; count += 1) {
    pings.push(ping(pool));
    residentBytesMax = Math.max(residentBytesMax, residentBytes(pid));
    await elapsed(Math.max(0, started + (count + 1) * pingEveryMs - performance.now()));
  }
  try {
    await working;
    return { pingMs: await Promise.all(pings), residentBytesMax };
  } finally {
    await pool.close();
  }
}

async function ping(pool: Pool): Promise<number> {
  const sent = performance.now();
  const { statusCode, body } = await pool.request({ method: 'GET', path: '/v1/_ping' });
  await body.dump();
  if (statusCode !== 200) throw new Error(`a ping was answered ${statusCode}`);
  return performance.now() - sent;
}

export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? Number.NaN) * 1_024;
}

/** What the process says of itself: between two collections it holds what is garbage as well. */
export async function heapBytes(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nodejs_heap_size_used_bytes (\S+)$/m.exec(text)?.[1] ?? Number.NaN);
}
