/** One projector is cut off from the database for good while the other is not: search and mail change hands, and no mail is lost or sent twice. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { projectorService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const leaseMsMax = 5_000;

let world: System;
let line: TcpProxy;
let cut: Service;
let other: Service;

beforeAll(async () => {
  world = await createWorld({ projectors: 0, environment: { LOG_LEVEL: 'silent' } });
  const direct = new URL(world.databaseUrls.projector);
  line = await tcpProxy({ host: direct.hostname, port: Number(direct.port) });
  const throughLine = Object.assign(new URL(direct), { port: String(line.port) }).href;
  const environment = { ...world.environment, PUBLIC_URL: world.urls[0] ?? '' };
  cut = projectorService({ ...environment, PROJECTOR_DATABASE_URL: throughLine });
  other = projectorService(environment);
  await cut.start();
  await until('it holds search and mail', async () => (await holders()).every((pid) => pid === cut.pid));
  await other.start();
});

afterAll(async () => {
  await Promise.all([cut, other].map((service) => service.kill()));
  await line.stop();
  await world.stop();
});

test('after the line of the one that holds them was cut the other one has search and mail within 5 s', async () => {
  await world.createAccount('before_cut');
  await line.stop();
  const registered = world.createAccount('while_cut');
  await until(
    'the other holds search and mail',
    async () => (await holders()).every((pid) => pid === other.pid),
    leaseMsMax,
  );
  await registered;
  expect(cut.running).toBe(true);
  // The line is there again: whoever lost the leases moves nothing under them, and takes them when they are free.
  await line.start();
  await world.createAccount('after_cut');
  expect((await world.mails()).map(({ to }) => to).toSorted()).toEqual(
    ['after_cut', 'before_cut', 'while_cut'].map((name) => `${name}@example.org`),
  );
  await other.kill('SIGTERM');
  await until('it is given back', async () => (await holders()).every((pid) => pid === cut.pid), leaseMsMax);
  await world.createAccount('at_the_end');
  await world.searchable();
  expect(await world.verb(['verify'])).toMatchObject({ status: 0 });
});

async function holders(): Promise<readonly number[]> {
  const rows = await world.query<{ holder: string | null }>(
    `select holder from es.projections where name in ('search', 'mail')`,
  );
  return rows.map(({ holder }) => Number(holder?.split(' ')[1]));
}
