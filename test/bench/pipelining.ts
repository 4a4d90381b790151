/**
 * One connection without an account sends 200 000 requests at once: how long the pings of others take before it and meanwhile, and how
 * much memory the process takes for it and still has afterwards.
 */
import { setTimeout as elapsed } from 'node:timers/promises';

import { printMachine, printTable, quantile } from './harness.ts';
import { startInstance } from './instance.ts';
import { heapBytes, pingedDuring, residentBytes, sendPipelined } from './pipelined.ts';
import type { Seen } from './pipelined.ts';

const requests = Number(process.env['BENCH_REQUESTS'] ?? 200_000);
const quietMs = Number(process.env['BENCH_QUIET_MS'] ?? 10_000);
const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const megabyte = 2 ** 20;

const instance = await startInstance();
try {
  await printMachine(instance.databaseUrl);
  const { url } = instance;
  const pid = instance.pidOf('api-1');
  const quiet = () => pingedDuring(url, pid, () => elapsed(quietMs));
  await quiet();
  // A process that has just begun grows by itself: one round warms up.
  await sendPipelined(url, request, requests / 10);
  const before = await quiet();
  const heapBefore = await heapBytes(url);
  const residentBefore = residentBytes(pid);
  const started = performance.now();
  const during = await pingedDuring(url, pid, () => sendPipelined(url, request, requests));
  const seconds = (performance.now() - started) / 1_000;
  const after = await quiet();
  console.log(
    `\n${requests} requests on one connection, answered in ${seconds.toFixed(1)} s; pings of others, ms; memory, MB`,
  );
  const row = (name: string, { pingMs, residentBytesMax }: Seen) => [
    name,
    pingMs.length,
    quantile(pingMs, 0.5),
    quantile(pingMs, 0.99),
    Math.max(...pingMs),
    residentBytesMax / megabyte,
  ];
  printTable(
    ['', 'pings', 'p50', 'p99', 'max', 'resident at most'],
    [row('before', before), row('meanwhile', during), row('after', after)],
  );
  const grown = (now: number, then: number) => `${((now - then) / megabyte).toFixed(1)} MB`;
  console.log(
    `grown by: resident ${grown(during.residentBytesMax, residentBefore)} at most, ${grown(residentBytes(pid), residentBefore)} afterwards; heap ${grown(await heapBytes(url), heapBefore)} afterwards`,
  );
} finally {
  await instance.stop();
}
