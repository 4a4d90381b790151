/**
 * What it costs to judge rights in a token proof and in a page of search, and the list of a namespace with 100 000 repositories, first
 * page and last, against a Docket of the bench's own with durable engines.
 */
import { setTimeout as elapsed } from 'node:timers/promises';

import { may, refuseReadingImages } from '@docket/api/access/rights';
import { parseFullName } from '@docket/shared/names';
import { absentRepository, evolve } from '@docket/shared/repositories';
import pg from 'pg';
import { Pool } from 'undici';

import { printMachine, printTable, quantile } from './harness.ts';
import { asLines, startInstance } from './instance.ts';

const repositories = Number(process.env['BENCH_REPOSITORIES'] ?? 100_000);
const samples = Number(process.env['BENCH_SAMPLES'] ?? 500);
const warmUp = 50;
const judgements = 1_000_000;
const pageSize = 25;
const caughtUpMsMax = 600_000;
const namespace = 'crowded';

const instance = await startInstance();
const analysedMsMax = 300_000;
const pool = new Pool(instance.url, { connections: 1 });
const database = new pg.Client({ connectionString: instance.databaseUrl });
await database.connect();
try {
  await printMachine(instance.databaseUrl);
  await instance.verb(['import', '-'], { input: asLines(crowd()) });
  await caughtUp();
  await analysed();
  judging();
  await reading();
  await listing();
} finally {
  await Promise.all([pool.close(), database.end()]);
  await instance.stop();
}

function* crowd(): Generator<object> {
  for (let index = 0; index < repositories; index++) {
    yield { name: `${namespace}/app-${index}`, description: `Number ${index}`, star_count: index % 97 };
  }
}

/** In the process, of what was looked up already. */
function judging(): void {
  const fullName = parseFullName(`${namespace}/app-1`);
  if (!fullName) throw new Error('that is no name');
  const namespaceId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09';
  const state = evolve(absentRepository, {
    type: 'RepositoryCreated',
    data: { namespace_id: namespaceId, name: fullName.name, life: 1 },
  });
  const account = {
    id: namespaceId,
    namespaceId,
    name: fullName.namespace,
    isAdmin: false,
    status: 'active',
    passwordHash: '',
    credentialVersion: 1,
  } as const;
  const claims = {
    jti: 'some',
    sub: account.id,
    exp: 0,
    repository: `${namespace}/app-1`,
    repository_id: namespaceId,
    life: 1,
    access: 'write',
    credential_version: 1,
  } as const;
  const found = {
    namespace: { id: namespaceId, ownerId: account.id, viewerRole: null },
    repository: { id: namespaceId, number: 1n, state, version: 1, lastUpdated: new Date() },
  };
  const proof = () => refuseReadingImages({ by: 'token', account, claims }, fullName, found);
  const page = () => {
    for (let hit = 0; hit < pageSize; hit++) may('read', undefined, found.namespace, state);
    return undefined;
  };
  console.log('\njudging what was looked up, ns');
  printTable(
    ['', 'each'],
    [
      ['token proof', nanoseconds(proof)],
      [`page of ${pageSize}`, nanoseconds(page)],
    ],
  );
}

function nanoseconds(work: () => unknown): number {
  let refused = 0;
  for (let index = 0; index < judgements / 10; index++) if (work() !== undefined) refused++;
  const started = performance.now();
  for (let index = 0; index < judgements; index++) if (work() !== undefined) refused++;
  const ended = performance.now();
  if (refused > 0) throw new Error('the bench asks for what it may not have');
  return ((ended - started) * 1e6) / judgements;
}

/** What the look-ups read for the sake of rights, beside what they would read anyway: statement against statement, in turn. */
async function reading(): Promise<void> {
  const bare = `select n.id, x.repository_id, r.state from directory.namespaces n
    left join directory.repository_names x on x.namespace_id = n.id and x.name = $2
    left join read.repositories r on r.repository_id = x.repository_id where n.name = $1`;
  const judged = `select n.id, n.account_id, m.role, exists (select from directory.blocked_images) as any_blocked,
      x.repository_id, r.state from directory.namespaces n
    left join directory.members m on m.namespace_id = n.id and m.account_id = $3
    left join directory.repository_names x on x.namespace_id = n.id and x.name = $2
    left join read.repositories r on r.repository_id = x.repository_id where n.name = $1`;
  const numbers = await database.query<{ number: string }>('select number from read.repositories limit $1', [pageSize]);
  const visible = `select r.number, r.status = 'active' and not r.is_private as visible, t.tail from read.repositories r
    cross join lateral (select json_agg(e.data) as tail from es.events e
      where e.stream_id = 'repository-' || r.repository_id and e.version > r.version) t
    where r.number = any($1::bigint[])`;
  const accountId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09';
  const figures = await timedInTurn({
    'look-up without rights': () => named('bare', bare, [namespace, anyName()]),
    'look-up with rights': () => named('judged', judged, [namespace, anyName(), accountId]),
    [`${pageSize} hits looked at again`]: () => named('visible', visible, [numbers.rows.map(({ number }) => number)]),
  });
  print('statements, ms', figures);
}

async function named(name: string, text: string, values: readonly unknown[]): Promise<void> {
  await database.query({ name, text, values: [...values] });
}

function anyName(): string {
  return `app-${Math.floor(Math.random() * repositories)}`;
}

async function listing(): Promise<void> {
  const size = 100;
  const last = Math.ceil(repositories / size);
  const page =
    (ordering: string, number: number, name = '', count = repositories) =>
    async () => {
      const query = `page_size=${size}&page=${number}&ordering=${ordering}&name=${name}`;
      const answer = await pool.request({ method: 'GET', path: `/v2/repositories/${namespace}/?${query}` });
      const text = await answer.body.text();
      if (answer.statusCode !== 200 || !text.includes(`"count":${count},`)) throw new Error(text.slice(0, 200));
    };
  const figures = await timedInTurn(
    Object.fromEntries(
      ['name', '-last_updated'].flatMap((ordering) => [
        [`by ${ordering}, first page`, page(ordering, 1)],
        [`by ${ordering}, last page`, page(ordering, last)],
        [`by ${ordering}, page in the middle`, page(ordering, Math.ceil(last / 2))],
        [`by ${ordering}, of one name`, page(ordering, 1, `APP-${repositories - 1}`, 1)],
        [`by ${ordering}, of a part of all names`, page(ordering, 1, 'app')],
        [`by ${ordering}, of no name`, page(ordering, 1, 'nothing', 0)],
      ]),
    ),
  );
  print(`list of ${repositories} repositories, pages of ${size}, ms over HTTP`, figures);
}

async function timedInTurn(work: Readonly<Record<string, () => Promise<void>>>): Promise<Map<string, number[]>> {
  const figures = new Map<string, number[]>(Object.keys(work).map((name) => [name, []]));
  for (let sample = 0; sample < warmUp + samples; sample++) {
    for (const [name, run] of Object.entries(work)) {
      const started = performance.now();
      await run();
      if (sample >= warmUp) figures.get(name)?.push(performance.now() - started);
    }
  }
  return figures;
}

function print(title: string, figures: ReadonlyMap<string, readonly number[]>): void {
  console.log(`\n${title}`);
  printTable(
    ['', 'p50', 'p99'],
    [...figures].map(([name, values]) => [name, quantile(values, 0.5), quantile(values, 0.99)]),
  );
}

/** Within a minute or so PostgreSQL notices by itself what was written, and plans for that instead of for an empty table. */
async function analysed(): Promise<void> {
  const deadline = performance.now() + analysedMsMax;
  for (;;) {
    const { rows } = await database.query<{ done: boolean }>(
      `select bool_and(last_autoanalyze is not null) as done from pg_stat_user_tables
       where schemaname = 'read' and relname = 'repositories'`,
    );
    if (rows[0]?.done) return;
    if (performance.now() > deadline) throw new Error(`the tables are not analysed after ${analysedMsMax} ms`);
    await elapsed(500);
  }
}

async function caughtUp(): Promise<void> {
  const deadline = performance.now() + caughtUpMsMax;
  for (;;) {
    const { rows } = await database.query<{ done: boolean }>(
      `select position = (select max(position) from es.events) as done from es.projections where name = 'tables'`,
    );
    if (rows[0]?.done) return;
    if (performance.now() > deadline) throw new Error(`the read model is not there after ${caughtUpMsMax} ms`);
    await elapsed(200);
  }
}
