/** One rule for what people write, whichever way it comes in; what acts on a terminal is refused, and what is stored of it is not shown there. */
import { repositoryStream } from '@docket/shared/stored-event';
import type { DomainEvent } from '@docket/shared/stored-event';
import { appendAll } from '@docket/store/log/append';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { command, described, openStore } from '../support/append-commands.ts';
import { hub } from '../support/hub.ts';
import type { Hub } from '../support/hub.ts';
import { fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account, System } from '../support/world.ts';

let world: System;
let ask: Hub;
let owner: Account;

beforeAll(async () => {
  world = await createWorld();
  ask = hub(world.urls);
  owner = await world.createAccount();
}, 120_000);

afterAll(() => world?.stop());

const acting = ['\u001b[2J\u001b]0;owned\u0007', '\u009b2J', '\u007f', '\u202eexe.', '\u2066', '\u200f', '\u061c'];
const turns = 'or characters that turn the direction of writing';

async function created(body: object = {}): Promise<{ readonly name: string; readonly path: string }> {
  const name = fresh('text-');
  const answer = await ask('POST', `/v2/repositories/${owner.name}`, { as: owner, body: { name, ...body } });
  expect(answer.status).toBe(201);
  return { name, path: `/v2/repositories/${owner.name}/${name}` };
}

const refusedAs = (field: string, reason: string) => ({
  status: 400,
  body: { message: `${field}: ${reason}`, fields: { [field]: [`${field}: ${reason}`] } },
});

describe.each(acting)('%j is refused', (text) => {
  test.each(['description', 'full_description'])('in the %s of a repository, new or not', async (field) => {
    const { path } = await created();
    const refused = refusedAs(field, `must not contain control characters ${turns}`);
    const told = { [field]: `a ${text} b` };
    for (const { status, body } of [
      await ask('PATCH', path, { as: owner, body: told }),
      await ask('POST', `/v2/repositories/${owner.name}`, { as: owner, body: { name: fresh('text-'), ...told } }),
    ]) {
      expect({ status, body }).toEqual(refused);
    }
  });

  test('in the reason of a takedown', async () => {
    const { path } = await created();
    const refused = refusedAs('reason', `must not contain control characters, line breaks ${turns}`);
    for (const target of [path.replace('/v2/', '/v2/takedowns/'), `/v2/takedowns/images/${fresh('id')}`]) {
      const { status, body } = await ask('PUT', target, { as: world.admin, body: { reason: `a ${text} b` } });
      expect({ status, body }).toEqual(refused);
    }
  });

  test('in a line of an import, in the same words and not said again', async () => {
    const fields = ['description', 'full_description'];
    const lines = fields.map((field) => JSON.stringify({ name: `${owner.name}/imported`, [field]: `a ${text} b` }));
    const { status, stderr } = await world.verb(['import', '-'], lines.join('\n'));
    expect(status).toBe(1);
    expect(stderr.split('\n').filter((line) => line.startsWith('line '))).toEqual(
      fields.map(
        (field, index) =>
          `line ${index + 1}: "${owner.name}/imported": ${field}: must not contain control characters ${turns}`,
      ),
    );
  });
});

test('lines and tabs stay where texts have them, by either way', async () => {
  const texts = { description: 'one\r\n\ttwo\nthree', full_description: '# One\r\n\ttwo\rthree\n' };
  const { path } = await created(texts);
  expect(await ask('GET', path)).toMatchObject({ body: texts });
  const name = fresh('imported-');
  const line = JSON.stringify({ name: `${owner.name}/${name}`, ...texts });
  expect(await world.verb(['import', '-'], line)).toMatchObject({ status: 0 });
  expect(await ask('GET', `/v2/repositories/${owner.name}/${name}`)).toMatchObject({ body: texts });
});

test('what an import brought may be sent back as it is, however long, and is no change', async () => {
  const name = fresh('imported-');
  const description = 'long '.repeat(60);
  await world.verb(['import', '-'], JSON.stringify({ name: `${owner.name}/${name}`, description }));
  const path = `/v2/repositories/${owner.name}/${name}`;
  const { header } = await ask('GET', path);
  const again = await ask('PATCH', path, { as: owner, body: { description, full_description: '' } });
  expect(again).toMatchObject({ status: 200, body: { description } });
  expect(again.header('ETag')).toBe(header('ETag'));
  const longer = await ask('PATCH', path, { as: owner, body: { description: `${description}more` } });
  expect(longer).toMatchObject(refusedAs('description', 'must have at most 100 characters'));
});

describe('what was stored before', () => {
  const old = 'ol\u001b[2Jd \u009b\u202etext\r\n';
  const [shown, reason] = ['ol[2Jd text\r\n', `it \u001b[2Jmines`];

  async function appended(path: string, name: string, ...events: readonly DomainEvent[]): Promise<void> {
    const { header } = await ask('GET', path, { as: owner });
    const [row] = await world.query<{ id: string }>(
      'select repository_id as id from directory.repository_names where name = $1',
      [name],
    );
    const expectedVersion = Number((header('ETag') ?? '').replaceAll('"', ''));
    const store = openStore(world.databaseUrls.api, 1);
    try {
      const streamId = repositoryStream(row?.id ?? '');
      const [verdict] = await appendAll(store.database, [command({ streamId, expectedVersion, events })]);
      expect(verdict).toMatchObject({ outcome: 'appended' });
    } finally {
      await store.stop();
    }
  }

  test('is in the answers of the search without what acts, whichever engine answers', async () => {
    const { name, path } = await created();
    await appended(path, name, described(old));
    const found = async (q: string) => {
      const { body, header } = await ask('GET', `/v1/search?q=${q}`);
      const result = Object(body).results.find((one: { name: string }) => one.name === `${owner.name}/${name}`);
      return { engine: header('X-Docket-Search'), description: result?.description };
    };
    await world.searchable();
    // By its very name, which is read from the log, and by a word of it, which the engine finds.
    expect(await found(`${owner.name}/${name}`)).toMatchObject({ description: shown });
    expect(await found(name)).toEqual({ engine: 'meilisearch', description: shown });
    await world.meilisearch.stop();
    try {
      expect(await found(name)).toEqual({ engine: 'postgres', description: shown });
    } finally {
      await world.meilisearch.start();
    }
    // It is read and sent back as it is.
    expect(await ask('GET', path)).toMatchObject({ body: { description: old } });
    const again = { as: owner, body: { description: old, full_description: '# New' } };
    expect(await ask('PATCH', path, again)).toMatchObject({ status: 200, body: { description: old } });
  });

  test('is told without it to who pushes what was taken down', async () => {
    const { name, path } = await created();
    await appended(path, name, { type: 'RepositoryTakenDown', data: { reason } });
    const target = `/v1/repositories/${owner.name}/${name}/`;
    const { status, text } = await ask('PUT', target, { as: owner, body: [] });
    expect({ status, text }).toEqual({
      status: 403,
      text: JSON.stringify({ error: `${owner.name}/${name} was taken down: it [2Jmines` }),
    });
  });
});
