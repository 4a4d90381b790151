/** A page of the log is bounded by the bytes of its events as well as by their number. */
import type { Connection } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import { readAfter } from '@docket/store/log/read';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { command, described, openStore } from '../support/append-commands.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

/** Stored in some three hundred bytes. */
const description = 'a'.repeat(25_000);
const events = 40;

let world: System;
let store: Connection;
let before: bigint;

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  store = openStore(world.databaseUrls.projector, 1);
  const appending = openStore(world.databaseUrls.api, 1);
  const { rows } = await sql<{ end: bigint }>`select max(position) as end from es.events`.execute(store.database);
  before = rows[0]?.end ?? 0n;
  await appendAll(
    appending.database,
    Array.from({ length: events }, () => command({ events: [described(description)] })),
  );
  await appending.stop();
});

afterAll(async () => {
  await store.stop();
  await world.stop();
});

test('it ends before the event that would make it too large, by what the data are when they are unpacked', async () => {
  const page = await readAfter(store.database, before, 1_000, 10 * 25_000 + 12_500);
  expect(page).toHaveLength(10);
});

test('it has one event at least, however large that is', async () => {
  const page = await readAfter(store.database, before, 1_000, 1);
  expect(page.map(({ event }) => event)).toEqual([described(description)]);
});

test('its number of events counts as well', async () => {
  expect(await readAfter(store.database, before, 3, 1_000_000)).toHaveLength(3);
});

test('page after page of them is the whole log, each event once', async () => {
  const seen: bigint[] = [];
  for (let after = before; ; after = seen.at(-1) ?? after) {
    const page = await readAfter(store.database, after, 1_000, 100_000);
    if (page.length === 0) break;
    expect(page.length).toBeLessThan(5);
    seen.push(...page.map(({ position }) => position));
  }
  expect(seen).toHaveLength(events);
  expect(seen).toEqual((await readAfter(store.database, before, 1_000)).map(({ position }) => position));
});
