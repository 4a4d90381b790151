/** One event makes the transaction of its page end every time: it is tried again, and told with position and reason wherever one looks. */
import { freePort } from '@docket/infra/free-port';
import { tablesProjection } from '@docket/store/followers/checkpoint';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { z } from 'zod';

import { projectorService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { Account, System } from '../support/world.ts';

const toldMsMax = 60_000;
const readiness = z.object({
  ready: z.boolean(),
  checks: z.array(
    z.object({ name: z.string(), ok: z.boolean(), required: z.boolean(), reason: z.string().optional() }),
  ),
});

const endings = [
  {
    how: 'breaks the connection',
    statement: 'perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1);',
    reason: 'terminating connection due to administrator command|Connection terminated unexpectedly',
  },
  {
    how: 'ends by a timeout',
    statement: `raise exception 'canceling statement due to statement timeout' using errcode = '57014';`,
    reason: 'canceling statement due to statement timeout',
  },
] as const;

let world: System;
let second: Service;
let healths: readonly string[];
let owner: Account;

beforeAll(async () => {
  const ports = [await freePort(), await freePort()];
  healths = ports.map((port) => `http://127.0.0.1:${port}`);
  world = await createWorld({ environment: { HEALTH_PORT: String(ports[0]), LOG_LEVEL: 'error' } });
  second = projectorService({ ...world.environment, PUBLIC_URL: world.urls[0] ?? '', HEALTH_PORT: String(ports[1]) });
  await second.start();
  owner = await world.createAccount();
});

afterAll(async () => {
  await second.kill();
  await world.stop();
});

test.each(endings)('an event whose page $how every time is told, and nothing is lost', async ({ how, ...ending }) => {
  const name = how.replaceAll(' ', '-');
  await world.projected();
  await spoil('read', name, ending.statement);
  await push(name);
  await push(`behind-${name}`);
  const position = await createdAt(name);
  const told = new RegExp(`failed \\d+ times in \\d+ s at position ${position}: .*(${ending.reason})`);

  for (const health of healths) {
    await until('readyz tells it', async () => told.test((await tables(health))?.reason ?? ''), toldMsMax);
    expect((await readyz(health)).status).toBe(503);
  }
  expect((await world.verb(['projections'])).stdout).toMatch(new RegExp(`^tables .* failing .*${told.source}`, 'm'));
  expect(await metrics()).toMatch(/docket_projection_failing\{projection="tables"\} 1/);
  const said = [...world.projectors, second].map(({ complaints }) => complaints).join('');
  const lines = said.split('\n').filter((line) => line.includes('does not get on') && told.test(line));
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThanOrEqual(2);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: 'error', position });
  // Reads of a repository are as fresh as the log all the same.
  expect((await fetch(`${world.urls[0]}/v1/repositories/${owner.name}/${name}/images`)).status).toBe(200);

  await heal('read');
  for (const health of healths) await until('it is well again', async () => (await readyz(health)).status === 200);
  await world.searchable();
  expect((await world.verb(['projections'])).stdout).toMatch(/^tables .* at the end .* - *$/m);
  expect(await metrics()).toMatch(/docket_projection_failing\{projection="tables"\} 0/);
  expect(await world.verb(['verify'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 differences/) });
});

test('a rebuild that does not get on says so and ends; whoever looks sees why; it goes on when that is put right', async () => {
  await push('rebuilt');
  await world.projected();
  await world.query(`select es.begin_rebuild()`);
  await world.query(
    `insert into es.projections (name, version, position) values ('tables_next', ${tablesProjection.version}, 0)`,
  );
  await spoil('read_next', 'rebuilt', endings[0].statement);
  const told = new RegExp(`failed \\d+ times in \\d+ s at position \\d+: .*(${endings[0].reason})`);
  const failed = await world.verb(['projections', 'rebuild', 'tables']);
  expect(failed).toMatchObject({ status: 1, stderr: expect.stringMatching(told) });
  expect((await world.verb(['projections'])).stdout).toMatch(
    new RegExp(`^tables_next .* failing .*${told.source}`, 'm'),
  );
  // The tables that are in use are well.
  const { status, body } = await readyz(healths[0]);
  expect(status).toBe(200);
  expect(body.checks.find((check) => check.name === 'tables_next')).toMatchObject({
    ok: false,
    required: false,
    reason: expect.stringMatching(told),
  });
  await heal('read_next');
  expect(await world.verb(['projections', 'rebuild', 'tables'])).toMatchObject({ status: 0 });
  expect((await readyz(healths[0])).body.checks.every(({ ok }) => ok)).toBe(true);
  expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
});

/** Only a superuser may end a connection of another role, so the trigger has the rights of one. */
async function spoil(schema: string, name: string, statement: string): Promise<void> {
  await asSuperuser(`
    create or replace function public.spoil() returns trigger language plpgsql security definer as $$
    begin if new.name = '${name}' then ${statement} end if; return new; end $$;
    create trigger spoiled before insert or update on ${schema}.repositories for each row execute function public.spoil()`);
}

async function heal(schema: string): Promise<void> {
  await asSuperuser(`drop trigger spoiled on ${schema}.repositories`);
}

async function asSuperuser(statements: string): Promise<void> {
  const url = new URL(inject('stack').superuserUrl);
  url.pathname = new URL(world.databaseUrls.owner).pathname;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(statements);
  } finally {
    await client.end();
  }
}

async function createdAt(name: string): Promise<string> {
  const [row] = await world.query<{ position: string }>(
    `select position::text from es.events where type = 'RepositoryCreated' and data ->> 'name' = $1`,
    [name],
  );
  if (row === undefined) throw new Error(`${name} is not in the log`);
  return row.position;
}

async function push(name: string): Promise<void> {
  const { status } = await fetch(`${world.urls[0]}/v1/repositories/${owner.name}/${name}/`, {
    method: 'PUT',
    headers: {
      Authorization: `Basic ${Buffer.from(`${owner.name}:${owner.password}`).toString('base64')}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify([{ id: `image-of-${name}` }]),
  });
  expect(status).toBe(200);
}

async function readyz(health = ''): Promise<{ status: number; body: z.infer<typeof readiness> }> {
  const answer = await fetch(`${health}/readyz`);
  return { status: answer.status, body: readiness.parse(await answer.json()) };
}

async function tables(health: string) {
  return (await readyz(health)).body.checks.find(({ name }) => name === 'tables');
}

async function metrics(): Promise<string> {
  return (await fetch(`${healths[0]}/metrics`)).text();
}
