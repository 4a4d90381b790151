/**
 * `pnpm soak [--minutes M] [--leak]`: an API and a projector process under mixed and odd load, and what each holds after a collection, minute
 * after minute. Exit status 1 when one of them holds more at the end than it did after it was warm.
 */
import { setTimeout as elapsed } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { median, printMachine, printTable } from './harness.ts';
import { evaluate, memoryAfterCollection } from './inspector.ts';
import type { Memory } from './inspector.ts';
import { startInstance } from './instance.ts';
import { oddDeeds } from './odd-deeds.ts';

const callers = 16;
const samplesOfARun = 12;
/** The share of the run in which caches fill, code is compiled and pools open their connections. */
const warmUpShare = 0.2;
const grownMax = 0.1;
/** What lingers after the last answer: connections of the refused, timers of a search. */
const quietMs = 2_000;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, leak: { type: 'boolean', default: false } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error('pnpm soak [--minutes M] [--leak]');
  process.exit(2);
}

/** Written by each process when it begins, those of verbs and of `up` among them. */
const inspectors: string[] = [];
const instance = await startInstance({
  env: {
    NODE_OPTIONS: '--inspect=127.0.0.1:0',
    LOG_LEVEL: 'fatal',
    ACCOUNT_ACTIVATION: 'open',
  },
  onComplaint: (line) => {
    const url = /^Debugger listening on (ws:\S+)$/.exec(line)?.[1];
    if (url !== undefined) inspectors.push(url);
  },
});
let grown = false;
try {
  await printMachine(instance.databaseUrl);
  const watched = await Promise.all(['api-1', 'projector-1'].map(async (name) => ({ name, url: await urlOf(name) })));
  if (values.leak) await leak(watched[0]?.url ?? '');
  const samples = await soak(watched);
  for (const { name } of watched) grown = report(name, samples) || grown;
} finally {
  await instance.stop();
}
process.exit(grown ? 1 : 0);

async function urlOf(name: string): Promise<string> {
  for (const url of inspectors) {
    const pid = await evaluate(url, 'process.pid').catch(() => undefined);
    if (pid === String(instance.pidOf(name))) return url;
  }
  throw new Error(`${name} has no inspector`);
}

/** What this run must not let pass: a process that keeps 200 kB/s. */
async function leak(url: string): Promise<void> {
  await evaluate(url, `globalThis.kept = []; setInterval(() => kept.push(new Array(6250).fill(0.5)), 250); 'kept'`);
}

interface Sample {
  readonly minutes: number;
  readonly requests: number;
  readonly isWarm: boolean;
  readonly memory: ReadonlyMap<string, Memory>;
}

async function soak(watched: readonly { readonly name: string; readonly url: string }[]): Promise<readonly Sample[]> {
  const deeds = oddDeeds(instance.url);
  const samples: Sample[] = [];
  const started = performance.now();
  const everyMs = (minutes * 60_000) / samplesOfARun;
  for (let sample = 1; sample <= samplesOfARun; sample++) {
    const until = performance.now() + everyMs - quietMs;
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (performance.now() < until) await deeds.next();
      }),
    );
    await elapsed(quietMs);
    const memory = new Map<string, Memory>();
    for (const { name, url } of watched) memory.set(name, await memoryAfterCollection(url));
    const requests = [...deeds.statuses().values()].reduce((sum, count) => sum + count, 0);
    const taken = {
      minutes: (performance.now() - started) / 60_000,
      requests,
      isWarm: sample > samplesOfARun * warmUpShare,
      memory,
    };
    samples.push(taken);
    const said = watched.map(({ name }) => `${name} ${megabytes(memory.get(name)).toFixed(1)} MB`);
    console.log(`${taken.minutes.toFixed(1)} min, ${requests} answers: ${said.join(', ')}`);
  }
  await deeds.stop();
  const statuses = [...deeds.statuses()].toSorted(([one], [other]) => one.localeCompare(other));
  console.log(`answers: ${statuses.map(([status, count]) => `${count} × ${status}`).join(', ')}`);
  return samples;
}

/** What it holds, inside of the heap and beside it. */
function megabytes(memory: Memory | undefined): number {
  return ((memory?.heapBytes ?? Number.NaN) + (memory?.externalBytes ?? Number.NaN)) / 1e6;
}

/** True when it has grown. */
function report(name: string, samples: readonly Sample[]): boolean {
  console.log(`\n${name}`);
  printTable(
    ['minutes', 'answers', 'after collection, MB', 'resident, MB', ''],
    samples.map(({ minutes: at, requests, isWarm, memory }) => [
      at,
      requests,
      megabytes(memory.get(name)),
      (memory.get(name)?.residentBytes ?? Number.NaN) / 1e6,
      isWarm ? '' : 'warming up',
    ]),
  );
  const warm = samples.filter(({ isWarm }) => isWarm);
  const third = Math.ceil(warm.length / 3);
  const held = (some: readonly Sample[]) => median(some.map(({ memory }) => megabytes(memory.get(name))));
  const [first, last] = [held(warm.slice(0, third)), held(warm.slice(-third))];
  const growth = last / first - 1;
  const isGrown = !(growth <= grownMax);
  console.log(
    `${first.toFixed(1)} MB in the first third, ${last.toFixed(1)} MB in the last: ${(growth * 100).toFixed(1)} %, ` +
      `${slope(warm.map((sample) => [sample.minutes, megabytes(sample.memory.get(name))])).toFixed(2)} MB a minute: ` +
      (isGrown ? `more than ${grownMax * 100} %` : 'flat'),
  );
  return isGrown;
}

/** The slope of the straight line that is nearest to the points. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
