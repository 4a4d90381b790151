import { randomUUID } from 'node:crypto';

import { connect } from '@docket/store/connect';
import type { Connection } from '@docket/store/connect';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';

import type { Service } from '../support/docket.ts';
import { expectedReadModels, storedReadModels } from '../support/read-models.ts';
import { appendHistories, attempts, eventsOf } from '../support/repository-histories.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const kills = 10;
const streamsPerRound = 40;
/** Always a few pages to do, and not the whole machine for the writer. */
const backlogEventsMax = 2_500n;
const takeoverMsMax = 2_000;

let world: System;
let api: Connection;
/** Sees what the connections of others are at. */
let superuser: pg.Client;

beforeAll(async () => {
  world = await createWorld({
    api: 0,
    projectors: 2,
    environment: { PUBLIC_URL: 'http://localhost', LOG_LEVEL: 'fatal' },
  });
  const url = world.databaseUrls.api;
  api = connect({ url, applicationName: 'test', pooler: 'none', connectionsMax: 2, onIdleError: () => undefined });
  superuser = new pg.Client({ connectionString: inject('stack').superuserUrl });
  await superuser.connect();
});

afterAll(async () => {
  await superuser.end();
  await api.stop();
  await world.stop();
});

test(
  'projectors killed in the middle of pages, again and again, with two running: every event is applied once',
  { timeout: 120_000 },
  async () => {
    const [library] = await world.query<{ id: string }>(`select id from directory.namespaces where name = 'library'`);
    const writing = new AbortController();
    const written = write(library?.id ?? '', writing.signal);

    onTestFinished(async () => {
      writing.abort();
      await written;
    });

    let killed = 0;
    let inTheMiddle = 0;
    const takeoversMs: number[] = [];
    while (killed < kills) {
      const victim = await until('a projector is seen at a page', atAPage);
      // Frozen first: what its connection is in then is what the kill leaves behind.
      process.kill(victim.pid, 'SIGSTOP');
      const state = await until('its last statement is answered', () => settledState(victim.pid));
      const before = await checkpoint();
      const since = performance.now();
      await victim.kill('SIGKILL');
      killed += 1;
      if (state === 'idle in transaction') {
        inTheMiddle += 1;
        await until('the other one goes on', async () => (await checkpoint()) > before);
        takeoversMs.push(performance.now() - since);
      }
      await victim.start();
    }
    writing.abort();
    const events = await written;
    await world.projected();

    console.log(
      `${killed} kills, ${inTheMiddle} of them inside of an open transaction; ${events} events; ` +
        `takeover at most ${Math.round(Math.max(...takeoversMs))} ms`,
    );
    expect(inTheMiddle).toBeGreaterThan(0);
    expect(Math.max(...takeoversMs)).toBeLessThan(takeoverMsMax);
    const stored = await storedReadModels(api.database, 'read');
    expect(stored).toEqual(await expectedReadModels(api.database));
    // Every event counts one version of its row, so none was applied twice and none was left out.
    expect(stored.repositories.reduce((sum, { version }) => sum + version, 0)).toBe(events);
    const [end] = await world.query(
      `select p.position = e.position as at_the_end, p.command_id = e.command_id as by_its_command
       from es.projections p, (select position, command_id from es.events order by position desc limit 1) e
       where p.name = 'tables'`,
    );
    expect(end).toEqual({ at_the_end: true, by_its_command: true });
  },
);

/** Until told to end; answers with how many events it wrote. */
async function write(namespace_id: string, signal: AbortSignal): Promise<number> {
  let events = 0;
  for (let round = 0; !signal.aborted; round += 1) {
    const histories = fc.sample(attempts, { numRuns: streamsPerRound, seed: round }).map((sequence) => {
      const repositoryId = randomUUID();
      return { repositoryId, events: eventsOf({ namespace_id, name: `r-${repositoryId}` }, sequence) };
    });
    await appendHistories(api.database, histories);
    events += histories.reduce((sum, history) => sum + history.events.length, 0);
    await until('the projectors keep up', async () => signal.aborted || (await backlog()) < backlogEventsMax);
  }
  return events;
}

interface Activity {
  readonly pid: number;
  readonly state: string;
  readonly in_transaction: boolean;
}

/** Connections of the projectors, by the number of their process. */
async function activity(): Promise<readonly Activity[]> {
  const { rows } = await superuser.query<Activity>(
    `select split_part(application_name, ' ', 3)::int as pid, state, xact_start is not null as in_transaction
     from pg_stat_activity where datname = $1 and application_name like 'docket projector %'`,
    [new URL(world.databaseUrls.owner).pathname.slice(1)],
  );
  return rows;
}

async function atAPage(): Promise<Service | undefined> {
  const rows = await activity();
  const busy = new Set(rows.filter((row) => row.in_transaction).map(({ pid }) => pid));
  return world.projectors.find((service) => service.running && busy.has(service.pid));
}

/** The state of the connections of a frozen process: a statement that is active still ends, and then nothing more comes. */
async function settledState(victim: number): Promise<string | undefined> {
  const states = new Set((await activity()).filter(({ pid }) => pid === victim).map(({ state }) => state));
  if (states.has('active')) return undefined;
  return states.has('idle in transaction') ? 'idle in transaction' : 'idle';
}

async function backlog(): Promise<bigint> {
  const [row] = await world.query<{ position: string }>('select max(position) as position from es.events');
  return BigInt(row?.position ?? 0) - (await checkpoint());
}

async function checkpoint(): Promise<bigint> {
  const [row] = await world.query<{ position: string }>(`select position from es.projections where name = 'tables'`);
  return BigInt(row?.position ?? 0);
}
