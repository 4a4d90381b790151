/** How fast one projector process builds the read model: it is stopped, the log grows, and it goes on. */
import { setTimeout as elapsed } from 'node:timers/promises';

import pg from 'pg';

import { median, printMachine, printTable } from './harness.ts';
import { asLines, madeUpRepositories, startInstance } from './instance.ts';

const repositories = Number(process.env['BENCH_REPOSITORIES'] ?? 100_000);
const pollMs = 50;

const instance = await startInstance();
const database = new pg.Client({ connectionString: instance.databaseUrl });
await database.connect();
try {
  await printMachine(instance.databaseUrl);
  const pid = instance.pidOf('projector-1');
  process.kill(pid, 'SIGSTOP');
  const started = performance.now();
  await instance.verb(['import', '-'], { input: asLines(madeUpRepositories(repositories)) });
  const importedMs = performance.now() - started;
  const before = await positions();
  process.kill(pid, 'SIGCONT');
  const rates = await followed(before.tables);
  const events = Number(before.log - before.tables);
  console.log('');
  printTable(
    ['', 'events', 'per second'],
    [
      ['imported into the log', events, events / (importedMs / 1_000)],
      ['projected, over all', events, rates.whole],
      ['projected, median of seconds', events, rates.median],
    ],
  );
} finally {
  await database.end();
  await instance.stop();
}

async function positions(): Promise<{ log: bigint; tables: bigint }> {
  const { rows } = await database.query<{ log: string; tables: string }>(
    `select (select max(position) from es.events) as log, (select position from es.projections where name = 'tables') as tables`,
  );
  return { log: BigInt(rows[0]?.log ?? 0), tables: BigInt(rows[0]?.tables ?? 0) };
}

/** The time counts from the first page: before it the projector notices that it was stopped. */
async function followed(from: bigint): Promise<{ whole: number; median: number }> {
  const rates: number[] = [];
  let first: { at: number; tables: bigint } | undefined;
  let last = { at: performance.now(), tables: from };
  for (;;) {
    await elapsed(pollMs);
    const { log, tables } = await positions();
    const now = { at: performance.now(), tables };
    if (tables > from) first ??= now;
    if (first && now.at - last.at >= 1_000) {
      rates.push((Number(tables - last.tables) / (now.at - last.at)) * 1_000);
      last = now;
    }
    if (tables === log && first) {
      return { whole: (Number(tables - first.tables) / (now.at - first.at)) * 1_000, median: median(rates) };
    }
  }
}
