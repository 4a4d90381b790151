/** What one account, request or answer may be at most, through two API processes: refused with a sentence that says the bound. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { arranged, basic, bodyOf, fresh, headersWith, inTurn } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { valuesOf } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { whole, wholly } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { Credentials, System } from '../support/world.ts';

const imagesMax = 40;
const repositoriesMax = 10;
const organizationsMax = 3;
const addressesMax = 2;
const eventsMax = 60;
const megabytesMax = 1;

let world: System;
let send: Stage['send'];

beforeAll(async () => {
  world = await createWorld({
    api: 2,
    environment: {
      REPOSITORY_IMAGES_MAX: String(imagesMax),
      NAMESPACE_REPOSITORIES_MAX: String(repositoriesMax),
      ACCOUNT_ORGANIZATIONS_MAX: String(organizationsMax),
      ACCOUNT_UNCONFIRMED_ADDRESSES_MAX: String(addressesMax),
      ACCOUNT_DAILY_EVENTS_MAX: String(eventsMax),
      ACCOUNT_DAILY_MEGABYTES_MAX: String(megabytesMax),
    },
  });
  send = inTurn(world.urls);
}, 120_000);

afterAll(() => world?.stop());

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const listOf = (count: number) => numbers(count).map((number) => ({ id: `image${number}` }));

function ask(method: string, target: string, as: Credentials, body?: unknown): Promise<Answer> {
  const text = body === undefined ? null : JSON.stringify(body);
  return send({ method, target, headers: headersWith(basic(as)), body: text });
}

const create = (as: Credentials, namespace: string, name: string) =>
  ask('POST', `/v2/namespaces/${namespace}/repositories`, as, { name });
const push = (as: Credentials, fullName: string, images: unknown) =>
  ask('PUT', `/v1/repositories/${fullName}/`, as, images);
const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status);

async function rows(text: string, ...values: readonly unknown[]): Promise<number> {
  const [row] = await world.query<{ count: string }>(`select count(*) from ${text}`, values);
  return Number(row?.count);
}

const namesIn = (namespace: string) =>
  rows(
    `directory.repository_names r join directory.namespaces n on n.id = r.namespace_id where n.name = $1`,
    namespace,
  );

describe('a list', () => {
  test('of as many images as there may be is taken, and one more is refused by what it is', async () => {
    const owner = await world.createAccount();
    const repository = `${owner.name}/web`;
    arranged(await push(owner, repository, listOf(imagesMax)), 200);
    const refused = wholly(413, {
      error: `the list has ${imagesMax + 1} entries; one may have ${imagesMax}`,
    });
    expect(whole(await push(owner, `${owner.name}/other`, listOf(imagesMax + 1)))).toEqual(refused);
    const target = `/v1/repositories/${repository}/images`;
    expect(whole(await ask('PUT', target, owner, listOf(imagesMax + 1)))).toEqual(refused);
    expect(await namesIn(owner.name)).toBe(1);
  });

  test('that would be a million values is refused before it is made one', async () => {
    const owner = await world.createAccount();
    const body = `[${'[],'.repeat(1_000_000)}[]]`;
    const answer = await send({
      method: 'PUT',
      target: `/v1/repositories/${owner.name}/web/`,
      headers: headersWith(basic(owner)),
      body,
    });
    expect(whole(answer)).toEqual(
      wholly(413, { error: `the list has far more than ${imagesMax} entries; one may have ${imagesMax}` }),
    );
  });

  test('with an entry that is wrong is told which', async () => {
    const owner = await world.createAccount();
    const answer = await push(owner, `${owner.name}/web`, [...listOf(20), { id: 'a b' }]);
    expect(answer.status).toBe(400);
    expect(bodyOf(answer)).toMatchObject({ field: '[20].id' });
  });

  test('in a line of an import is held to the same, and the line is named', async () => {
    const line = (name: string, images: number) => `${JSON.stringify({ name, images: listOf(images) })}\n`;
    const name = fresh('imported-');
    const text = line(`team_x/${name}`, imagesMax) + line(`team_x/${name}-2`, imagesMax + 1);
    const { stdout, stderr } = await world.verb(['import', '-'], text);
    expect(stdout).toContain('1 repositories created, 0 changed, 0 unchanged, 1 refused');
    expect(stderr).toContain(`line 2`);
    expect(stderr).toContain(`the list has ${imagesMax + 1} entries; one may have ${imagesMax}`);
    expect(await namesIn('team_x')).toBe(1);
  });
});

describe('a namespace', () => {
  const full = (namespace: string) => ({
    limit: repositoriesMax,
    left: 0,
    message: `${namespace} has ${repositoriesMax} of at most ${repositoriesMax} repositories; delete some, or ask an admin of this index for more`,
  });

  test('has as many repositories as it may when thirty are begun at once, and a deleted one makes room', async () => {
    const owner = await world.createAccount();
    const answers = await Promise.all(numbers(30).map((number) => create(owner, owner.name, `r${number}`)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(repositoriesMax);
    const refused = answers.filter(({ status }) => status !== 201);
    const { message, ...bound } = full(owner.name);
    for (const answer of refused) expect(whole(answer)).toEqual(wholly(409, { message, ...bound }));
    expect(await namesIn(owner.name)).toBe(repositoriesMax);
    expect(whole(await push(owner, `${owner.name}/pushed`, []))).toEqual(wholly(409, { error: message, ...bound }));

    const first = numbers(30).find((number) => answers[number]?.status === 201);
    const path = `/v2/repositories/${owner.name}/r${first}`;
    arranged(await ask('DELETE', path, owner), 202);
    await world.projected();
    arranged(await create(owner, owner.name, 'instead'), 201);
    // What is had back or begun anew counts as what is new does.
    expect(whole(await ask('POST', `${path}/restore`, owner))).toEqual(wholly(409, { message, ...bound }));
    expect(whole(await push(owner, `${owner.name}/r${first}`, []))).toEqual(wholly(409, { error: message, ...bound }));
    // An admin of the index is not held to it, and neither is an import.
    arranged(await create(world.admin, owner.name, 'of-the-admin'), 201);
    await world.importRepositories([{ name: `${owner.name}/imported` }]);
    expect(await namesIn(owner.name)).toBe(repositoriesMax + 3);
    // Who may not is told so, and nothing of what there is.
    const stranger = await world.createAccount();
    expect((await create(stranger, owner.name, 'mine')).status).toBe(403);
  });
});

describe('an account', () => {
  test('makes as many organizations as it may, ten at once, and giving one away makes no room', async () => {
    const [owner, friend] = await Promise.all([world.createAccount(), world.createAccount()]);
    const make = (as: Credentials, orgname: string) => ask('POST', '/v2/orgs', as, { orgname });
    const names = numbers(10).map(() => fresh('org_'));
    const answers = await Promise.all(names.map((name) => make(owner, name)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(organizationsMax);
    const refused = wholly(409, {
      message: `you made ${organizationsMax} of at most ${organizationsMax} organizations; ask an admin of this index for more`,
      limit: organizationsMax,
      left: 0,
    });
    for (const answer of answers.filter(({ status }) => status !== 201)) expect(whole(answer)).toEqual(refused);
    const made = names.find((_, index) => answers[index]?.status === 201) ?? '';
    arranged(await ask('PUT', `/v2/orgs/${made}/members/${friend.name}`, owner, { role: 'owner' }), 200);
    arranged(await ask('DELETE', `/v2/orgs/${made}/members/${owner.name}`, owner), 204);
    expect(whole(await make(owner, fresh('org_')))).toEqual(refused);
    // Who was made an owner by others has made none.
    arranged(await make(friend, fresh('org_')), 201);
  });

  test('waits for a few addresses to be confirmed, ten added at once, and for more when their time is over', async () => {
    const owner = await world.createAccount();
    const add = () => ask('PUT', `/v1/users/${owner.name}`, owner, { email: `${fresh('mail-')}@example.org` });
    const answers = await Promise.all(numbers(10).map(() => add()));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(addressesMax);
    const refused = wholly(409, {
      error:
        `${addressesMax} of at most ${addressesMax} addresses of this account wait to be confirmed; ` +
        'follow the link in a mail, or wait 48 hours',
      limit: addressesMax,
      left: 0,
    });
    for (const answer of answers.filter(({ status }) => status !== 204)) expect(whole(answer)).toEqual(refused);
    // A password is changed all the same.
    arranged(await ask('PUT', `/v1/users/${owner.name}`, owner, { password: owner.password }), 204);
    await world.query(
      `update directory.addresses set added_at = added_at - interval '49 hours' where account_id = $1 and not confirmed`,
      [owner.id],
    );
    arranged(await add(), 204);
    expect(await rows('directory.addresses where account_id = $1', owner.id)).toBe(2);
  });

  test('causes as many events in a day as it may, in all processes, and is told when the next day begins', async () => {
    const owner = await world.createAccount();
    const repository = `/v2/repositories/${owner.name}/web`;
    arranged(await create(owner, owner.name, 'web'), 201);
    const describeAs = (number: number) => ask('PATCH', repository, owner, { description: `the ${number}th` });
    for (let number = 2; number <= eventsMax; number++) arranged(await describeAs(number), 200);
    for (let time = 0; time < 2; time++) {
      const answer = await describeAs(eventsMax + 1);
      const [after] = valuesOf(answer, 'Retry-After');
      expect(Number(after)).toBeGreaterThan(0);
      expect(Number(after)).toBeLessThanOrEqual(86_400);
      expect(whole(answer)).toEqual(
        wholly(
          429,
          {
            message: `an account may cause ${eventsMax} events a day and has 0 left; this needs 1`,
            limit: eventsMax,
            left: 0,
          },
          { 'retry-after': after ?? '' },
        ),
      );
    }
    const pushed = await push(owner, `${owner.name}/web`, listOf(1));
    expect(pushed.status).toBe(429);
    expect(bodyOf(pushed)).toEqual({
      error: `an account may cause ${eventsMax} events a day and has 0 left; this needs 1`,
      limit: eventsMax,
      left: 0,
    });
    const elsewhere = [
      await ask('PUT', `/v1/repositories/${owner.name}/web/images`, owner, listOf(2)),
      await ask('DELETE', `/v1/repositories/${owner.name}/web/`, owner),
      await ask('PUT', `/v1/users/${owner.name}`, owner, { email: `${fresh('mail-')}@example.org` }),
      await ask('POST', `/v2/repositories/${owner.name}/web/stars`, owner),
      await ask('POST', '/v2/orgs', owner, { orgname: fresh('org_') }),
    ];
    expect(statusesOf(elsewhere)).toEqual(elsewhere.map(() => 429));
    // What changes nothing, and what is read, is as it was; so is what others do.
    expect(statusesOf([await describeAs(eventsMax), await ask('GET', repository, owner)])).toEqual([200, 200]);
    arranged(await ask('PATCH', repository, world.admin, { description: 'by the admin' }), 200);
    const [row] = await world.query<{ events: string }>('select events from directory.usage where account_id = $1', [
      owner.id,
    ]);
    expect(Number(row?.events)).toBe(eventsMax);
    // A process that is started again knows it still.
    await world.apis[0]?.restart('SIGTERM');
    for (let time = 0; time < 2; time++) expect((await describeAs(eventsMax + 2)).status).toBe(429);
  });

  test('writes as much in a day as it may', async () => {
    const owner = await world.createAccount();
    const repository = `/v2/repositories/${owner.name}/web`;
    arranged(await create(owner, owner.name, 'web'), 201);
    const write = (letter: string) =>
      ask('PATCH', repository, owner, { full_description: letter.repeat(25_000 / 5).padEnd(25_000, letter) });
    const answers: Answer[] = [];
    // Each is 75 kB: thirteen fit into a megabyte.
    for (const letter of 'あいうえおかきくけこさしすせそ') answers.push(await write(letter));
    expect(statusesOf(answers)).toEqual([...numbers(13).map(() => 200), 429, 429]);
    expect(answers.slice(-1).map(bodyOf)).toEqual([
      {
        message: expect.stringMatching(
          /^an account may cause 1000000 bytes of events a day and has \d+ left; this needs \d+$/,
        ),
        limit: 1_000_000,
        left: expect.any(Number),
      },
    ]);
  });
});

describe('a page of the history', () => {
  test('tells the first images of a long list and how many there are, and ends where it is large', async () => {
    const name = fresh('long-');
    const image = (number: number) => ({ id: `${'f'.repeat(100)}${number}`, checksum: 'c'.repeat(200) });
    const owner = await world.createAccount();
    arranged(await create(owner, owner.name, name), 201);
    const [row] = await world.query<{ stream: string; id: string }>(
      `select 'repository-' || repository_id as stream from directory.repository_names where name = $1`,
      [name],
    );
    // As they were written before lists had a bound.
    await world.query(
      `insert into es.events (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
       select $1, 1 + version, 'ImagesAdded', 1, gen_random_uuid(), 1, $2::jsonb, '{"actor": null, "request_id": "r"}'
       from generate_series(1, 30) version`,
      [row?.stream, JSON.stringify({ images: numbers(5_000).map((number) => image(number)) })],
    );
    await world.query(
      `insert into es.events (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
       select $1, 31 + version, 'FullDescriptionChanged', 1, gen_random_uuid(), 1,
         jsonb_build_object('full_description', repeat(chr(12354), 25000)), '{"actor": null, "request_id": "r"}'
       from generate_series(1, 30) version`,
      [row?.stream],
    );
    const versions: number[] = [];
    const pages: number[] = [];
    let target: string | undefined = `/v2/repositories/${owner.name}/${name}/history?page_size=100`;
    while (target !== undefined) {
      const answer: Answer = arranged(await ask('GET', target, owner), 200);
      expect(answer.body.length).toBeLessThan(1_000_000);
      expect(Buffer.byteLength(answer.body)).toBeLessThan(1024 * 1024);
      const { results, next } = Object(bodyOf(answer));
      pages.push(results.length);
      for (const { version, type, data } of results) {
        versions.push(version);
        if (type !== 'ImagesAdded') continue;
        expect(data).toEqual({ images: numbers(100).map((number) => image(number)), image_count: 5_000 });
      }
      target = next === null ? undefined : next.replace(/^https?:\/\/[^/]+/, '');
    }
    expect(versions).toEqual(numbers(61).map((index) => 61 - index));
    // Thirteen READMEs of 75 kB are a page.
    expect(pages[0]).toBe(13);
    expect(pages.length).toBeLessThan(12);
  });
});
