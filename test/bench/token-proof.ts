/**
 * How long the proof of a token takes when two hundred come a second, beside a handler of express that does nothing and is asked as
 * often. Requests are sent when they are due, whether those before them were answered or not; the two take turns.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as elapsed } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Pool } from 'undici';

import { median, printMachine, printTable, quantile } from './harness.ts';
import { startInstance } from './instance.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 8);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 5_000);
const perSecond = 200;
const connections = 16;
const repositories = 50;

interface Question {
  readonly path: string;
  readonly headers: Record<string, string>;
}

const instance = await startInstance();
const bare = spawn(process.execPath, [fileURLToPath(new URL('bare-express.js', import.meta.url))], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  await printMachine(instance.databaseUrl);
  const [said] = await once(bare.stdout, 'data');
  const contenders = [
    { name: 'bare express', url: String(said).trim(), questions: [{ path: '/images', headers: {} }] },
    { name: 'token proof', url: instance.url, questions: await tokens() },
  ];
  const figures = contenders.map(() => ({ p50: [] as number[], p99: [] as number[] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, { url, questions }] of contenders.entries()) {
      const took = await measured(url, questions);
      // The first round warms up.
      if (round === 0) continue;
      figures[index]?.p50.push(quantile(took, 0.5));
      figures[index]?.p99.push(quantile(took, 0.99));
    }
  }
  console.log(`\nat ${perSecond}/s over ${connections} connections, ms; medians of ${rounds} rounds`);
  printTable(
    ['', 'p50', 'p99'],
    contenders.map(({ name }, index) => [name, median(figures[index]?.p50 ?? []), median(figures[index]?.p99 ?? [])]),
  );
} finally {
  bare.kill();
  await instance.stop();
}

/** The questions of as many repositories, each with the token that its push was given. */
async function tokens(): Promise<Question[]> {
  const pool = new Pool(instance.url, { connections: 1 });
  const questions: Question[] = [];
  for (let count = 0; count < repositories; count += 1) {
    const path = `/v1/repositories/library/proved-${count}`;
    const answer = await pool.request({
      method: 'PUT',
      path: `${path}/`,
      headers: { authorization: instance.adminAuthorization, 'x-docker-token': 'true' },
      body: '[{"id":"9e89cc6f0bc3"}]',
    });
    await answer.body.dump();
    const token = String(answer.headers['x-docker-token']);
    questions.push({ path: `${path}/images`, headers: { authorization: `Token ${token}` } });
  }
  await pool.close();
  return questions;
}

/** Milliseconds from sending to the whole answer, of each request. */
async function measured(url: string, questions: readonly Question[]): Promise<number[]> {
  const pool = new Pool(url, { connections });
  const total = Math.round((perSecond * roundMs) / 1_000);
  const answers: Promise<number>[] = [];
  const started = performance.now();
  while (answers.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) * perSecond) / 1_000) + 1);
    for (let next = answers.length; next < due; next += 1) {
      const question = questions[next % questions.length];
      if (question) answers.push(asked(pool, question));
    }
    await elapsed(1);
  }
  const took = await Promise.all(answers);
  await pool.close();
  return took;
}

async function asked(pool: Pool, question: Question): Promise<number> {
  const sent = performance.now();
  const answer = await pool.request({ method: 'GET', ...question });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`${question.path} was answered ${answer.statusCode}`);
  return performance.now() - sent;
}
