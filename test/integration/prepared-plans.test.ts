/** A statement of the hot path is planned once on a connection. One that is planned at every call costs three times as much and fails no test. */
import { accountById, accountByName } from '@docket/api/access/accounts';
import { lookUp, lookUpImages, publicNumbers } from '@docket/store/read/look-up';
import { readImageList, readNamedImages } from '@docket/store/read/images';
import type { Connection } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import { inTransaction } from '@docket/store/transaction';
import { imageId, parseFullName, tagName } from '@docket/shared/names';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { command, openStore } from '../support/append-commands.ts';
import { push, repositoryOf } from '../support/repository.ts';
import { staged } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

/** PostgreSQL plans the first five calls for their values, and then decides. */
const calls = 12;

let world: System;
let stage: Stage;
let store: Connection;

beforeAll(async () => {
  world = await createWorld();
  stage = await staged(world);
  store = openStore(world.databaseUrls.api, 1);
});

afterAll(async () => {
  await store?.stop();
  await world?.stop();
});

test('on a young installation, whose tables were never analysed, whoever asks', async () => {
  const { database } = store;
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  await world.projected();
  const fullName = parseFullName(repository.fullName);
  if (!fullName) throw new Error('it has no name');
  const { repository: at } = await lookUp(database, fullName);
  if (!at?.number) throw new Error('the projector has not seen it');
  const named = { imageIds: [imageId.parse('a')], tags: [tagName.parse('latest')], announcedLengths: [1] };
  for (let call = 0; call < calls; call++) {
    for (const viewer of [undefined, stage.owner.id, stage.stranger.id]) {
      await lookUp(database, fullName, viewer);
      await lookUpImages(database, fullName, viewer);
    }
    await accountByName(database, stage.owner.name);
    await accountById(database, stage.owner.id);
    await publicNumbers(database, [at.number]);
    await readImageList(database, at.id);
    await readNamedImages(database, at.id, named);
    await inTransaction(database, (transaction) => appendAll(transaction, [command()]));
  }
  const { rows } = await sql<{ name: string; planned: string }>`select name,
      case when generic_plans > 0 then 'once' else custom_plans || ' times' end as planned
    from pg_prepared_statements order by name`.execute(database);
  expect(Object.fromEntries(rows.map(({ name, planned }) => [name, planned]))).toEqual({
    account_by_id: 'once',
    account_by_name: 'once',
    append: 'once',
    images_of_repository: 'once',
    look_up: 'once',
    look_up_images: 'once',
    named_images_of_repository: 'once',
    public_numbers: 'once',
  });
});
