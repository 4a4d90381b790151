/** A statement of the hot path that reads the whole log works in every test and fails in the second year. */
import type { Connection, Transaction } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import { readAfter, readCommand, readStreamBackwards } from '@docket/store/log/read';
import { lookUp } from '@docket/store/read/look-up';
import { parseFullName } from '@docket/shared/names';
import { repositoryStream } from '@docket/shared/stored-event';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { command, openStore } from '../support/append-commands.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const eventsInTheLog = 100_000;
const repositoryId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09';
const fullName = parseFullName('planned') ?? expect.fail('planned is a name');

let world: System;
/** One connection, so that every statement is prepared where the log is empty and stays prepared while it grows. */
let store: Connection;

beforeAll(async () => {
  world = await createWorld({ api: 0, projectors: 0 });
  store = openStore(world.databaseUrls.api, 1);
  await world.query(
    `insert into directory.repository_names (namespace_id, name, repository_id)
      select id, 'planned', $1 from directory.namespaces where name = 'library'`,
    [repositoryId],
  );
});

afterAll(async () => {
  await store.stop();
  await world.stop();
});

/** Everything that stands between a request and its answer, in one transaction, and how es.events was read by it. */
async function scansOfARequest(): Promise<{ readonly sequential: number; readonly indexed: boolean }> {
  return inTransaction(store.database, async (client) => {
    const before = await scans(client);
    const given = Array.from({ length: 20 }, () => command());
    await appendAll(client, given);
    await readAfter(client, 0n, 10);
    await readStreamBackwards(client, repositoryStream(repositoryId), undefined, {
      eventsMax: 10,
      bytesMax: 1_000_000,
      storedBytesMax: 1_000_000,
      imagesMax: 10,
    });
    await readCommand(client, given[0]?.commandId ?? '');
    await lookUp(client, fullName);
    const after = await scans(client);
    return { sequential: after.sequential - before.sequential, indexed: after.indexed > before.indexed };
  });
}

/** What this session did and has not yet reported. */
async function scans(transaction: Transaction): Promise<{ readonly sequential: number; readonly indexed: number }> {
  const { rows } = await sql<{ readonly sequential: number; readonly indexed: number }>`select
      seq_scan::int as sequential, idx_scan::int as indexed
    from pg_stat_xact_user_tables where relid = 'es.events'::regclass`.execute(transaction);
  const [row] = rows;
  if (!row) throw new Error('es.events has no statistics');
  return row;
}

async function fill(): Promise<void> {
  await world.query(
    `insert into es.events (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
      select 'repository-' || md5((g / 10)::text), 1 + g % 10, 'DescriptionChanged', 1, gen_random_uuid(), 1,
        '{"description": "one of many"}',
        '{"actor": null, "request_id": "r", "causation_id": "r", "correlation_id": "r"}'
      from generate_series(0, $1::int - 1) g`,
    [eventsInTheLog],
  );
}

describe.sequential('with a hundred thousand events in the log no request reads all of it', () => {
  test('when its statements were prepared while the log was all but empty', async () => {
    // A plan is kept from the sixth time on.
    for (let time = 0; time < 8; time++) await scansOfARequest();
    await fill();
    expect(await scansOfARequest()).toEqual({ sequential: 0, indexed: true });
  });

  test('when Postgres knows how many there are', async () => {
    await world.query('analyze es.events');
    for (let time = 0; time < 8; time++) {
      expect(await scansOfARequest()).toEqual({ sequential: 0, indexed: true });
    }
  });
});

describe('an append', () => {
  test('is by index even where its plan was made for a log that was vacuumed while it was empty', async () => {
    const vacuumed = await createWorld({ api: 0, projectors: 0 });
    const appender = openStore(vacuumed.databaseUrls.api, 1);
    try {
      await vacuumed.query('alter table es.events disable trigger user');
      await vacuumed.query('truncate es.events');
      await vacuumed.query('alter table es.events enable trigger user');
      await vacuumed.query('vacuum analyze es.events');
      const { sequential } = await inTransaction(appender.database, async (client) => {
        for (let time = 0; time < 8; time++) await appendAll(client, [command()]);
        return scans(client);
      });
      expect(sequential).toBe(0);
    } finally {
      await appender.stop();
      await vacuumed.stop();
    }
  });
});
