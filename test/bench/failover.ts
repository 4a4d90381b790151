/**
 * What clients feel while the database is away: two hundred of them, who come again a while after they were refused, on one API process.
 * The server is killed and started again; then it stands still and goes on. What counts is how long a refusal takes that begins while
 * nobody answers, and how long after the server answers anybody the first request succeeds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as elapsed } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { frozen } from '@docket/infra/frozen';
import { startPostgres } from '@docket/infra/postgres';
import pg from 'pg';
import { Pool } from 'undici';

import { benchFolder } from './database.ts';
import { printMachine, printTable, quantile } from './harness.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const awayMs = Number(process.env['BENCH_ROUND_MS'] ?? 3_000);
/** The `docket` of another checkout, for the figure of before. */
const program = process.env['BENCH_DOCKET'] ?? fileURLToPath(new URL('../../../docket', import.meta.url));
const callers = 200;
/** Between two requests of a caller: at most a thousand a second. */
const pauseMs = 200;
const recoveryMsMax = 30_000;
const pollMs = 5;

const folder = await benchFolder();
let postgres = await startPostgres({ dataDirectory: folder, durable: true });
const { port } = postgres;
const urls = postgres.urls();
const env = {
  PATH: process.env['PATH'],
  DATABASE_URL: urls.api,
  PROJECTOR_DATABASE_URL: urls.projector,
  MIGRATION_DATABASE_URL: urls.owner,
  TOKEN_KEYS: 'bench:a-secret-that-is-long-enough-for-a-bench',
  DOCKET_DATA_DIR: folder,
  DOCKET_PASSWORD: 'a password of the bench',
  LOG_LEVEL: 'error',
  PORT: '0',
};
const authorization = `Basic ${Buffer.from(`admin:${env.DOCKET_PASSWORD}`).toString('base64')}`;
try {
  await printMachine(postgres.superuserUrl('postgres'));
  await verb(['migrate']);
  await verb(['user', 'create', 'admin', '--email', 'admin@example.org', '--admin']);
  const api = spawn(program, ['api'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    let url = '';
    for await (const line of createInterface(api.stdout)) {
      url = /http:\S+/.exec(line)?.[0] ?? '';
      if (url !== '') break;
    }
    api.stdout.resume();
    await measured('killed and started again', url, async () => {
      process.kill(postgres.identity.pid, 'SIGKILL');
      await postgres.ended;
      return async () => {
        postgres = await startPostgres({ dataDirectory: folder, durable: true, port });
      };
    });
    await measured('stands still', url, async () => {
      const thaw = await frozen(postgres);
      return async () => thaw();
    });
  } finally {
    const ended = once(api, 'exit');
    api.kill('SIGKILL');
    await ended;
  }
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

async function verb(words: readonly string[]): Promise<void> {
  const child = spawn(program, [...words], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error(`docket ${words.join(' ')} ended with ${child.exitCode}`);
}

interface Answered {
  readonly begun: number;
  readonly ended: number;
  readonly status: number;
}

async function measured(title: string, url: string, away: () => Promise<() => Promise<void>>): Promise<void> {
  const refusals: Answered[] = [];
  const noticed: number[] = [];
  let failedAfterwards = 0;
  for (let round = 0; round < rounds; round++) {
    const stopping = new AbortController();
    const answers: Answered[] = [];
    const pool = new Pool(url, { connections: callers, headersTimeout: 0 });
    const calling = Array.from({ length: callers }, async (_, caller) => {
      await elapsed((pauseMs * caller) / callers);
      while (!stopping.signal.aborted) {
        answers.push(await ask(pool));
        await elapsed(pauseMs);
      }
    });
    await elapsed(1_000);
    const back = await away();
    const awaySince = performance.now();
    await elapsed(awayMs);
    const backAt = answering();
    await back();
    const since = await backAt;
    const first = await firstAfter(answers, since);
    await elapsed(1_000);
    stopping.abort();
    await Promise.all(calling);
    await pool.close();
    refusals.push(...answers.filter(({ begun }) => begun > awaySince && begun < awaySince + awayMs));
    noticed.push(first.ended - since);
    failedAfterwards += answers.filter(({ begun, status }) => begun > first.ended && status !== 200).length;
  }
  const ms = refusals.map(({ begun, ended }) => ended - begun);
  console.log(`\nthe database ${title}, ${callers} callers, ${rounds} rounds`);
  printTable(
    ['', 'requests', 'of them 503', 'p50 ms', 'p99 ms', 'slowest ms'],
    [
      [
        'begun while it is away',
        String(refusals.length),
        String(refusals.filter(({ status }) => status === 503).length),
        quantile(ms, 0.5),
        quantile(ms, 0.99),
        Math.max(...ms),
      ],
    ],
  );
  console.log(
    `first success after it answers: median ${quantile(noticed, 0.5).toFixed(0)} ms, slowest ${Math.max(...noticed).toFixed(0)} ms; ` +
      `refused after it: ${failedAfterwards}`,
  );
}

async function ask(pool: Pool): Promise<Answered> {
  const begun = performance.now();
  const answer = await pool.request({ method: 'GET', path: '/v1/users', headers: { authorization } });
  await answer.body.dump();
  return { begun, ended: performance.now(), status: answer.statusCode };
}

/** When the server answers somebody who asks it directly. */
async function answering(): Promise<number> {
  for (const deadline = performance.now() + recoveryMsMax; performance.now() < deadline; await elapsed(pollMs)) {
    const client = new pg.Client({ connectionString: urls.api, connectionTimeoutMillis: recoveryMsMax });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select 1');
      return performance.now();
    } catch {
      // Not yet.
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  throw new Error('the database did not come back');
}

async function firstAfter(answers: readonly Answered[], since: number): Promise<Answered> {
  for (const deadline = performance.now() + recoveryMsMax; performance.now() < deadline; await elapsed(pollMs)) {
    const found = answers.find(({ ended, status }) => ended > since && status === 200);
    if (found) return found;
  }
  throw new Error('no request succeeded after the database came back');
}
