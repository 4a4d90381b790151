/**
 * How long it takes until what was acknowledged stands in the read model while clients push over HTTP all the time, against a Docket of
 * its own with durable engines: one client more announces a repository and looks for its row again and again. The looking counts too.
 */
import { setTimeout as elapsed } from 'node:timers/promises';

import pg from 'pg';
import { Pool } from 'undici';

import { printMachine, printTable, quantile } from './harness.ts';
import { startInstance } from './instance.ts';
import { lagOf, pusher } from './pushing.ts';

const clients = Number(process.env['BENCH_CLIENTS'] ?? 8);
const samples = Number(process.env['BENCH_SAMPLES'] ?? 1_000);
const warmUpMs = 3_000;
/** The pause between two samples: the bench measures the load's lag, not the prober's. */
const pauseMs = 20;
/** The pause of each client between two pushes: with `0` it pushes as fast as it is answered. */
const thinkMs = [0, 50];

const instance = await startInstance();
const pool = new Pool(instance.url, { connections: 64 });
const database = new pg.Pool({ connectionString: instance.databaseUrl, max: 1 });
const client = pusher(instance, pool);
try {
  await printMachine(instance.databaseUrl);
  console.log('\nfrom the acknowledgement until it stands in the read model, ms');
  const rows = [];
  for (const pause of thinkMs) rows.push(await underLoad(pause));
  printTable(['', 'pushes per second', 'samples', 'p50', 'p99', 'longest'], rows);
} finally {
  await Promise.all([pool.close(), database.end()]);
  await instance.stop();
}

async function underLoad(pause: number): Promise<(string | number)[]> {
  const load = { pushed: 0, ended: false };
  const pushing = Promise.all(
    Array.from({ length: clients }, async (_, caller) => {
      for (let number = 0; !load.ended; number++, load.pushed++) {
        await client.push(`library/loaded-${pause}-${caller}-${number}`);
        if (pause > 0) await elapsed(pause);
      }
    }),
  );
  const lags: number[] = [];
  let seconds = 0;
  let pushed = 0;
  try {
    await elapsed(warmUpMs);
    const started = performance.now();
    const before = load.pushed;
    for (let sample = 0; sample < samples; sample++) {
      lags.push(await lagOf(`probed-${pause}-${sample}`, client, database));
      await elapsed(pauseMs);
    }
    seconds = (performance.now() - started) / 1_000;
    pushed = load.pushed - before;
  } finally {
    load.ended = true;
    await pushing;
  }
  return [
    pause === 0 ? `${clients} clients without a pause` : `${clients} clients, ${pause} ms between pushes`,
    pushed / seconds,
    String(samples),
    quantile(lags, 0.5),
    quantile(lags, 0.99),
    quantile(lags, 1),
  ];
}
