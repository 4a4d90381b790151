/**
 * Over HTTP, against a Docket of its own with durable engines: whole pushes, the image list against a handler of express that does
 * nothing, and how long it takes until what was acknowledged stands in the read model and in the search index.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import pg from 'pg';
import { Pool } from 'undici';

import { compare, interleave, printComparisons, printMachine, printTable, quantile, repeatedly } from './harness.ts';
import { startInstance } from './instance.ts';
import { load } from './load.ts';
import { lagOf, pusher, until } from './pushing.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 10);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 2_000);
const samples = 300;
const searchSamples = 40;
const callers = 8;

const instance = await startInstance();
const pool = new Pool(instance.url, { connections: 64 });
const { put, push } = pusher(instance, pool);
const database = new pg.Pool({ connectionString: instance.databaseUrl, max: 4 });
try {
  await printMachine(instance.databaseUrl);
  await images();
  await pushes();
  await visible();
} finally {
  await Promise.all([pool.close(), database.end()]);
  await instance.stop();
}

async function images(): Promise<void> {
  await put('/v1/repositories/library/measured/', '[{"id":"9e89cc6f0bc3"}]', 200);
  const bare = spawn(process.execPath, [fileURLToPath(new URL('bare-express.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [said] = await once(bare.stdout, 'data');
    const path = '/v1/repositories/library/measured/images';
    const figures = await interleave({
      rounds,
      roundMs,
      contenders: [
        load({ name: 'bare express', url: String(said).trim(), connections: callers, requests: [{ path: '/images' }] }),
        load({ name: 'GET images', url: instance.url, connections: callers, requests: [{ path }] }),
      ],
    });
    printComparisons(`GET images, ${callers} connections`, compare(figures, 'bare express'));
  } finally {
    bare.kill();
  }
}

async function pushes(): Promise<void> {
  let pushed = 0;
  const pushNew = () => push(`library/pushed-${(pushed += 1)}`);
  const figures = await interleave({
    rounds,
    roundMs,
    contenders: [1, callers, 4 * callers].map((clients) => ({
      name: `${clients} clients`,
      perSecond: (ms: number) => repeatedly(clients, ms, pushNew),
    })),
  });
  printComparisons('pushes of new repositories: PUT, token proof, PUT', compare(figures, '1 clients'));
}

async function visible(): Promise<void> {
  const inTables: number[] = [];
  const inSearch: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const name = `seen-${sample}`;
    const lag = await lagOf(name, { put, push }, database);
    const acknowledged = performance.now() - lag;
    inTables.push(lag);
    if (sample >= searchSamples) continue;
    await until(() => isIndexed(name));
    inSearch.push(performance.now() - acknowledged);
  }
  console.log('\nfrom the acknowledgement until it stands there, ms');
  const row = (name: string, values: readonly number[]) => [
    name,
    values.length,
    quantile(values, 0.5),
    quantile(values, 0.99),
  ];
  printTable(['', 'samples', 'p50', 'p99'], [row('read model', inTables), row('search index', inSearch)]);
}

async function isIndexed(name: string): Promise<boolean> {
  // The query is a part of the name: the log itself would answer for the exact one.
  const answer = await pool.request({ method: 'GET', path: `/v1/search?q=${name.replace('-', '%20')}&n=100` });
  const text = await answer.body.text();
  return text.includes(`"${name}"`);
}
