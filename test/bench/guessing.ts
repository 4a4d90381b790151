/**
 * What others notice of guessing: 320 connections of one address send wrong passwords as fast as they are answered, and meanwhile images
 * are read at a steady rate, and people log in from other addresses for the first time. Rounds without and with the guesses take turns.
 * The moment in which all those connections are opened is told by itself: it comes once, and is one of connections and not of passwords.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as elapsed } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Pool } from 'undici';
import { z } from 'zod';

import { median, printMachine, printTable, quantile } from './harness.ts';
import { startInstance } from './instance.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 15_000);
const openingMs = 2_000;
const guessers = Number(process.env['BENCH_GUESSERS'] ?? 320);
const readsPerSecond = 100;
const readers = 64;
const imagesPath = '/v1/repositories/library/read/images';

/** The bench is the proxy that says where everybody comes from; the limits are those of an installation that sets none. */
const instance = await startInstance({
  env: {
    TRUSTED_PROXIES: 'loopback',
    LOGIN_FAILURES_MAX: '',
    CLIENT_LOGIN_FAILURES_MAX: '',
    CLIENT_WAITING_PASSWORDS_MAX: '',
  },
});
const reads = new Pool(instance.url, { connections: readers });
const people = new Pool(instance.url, { connections: 1 });
try {
  await printMachine(instance.databaseUrl);
  await pushed();
  const names = Array.from({ length: 2 * (rounds + 1) }, () => `person_${randomBytes(5).toString('hex')}`);
  for (const name of names) {
    await instance.verb(['user', 'create', name, '--email', `${name}@example.org`], { input: passwordOf(name) });
  }
  const without = figures();
  const during = figures();
  const statuses = new Map<string, number>();
  for (let round = 0; round <= rounds; round += 1) {
    for (const [place, measured] of [without, during].entries()) {
      const name = names[2 * round + place] ?? '';
      const guessing = measured === during ? guess(`198.51.100.${round + 1}`, statuses) : undefined;
      const opening = await readMs(openingMs);
      const [took, loginMs] = await Promise.all([readMs(roundMs), firstLoginMs(name)]);
      await guessing?.stop();
      // The first round warms up.
      if (round === 0) continue;
      measured.opening.push(Math.max(...opening));
      measured.p50.push(quantile(took, 0.5));
      measured.p99.push(quantile(took, 0.99));
      measured.login.push(loginMs);
    }
  }
  console.log(
    `\nGET images at ${readsPerSecond}/s and a first right login from elsewhere, ms; medians of ${rounds} rounds`,
  );
  printTable(
    ['', 'p50', 'p99', 'login', 'slowest login', 'slowest while they open'],
    [
      ['nobody guesses', ...row(without)],
      [`${guessers} connections guess`, ...row(during)],
    ],
  );
  const ratios = during.p99.map((p99, round) => p99 / (without.p99[round] ?? Number.NaN));
  console.log(`p99 with ÷ without, median of the rounds: ${median(ratios).toFixed(2)}`);
  console.log(`guesses by their answers: ${[...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')}`);
} finally {
  await Promise.all([reads.close(), people.close()]);
  await instance.stop();
}

interface Figures {
  readonly opening: number[];
  readonly p50: number[];
  readonly p99: number[];
  readonly login: number[];
}

function figures(): Figures {
  return { opening: [], p50: [], p99: [], login: [] };
}

function row({ opening, p50, p99, login }: Figures): number[] {
  return [median(p50), median(p99), median(login), Math.max(...login), Math.max(...opening)];
}

async function* passwordOf(name: string): AsyncGenerator<string> {
  yield `password of ${name}\n`;
}

function authorization(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

async function pushed(): Promise<void> {
  const headers = { authorization: instance.adminAuthorization };
  const body = '[{"id":"9e89cc6f0bc3","Tag":"latest"}]';
  const answer = await people.request({ method: 'PUT', path: '/v1/repositories/library/read/', headers, body });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`the push was answered ${answer.statusCode}`);
}

/** From an address that was not refused yet; in a process of its own, so that only the API is what they share with the reads. */
function guess(from: string, statuses: Map<string, number>) {
  const program = fileURLToPath(new URL('guessers.js', import.meta.url));
  const child = spawn(process.execPath, [program, instance.url, String(guessers), from], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = child.stdout.toArray();
  return {
    stop: async () => {
      child.kill('SIGTERM');
      const counts = z.record(z.string(), z.number()).parse(JSON.parse(Buffer.concat(await said).toString()));
      for (const [status, count] of Object.entries(counts)) statuses.set(status, (statuses.get(status) ?? 0) + count);
    },
  };
}

/** From sending to the whole answer, of requests that are sent when they are due. */
async function readMs(ms: number): Promise<number[]> {
  const total = Math.round((readsPerSecond * ms) / 1_000);
  const answers: Promise<number>[] = [];
  const started = performance.now();
  while (answers.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) * readsPerSecond) / 1_000) + 1);
    for (let next = answers.length; next < due; next += 1) answers.push(read());
    await elapsed(1);
  }
  return Promise.all(answers);
}

async function read(): Promise<number> {
  const sent = performance.now();
  const answer = await reads.request({
    method: 'GET',
    path: imagesPath,
    headers: { 'x-forwarded-for': '203.0.113.2' },
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`${imagesPath} was answered ${answer.statusCode}`);
  return performance.now() - sent;
}

/** In the middle of the guesses, by somebody whom no process remembers. */
async function firstLoginMs(name: string): Promise<number> {
  await elapsed(roundMs / 10);
  const headers = { authorization: authorization(name, `password of ${name}`), 'x-forwarded-for': '203.0.113.3' };
  const sent = performance.now();
  const answer = await people.request({ method: 'GET', path: '/v1/users/', headers });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`the login was answered ${answer.statusCode}`);
  return performance.now() - sent;
}
