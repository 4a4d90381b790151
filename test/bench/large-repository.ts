/**
 * What a repository of 20 000 images costs those who ask for something else of it, beside one of 10, in one run; what a push of 200 new
 * images to it takes; and for how long the event loop of the API is held by one request while such repositories are pushed and read.
 */
import { randomBytes } from 'node:crypto';

import { Pool } from 'undici';
import type { Dispatcher } from 'undici';

import { median, printMachine, printTable, quantile } from './harness.ts';
import { startInstance } from './instance.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 12);
const asksEach = Number(process.env['BENCH_ASKS'] ?? 40);
const small = 10;
const large = 20_000;
const pushed = 200;
const pushes = 25;

/** Room for what the bench adds. */
const instance = await startInstance({ env: { REPOSITORY_IMAGES_MAX: '100000' } });
const pool = new Pool(instance.url, { connections: 1 });
const authorization = { authorization: instance.adminAuthorization };

type Ask = Dispatcher.RequestOptions & { readonly expected: number };

try {
  await printMachine(instance.databaseUrl);
  const sizes = [small, large];
  const loops: (readonly [string, number])[] = [];
  for (const images of sizes) {
    await loopHeldMs();
    await push(named(images), ids(images));
    await push(named(images), ids(images), '/images');
    loops.push([`PUT of ${images} images, twice`, await loopHeldMs()]);
  }
  await settled();

  const asks = new Map(
    await Promise.all(sizes.map(async (images) => [images, await questions(named(images))] as const)),
  );
  const kinds = Object.keys(asks.get(small) ?? {});
  const took = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round += 1) {
    for (const kind of kinds) {
      for (const images of round % 2 === 0 ? sizes : sizes.toReversed()) {
        const ask = asks.get(images)?.[kind];
        if (!ask) throw new Error(`nobody asks ${kind}`);
        for (let count = 0; count < asksEach; count += 1) {
          const ms = await timed(ask);
          if (round > 0) noted(took, `${kind} ${images}`, ms);
        }
      }
    }
  }
  console.log(`\nms, p50 of ${rounds * asksEach} each, one after the other`);
  printTable(
    ['', `${small} images`, `${large} images`, 'ratio'],
    kinds.map((kind) => {
      const [less, more] = sizes.map((images) => median(took.get(`${kind} ${images}`) ?? []));
      return [kind, less ?? 0, more ?? 0, (more ?? 0) / (less ?? 1)];
    }),
  );

  for (const kind of ['GET images', 'details']) {
    const ask = kind === 'GET images' ? get(`/v1/repositories/${named(large)}/images`) : asks.get(large)?.[kind];
    if (!ask) continue;
    await loopHeldMs();
    const listed: number[] = [];
    for (let count = 0; count < asksEach; count += 1) listed.push(await timed(ask));
    loops.push([`${kind} of ${large} images, ${asksEach} times`, await loopHeldMs()]);
    if (kind === 'GET images') console.log(`\nGET images of ${large}: p50 ${median(listed).toFixed(1)} ms`);
  }

  await loopHeldMs();
  const added: number[] = [];
  for (let count = 0; count < pushes; count += 1) {
    const started = performance.now();
    await push(named(large), ids(pushed));
    added.push(performance.now() - started);
    await push(named(large), [], '/images');
  }
  loops.push([`PUT of ${pushed} new images to ${large}, ${pushes} times`, await loopHeldMs()]);
  console.log(
    `push of ${pushed} new images to ${large}: p50 ${median(added).toFixed(1)}, p99 ${quantile(added, 0.99).toFixed(1)} ms`,
  );
  console.log('\nthe event loop of the API was held at most');
  printTable(['while', 'ms'], loops);
} finally {
  await pool.close();
  await instance.stop();
}

function named(images: number): string {
  return `library/holds-${images}`;
}

function ids(count: number): readonly { readonly id: string }[] {
  return Array.from({ length: count }, () => ({ id: randomBytes(32).toString('hex') }));
}

async function push(name: string, images: readonly { readonly id: string }[], path = '/'): Promise<void> {
  const answer = await pool.request({
    method: 'PUT',
    path: `/v1/repositories/${name}${path}`,
    headers: authorization,
    body: JSON.stringify(images),
  });
  await answer.body.dump();
  if (answer.statusCode >= 300) throw new Error(`PUT ${name}${path} was answered ${answer.statusCode}`);
}

/** All of a page of the log that is large may take a while to be projected; until then its events are read with every question. */
async function settled(): Promise<void> {
  await instance.verb(['verify']);
}

async function questions(name: string): Promise<Readonly<Record<string, Ask>>> {
  const wish = { ...authorization, 'x-docker-token': 'true' };
  const answer = await pool.request({ method: 'GET', path: `/v1/repositories/${name}/images`, headers: wish });
  const token = { authorization: `Token ${String(answer.headers['x-docker-token'])}` };
  const [first] = JSON.parse(await answer.body.text());
  return {
    'token proof (PUT auth)': {
      method: 'PUT',
      path: `/v1/repositories/${name}/auth`,
      headers: token,
      expected: 200,
    },
    details: get(`/v2/repositories/${name}`),
    'layer/access': { ...get(`/v1/repositories/${name}/layer/${first.id}/access`), headers: token },
    'search of its name': get(`/v1/search?q=${name.replace('library/', '')}`),
  };
}

function get(path: string): Ask {
  return { method: 'GET', path, expected: 200 };
}

async function timed({ expected, ...ask }: Ask): Promise<number> {
  const sent = performance.now();
  const answer = await pool.request(ask);
  await answer.body.dump();
  if (answer.statusCode !== expected) throw new Error(`${ask.path} was answered ${answer.statusCode}`);
  return performance.now() - sent;
}

function noted(all: Map<string, number[]>, key: string, value: number): void {
  const values = all.get(key);
  if (values) values.push(value);
  else all.set(key, [value]);
}

/** Since it was asked last; the clock that watches the loop ticks every 10 ms, and says so when nothing holds it. */
async function loopHeldMs(): Promise<number> {
  const answer = await pool.request({ method: 'GET', path: '/metrics' });
  const text = await answer.body.text();
  const seconds = /^nodejs_eventloop_lag_max_seconds\S* (\S+)$/m.exec(text)?.[1];
  if (seconds === undefined) throw new Error('the metrics do not tell of the event loop');
  return Math.max(0, Number(seconds) * 1_000 - 10);
}
