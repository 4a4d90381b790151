/** A follower that dies, freezes or is cut off: how long until another one does its work. */
import { afterEach, beforeEach, expect, test } from 'vitest';

import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const tablesMsMax = 2_000;
const leaseMsMax = 5_000;

let world: System;

beforeEach(async () => {
  world = await createWorld({ projectors: 2, environment: { LOG_LEVEL: 'silent' } });
});

afterEach(() => world.stop());

test.each([['SIGKILL'], ['SIGSTOP']] as const)(
  'after %s of the one that works the tables go on within 2 s, search and mail within 5 s',
  async (signal) => {
    await push('before');
    await world.searchable();
    const [row] = await world.query<{ holder: string }>(`select holder from es.projections where name = 'search'`);
    const victim = world.projectors.find(({ pid }) => row?.holder.includes(` ${pid} `));
    if (victim === undefined) throw new Error(`nobody holds the search index: ${row?.holder}`);
    // In the middle of a page: the writers go on all the time.
    const stopping = new AbortController();
    const writing = (async () => {
      for (let round = 0; !stopping.signal.aborted; round++) await push(`load-${round}`);
    })();
    try {
      process.kill(victim.pid, signal);
      await push('after');
      await projected('after', 'tables', tablesMsMax);
      await projected('after', 'search', leaseMsMax);
      await projected('after', 'mail', leaseMsMax);
    } finally {
      stopping.abort();
      await writing;
      if (signal === 'SIGSTOP') process.kill(victim.pid, 'SIGCONT');
    }
    await world.searchable();
    expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
  },
);

test('after the lines to the database were cut all go on as soon as they are there again', async () => {
  await push('before');
  await world.searchable();
  await world.database.stop();
  await world.database.start();
  await until('the API takes it', () => push('after').then(() => true));
  await projected('after', 'tables', tablesMsMax);
  await projected('after', 'search', leaseMsMax);
  expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
});

/** The follower is past the event that this push led to. */
async function projected(name: string, projection: string, ms: number): Promise<void> {
  await until(
    `${projection} is past the push of ${name}`,
    async () => {
      const rows = await world.query(
        `select from es.projections p where p.name = $1 and p.position >= (
           select max(e.position) from es.events e join directory.repository_names n on e.stream_id = 'repository-' || n.repository_id
           where n.name = $2)`,
        [projection, name],
      );
      return rows.length === 1;
    },
    ms,
  );
}

async function push(name: string): Promise<void> {
  const { admin, urls } = world;
  const { status } = await fetch(`${urls[0]}/v1/repositories/library/${name}/`, {
    method: 'PUT',
    headers: {
      Authorization: `Basic ${Buffer.from(`${admin.name}:${admin.password}`).toString('base64')}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify([{ id: `image-of-${name}` }]),
  });
  expect(status).toBe(200);
}
