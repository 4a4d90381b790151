/**
 * One repository that everybody changes at once: forty callers, over two API processes with durable engines, each with a tag of its own
 * in every push. Closed loop, then rounds of forty and of a hundred at the same moment. Answers that are no success are counted, not
 * thrown: it is the figure.
 */
import { Pool } from 'undici';

import { median, printMachine, printTable, quantile } from './harness.ts';
import { startInstance } from './instance.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 8);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 3_000);
const callers = 40;
const processes = 2;
/** The `docket` of another checkout, for the figure of before. */
const program = process.env['BENCH_DOCKET'];

const instance = await startInstance({ program, apis: processes });
const { adminAuthorization: authorization } = instance;
const pool = new Pool(instance.url, { connections: 100 });
try {
  await printMachine(instance.databaseUrl);
  await inAClosedLoop();
  await atTheSameMoment(callers);
  await atTheSameMoment(100);
} finally {
  await pool.close();
  await instance.stop();
}

interface Answered {
  readonly status: number;
  readonly ms: number;
}

async function push(repository: string, caller: number, tag: string): Promise<Answered> {
  const started = performance.now();
  const answer = await pool.request({
    method: 'PUT',
    path: `/v1/repositories/library/${repository}/`,
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify([{ id: `${caller}`.padStart(12, 'a'), Tag: tag }]),
  });
  await answer.body.dump();
  return { status: answer.statusCode, ms: performance.now() - started };
}

async function inAClosedLoop(): Promise<void> {
  const perSecond: number[] = [];
  const answers: Answered[] = [];
  for (let round = 0; round <= rounds; round++) {
    const of: Answered[] = [];
    const started = performance.now();
    await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        for (let count = 0; performance.now() < started + roundMs; count++) {
          of.push(await push(`looped-${round}`, caller, `t${count % 50}-${caller}`));
        }
      }),
    );
    if (round === 0) continue;
    perSecond.push((of.filter(isDone).length * 1_000) / (performance.now() - started));
    answers.push(...of);
  }
  print(`${callers} callers in a closed loop, ${processes} processes`, median(perSecond), answers);
}

async function atTheSameMoment(count: number): Promise<void> {
  const perSecond: number[] = [];
  const answers: Answered[] = [];
  for (let round = 0; round <= rounds; round++) {
    const repository = `burst-${count}-${round}`;
    await push(repository, 0, 'first');
    const started = performance.now();
    const of = await Promise.all(Array.from({ length: count }, (_, caller) => push(repository, caller, `t${caller}`)));
    if (round === 0) continue;
    perSecond.push((of.filter(isDone).length * 1_000) / (performance.now() - started));
    answers.push(...of);
  }
  print(`${count} at the same moment, ${processes} processes`, median(perSecond), answers);
}

function isDone({ status }: Answered): boolean {
  return status === 200;
}

function print(title: string, perSecond: number, answers: readonly Answered[]): void {
  const ms = answers.map((answer) => answer.ms);
  console.log(`\n${title}`);
  printTable(
    ['', 'done per second', 'answers', 'not done', 'p50 ms', 'p99 ms', 'slowest ms'],
    [
      [
        'PUT with a tag',
        perSecond,
        String(answers.length),
        String(answers.length - answers.filter(isDone).length),
        quantile(ms, 0.5),
        quantile(ms, 0.99),
        Math.max(...ms),
      ],
    ],
  );
}
