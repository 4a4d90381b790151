/** `docket projections rebuild` killed in the middle and begun again, while readers and writers go on. */
import { once } from 'node:events';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { spawnDocket } from '../support/docket.ts';
import { patched } from '../support/patch.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { ImportRecord } from '../support/world.ts';
import type { System } from '../support/world.ts';

const records: readonly ImportRecord[] = Array.from({ length: 200 }, (_, index) => ({
  name: `library/stored-${index}`,
  description: 'stored before',
  star_count: index,
}));
/** Pages so small that there is a middle to be killed in. */
const smallPages = patched([
  { file: '/projector/dist/tables/follower.js', from: 'pageEventsMax = 1_000', to: 'pageEventsMax = 10' },
  { file: '/projector/dist/search/follower.js', from: 'pageEventsMax = 10_000', to: 'pageEventsMax = 30' },
]);
const kills = 2;
const searchAnswer = z.object({ num_results: z.number() });

let world: System;

beforeAll(async () => {
  world = await createWorld({ environment: { LOG_LEVEL: 'silent' } });
  await world.importRepositories(records);
  await world.searchable();
});

afterAll(() => world.stop());

test.each(['tables', 'search'])(
  'a rebuild of %s that is killed again and again goes on where it was, and readers see no gap',
  async (name) => {
    const stopping = new AbortController();
    const seen = { writes: 0, reads: 0 };
    const writing = (async () => {
      for (; !stopping.signal.aborted; seen.writes++) await push(`${name}-${seen.writes}`);
    })();
    const reading = (async () => {
      for (; !stopping.signal.aborted; seen.reads++) {
        const index = seen.reads % records.length;
        expect((await get(`/v1/repositories/library/stored-${index}/images`)).status).toBe(200);
        const found = await get('/v1/search?q=stored');
        expect(found.status).toBe(200);
        expect(searchAnswer.parse(await found.json()).num_results).toBeGreaterThanOrEqual(records.length);
      }
    })();
    try {
      let before = 0n;
      for (let kill = 0; kill < kills; kill++) {
        before = await killedInTheMiddle(name, before);
        // What was built so far is there, and the running one is as it was.
        expect(await position(`${name}_next`)).toBeGreaterThanOrEqual(before);
      }
      const resumed = await world.verb(['projections', 'rebuild', name]);
      expect(resumed).toMatchObject({ status: 0, stdout: expect.stringContaining('in use') });
      const [, from = ''] = /^going on at position (\d+)$/m.exec(resumed.stderr) ?? [];
      expect(BigInt(from)).toBeGreaterThanOrEqual(before);
    } finally {
      stopping.abort();
      await Promise.all([writing, reading]);
    }
    expect(Math.min(seen.writes, seen.reads)).toBeGreaterThan(5);
    expect(await position(`${name}_next`)).toBeUndefined();
    await world.searchable();
    expect(await world.verb(['verify'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 differences/) });
  },
  90_000,
);

/** Answers with how far it had come. */
async function killedInTheMiddle(name: string, before: bigint): Promise<bigint> {
  const child = spawnDocket(['projections', 'rebuild', name], { ...world.environment, ...smallPages }, 'ignore');
  const ended = once(child, 'exit');
  try {
    return await until(`the rebuild of ${name} is in the middle`, async () => {
      if (child.exitCode !== null) throw new Error(`the rebuild ended with status ${child.exitCode}`);
      const [at, last] = [await position(`${name}_next`), await position(name)];
      return at !== undefined && last !== undefined && at > before && at < last && at;
    });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

async function position(name: string): Promise<bigint | undefined> {
  const [row] = await world.query<{ position: string }>('select position::text from es.projections where name = $1', [
    name,
  ]);
  return row && BigInt(row.position);
}

async function push(name: string): Promise<void> {
  const { admin } = world;
  const { status } = await fetch(`${world.urls[0]}/v1/repositories/library/${name}/`, {
    method: 'PUT',
    headers: {
      Authorization: `Basic ${Buffer.from(`${admin.name}:${admin.password}`).toString('base64')}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify([{ id: `image-of-${name}` }]),
  });
  expect(status).toBe(200);
}

function get(path: string): Promise<Response> {
  return fetch(`${world.urls[0]}${path}`);
}
