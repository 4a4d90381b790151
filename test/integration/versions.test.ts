/** Two versions of the processes at once: the older ones write PushOpened in its first version and cannot read it in its second. */
import { randomBytes } from 'node:crypto';

import { freePort } from '@docket/infra/free-port';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { apiService, projectorService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { patched } from '../support/patch.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

/** Before the second version of PushOpened: written in the first, and read in no other. */
const before271d585 = patched([{ file: '/shared/dist/stored-event.js', from: 'PushOpened: 2', to: '' }]);

const readiness = z.object({ checks: z.array(z.object({ name: z.string(), reason: z.string().optional() })) });

let world: System;
let olderApi: Service;
let olderProjector: Service;
let health: string;

beforeAll(async () => {
  world = await createWorld({ projectors: 0, environment: { LOG_LEVEL: 'silent' } });
  const port = await freePort();
  health = `http://127.0.0.1:${port}`;
  const environment = { ...world.environment, ...before271d585 };
  olderApi = apiService(environment);
  await olderApi.start();
  olderProjector = projectorService({ ...environment, HEALTH_PORT: String(port), PUBLIC_URL: olderApi.url });
  await olderProjector.start();
});

afterAll(async () => {
  await Promise.all([olderApi, olderProjector].map((service) => service.kill()));
  await world.stop();
});

test('what the older API wrote all read; what the newer one wrote the older answers with 503, for that repository alone', async () => {
  const [newerUrl = ''] = world.urls;
  await push(olderApi.url, 'by-older');
  await past('by-older', 'tables');
  expect(await versionsIn('by-older')).toEqual([1]);
  await push(newerUrl, 'by-newer');
  expect(await versionsIn('by-newer')).toEqual([2]);

  expect(await images(newerUrl, 'by-older')).toMatchObject({ status: 200, body: [{ id: 'image-of-by-older' }] });
  expect(await images(olderApi.url, 'by-older')).toMatchObject({ status: 200 });
  const refused = await images(olderApi.url, 'by-newer');
  expect(refused).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^\d+$/) });
  // Writes to it are refused as well: a decision needs all that was decided before.
  expect(await put(olderApi.url, 'by-newer')).toBe(503);
  expect(await put(olderApi.url, 'by-older')).toBe(200);
  // The tables know that it was created, and not what came next: a search finds it, and must leave it out alone.
  await until('the older projector has come as far as it can', async () => {
    const rows = await world.query(`select from read.repositories where name = 'by-newer'`);
    return rows.length === 1;
  });
  const search = await fetch(`${olderApi.url}/v1/search?q=by`);
  expect({ status: search.status, body: await search.json() }).toMatchObject({
    status: 200,
    body: { num_results: 1, results: [{ name: 'by-older' }] },
  });
  expect((await fetch(`${olderApi.url}/readyz`)).status).toBe(200);
});

test('the older projector waits before it and says so; one of today goes on, and then the older one has nothing to wait for', async () => {
  const said = async () => {
    const answer = await fetch(`${health}/readyz`);
    const { checks } = readiness.parse(await answer.json());
    return { status: answer.status, reason: checks.find(({ name }) => name === 'tables')?.reason };
  };
  await until('it waits', async () => (await said()).reason?.includes('waits for a newer version'));
  expect(await said()).toMatchObject({ status: 503 });
  expect((await world.verb(['projections'])).stdout).toMatch(/^tables .* waiting /m);
  const [before] = await world.query(`select position from es.projections where name = 'tables'`);
  await push(olderApi.url, 'behind-it');
  expect(await world.query(`select position from es.projections where name = 'tables'`)).toEqual([before]);

  const today = projectorService({ ...world.environment, PUBLIC_URL: world.urls[0] ?? '' });
  await today.start();
  try {
    await past('behind-it', 'tables');
    await until('the older one is well again', async () => (await said()).status === 200);
    expect((await world.verb(['projections'])).stdout).toMatch(/^tables .* at the end /m);
    // The row knows what the newer event said, and so the older API can read it.
    expect(await images(olderApi.url, 'by-newer')).toMatchObject({ status: 200, body: [{ id: 'image-of-by-newer' }] });
    // Both versions write, one stream after the other, and both read all of them as soon as they are projected.
    for (let round = 0; round < 5; round++) {
      await push(olderApi.url, `older-${round}`);
      await push(world.urls[0] ?? '', `newer-${round}`);
    }
    await past('newer-4', 'tables');
    for (let round = 0; round < 5; round++) {
      for (const url of [olderApi.url, world.urls[0] ?? '']) {
        expect((await images(url, `older-${round}`)).status).toBe(200);
        expect((await images(url, `newer-${round}`)).status).toBe(200);
      }
    }
    await world.searchable();
    expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
  } finally {
    await today.kill('SIGTERM');
  }
});

async function push(url: string, name: string): Promise<void> {
  expect(await put(url, name)).toBe(200);
}

async function put(url: string, name: string): Promise<number> {
  const { admin } = world;
  const answer = await fetch(`${url}/v1/repositories/library/${name}/`, {
    method: 'PUT',
    headers: {
      Authorization: `Basic ${Buffer.from(`${admin.name}:${admin.password}`).toString('base64')}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': randomBytes(8).toString('hex'),
    },
    body: JSON.stringify([{ id: `image-of-${name}` }]),
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function images(url: string, name: string) {
  const answer = await fetch(`${url}/v1/repositories/library/${name}/images`);
  const text = await answer.text();
  const body: unknown = answer.status === 200 ? JSON.parse(text) : text;
  return { status: answer.status, retryAfter: answer.headers.get('Retry-After'), body };
}

async function versionsIn(name: string): Promise<readonly number[]> {
  const rows = await world.query<{ schema_version: number }>(
    `select e.schema_version from es.events e
     join directory.repository_names n on e.stream_id = 'repository-' || n.repository_id
     where n.name = $1 and e.type = 'PushOpened'`,
    [name],
  );
  return rows.map((row) => row.schema_version);
}

async function past(name: string, projection: string): Promise<void> {
  await until(`${projection} is past the push of ${name}`, async () => {
    const rows = await world.query(
      `select from es.projections p where p.name = $1 and p.position >= (
         select max(e.position) from es.events e
         join directory.repository_names n on e.stream_id = 'repository-' || n.repository_id where n.name = $2)`,
      [projection, name],
    );
    return rows.length === 1;
  });
}
