/** Search through the API against the same questions put to Meilisearch itself, over the real lists where they are at hand. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as elapsed } from 'node:timers/promises';

import { searchIndexUid } from '@docket/shared/search-index';
import pg from 'pg';

import { compare, interleave, printComparisons, printMachine } from './harness.ts';
import { asLines, madeUpRepositories, startInstance } from './instance.ts';
import { load } from './load.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 10);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 2_000);
const repositories = 100_000;
const questionsMax = 500;
const caughtUpMsMax = 300_000;

const pool = new URL('../../../../shared/data/queries-pool.jsonl', import.meta.url);
const questions = existsSync(pool)
  ? readFileSync(pool, 'utf8')
      .split('\n', questionsMax)
      .map((line): string => String(JSON.parse(line).q))
  : [...madeUpRepositories(questionsMax)].map(({ description }) => description.split(' ').slice(1, 5).join(' '));

const instance = await startInstance();
const database = new pg.Client({ connectionString: instance.databaseUrl });
await database.connect();
try {
  await printMachine(instance.databaseUrl);
  await instance.verb(['import', '-'], { input: asLines(madeUpRepositories(repositories)) });
  await caughtUp();
  const { rows } = await database.query<{ id: string }>('select id from directory.installation');
  const path = `/indexes/${searchIndexUid(rows[0]?.id ?? '')}/search`;
  const attributesToRetrieve = [
    'id',
    'full_name',
    'description',
    'star_count',
    'is_official',
    'is_trusted',
    'is_automated',
  ];
  for (const connections of [1, 8]) {
    const figures = await interleave({
      rounds,
      roundMs,
      contenders: [
        load({
          name: 'Meilisearch itself',
          url: instance.meilisearchUrl,
          connections,
          requests: questions.map((q) => ({
            method: 'POST',
            path,
            headers: { authorization: `Bearer ${instance.meilisearchKey}`, 'content-type': 'application/json' },
            body: JSON.stringify({ q: q.toLowerCase(), filter: 'private = false', limit: 25, attributesToRetrieve }),
          })),
        }),
        load({
          name: 'GET /v1/search',
          url: instance.url,
          connections,
          requests: questions.map((q) => ({ path: `/v1/search?q=${encodeURIComponent(q)}` })),
        }),
      ],
    });
    printComparisons(
      `search, ${connections} connections, ${repositories} repositories`,
      compare(figures, 'Meilisearch itself'),
    );
  }
} finally {
  await database.end();
  await instance.stop();
}

async function caughtUp(): Promise<void> {
  const deadline = performance.now() + caughtUpMsMax;
  for (;;) {
    const { rows } = await database.query<{ done: boolean }>(
      `select min(position) = (select max(position) from es.events) as done from es.projections where name in ('tables', 'search')`,
    );
    if (rows[0]?.done) return;
    if (performance.now() > deadline) throw new Error(`the search index is not there after ${caughtUpMsMax} ms`);
    await elapsed(200);
  }
}
