/** Many who change one repository at the same moment, through several API processes: all are answered, in time, and with the truth. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hub } from '../support/hub.ts';
import type { Hub, HubAnswer } from '../support/hub.ts';
import { fresh } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { Account, System } from '../support/world.ts';

/** The limit for two processes on a busy machine; each does a fraction of a second of work. */
const soonMs = 6_000;

let world: System;
let ask: Hub;
/** Asks the first process alone. */
let askOne: Hub;
let owner: Account;
let friend: Account;

beforeAll(async () => {
  world = await createWorld({ api: 4 });
  ask = hub(world.urls.slice(0, 2));
  askOne = hub(world.urls.slice(0, 1));
  [owner, friend] = await Promise.all([world.createAccount(), world.createAccount()]);
}, 120_000);

afterAll(() => world?.stop());

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const statusesOf = (answers: readonly HubAnswer[]) => answers.map(({ status }) => status);

async function created(): Promise<string> {
  const name = fresh('hot-');
  const answer = await ask('POST', `/v2/namespaces/${owner.name}/repositories`, { as: owner, body: { name } });
  expect(answer.status).toBe(201);
  return `${owner.name}/${name}`;
}

function pushed(by: Hub, repository: string, tag: string, as: Account = owner, headers: Record<string, string> = {}) {
  return by('PUT', `/v1/repositories/${repository}/`, { as, headers, body: [{ id: `abcd${tag}`, Tag: tag }] });
}

async function tagsOf(repository: string): Promise<readonly string[]> {
  const path = `/v2/namespaces/${repository.replace('/', '/repositories/')}/tags?page_size=100`;
  const { body } = await ask('GET', path, { as: owner });
  const { results } = Object(body);
  return results.map(({ name }: { name: string }) => name);
}

interface Logged {
  readonly version: number;
  readonly type: string;
  readonly command_id: string;
  readonly with_context: boolean;
}

async function logOf(repository: string): Promise<readonly Logged[]> {
  const log = await world.query<Logged>(
    `select e.version, e.type, e.command_id, c.command_id is not null as with_context from es.events e
     join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
     join directory.namespaces n on n.id = r.namespace_id
     left join es.request_contexts c on c.command_id = e.command_id
     where n.name || '/' || r.name = $1 order by e.position`,
    [repository],
  );
  expect(log.map(({ version }) => version)).toEqual(log.map((_, index) => index + 1));
  expect(log.every(({ with_context }) => with_context)).toBe(true);
  return log;
}

const count = (log: readonly Logged[], type: string) => log.filter((event) => event.type === type).length;
const sorted = (texts: readonly string[]) => texts.toSorted((a, b) => a.localeCompare(b));

describe('forty at once through two processes', () => {
  test('that push a tag each are all 200, and every tag is there', async () => {
    const repository = await created();
    const tags = numbers(40).map((number) => `t${number}`);
    const started = performance.now();
    const answers = await Promise.all(tags.map((tag) => pushed(ask, repository, tag)));
    expect(performance.now() - started).toBeLessThan(soonMs);
    expect(statusesOf(answers)).toEqual(tags.map(() => 200));
    expect(sorted(await tagsOf(repository))).toEqual(sorted(tags));
    expect(count(await logOf(repository), 'PushOpened')).toBe(40);
  });

  test('that push a tag each of what never was create it once', async () => {
    const repository = `${owner.name}/${fresh('new-')}`;
    const tags = numbers(40).map((number) => `t${number}`);
    const answers = await Promise.all(tags.map((tag) => pushed(ask, repository, tag)));
    expect(statusesOf(answers)).toEqual(tags.map(() => 200));
    expect(sorted(await tagsOf(repository))).toEqual(sorted(tags));
    expect(count(await logOf(repository), 'RepositoryCreated')).toBe(1);
  });

  test('that describe it are all 200, and each change that was one is in the log', async () => {
    const repository = await created();
    const answers = await Promise.all(
      numbers(40).map((number) =>
        ask('PATCH', `/v2/repositories/${repository}`, { as: owner, body: { description: `the ${number}th` } }),
      ),
    );
    expect(statusesOf(answers)).toEqual(answers.map(() => 200));
    // Each is told what it made of the repository, and not what another made of it.
    expect(answers.map(({ body }) => Object(body).description)).toEqual(numbers(40).map((number) => `the ${number}th`));
    expect(count(await logOf(repository), 'DescriptionChanged')).toBe(40);
  });

  test('of one command, sent again and again under its key, are answered alike and happen once', async () => {
    const repository = await created();
    const keys = numbers(8).map(() => fresh('key-'));
    const answers = await Promise.all(
      numbers(40).map((number) => {
        const command = number % keys.length;
        return pushed(ask, repository, `t${command}`, owner, { 'Idempotency-Key': keys[command] ?? '' });
      }),
    );
    expect(statusesOf(answers)).toEqual(answers.map(() => 200));
    const log = await logOf(repository);
    expect(count(log, 'PushOpened')).toBe(keys.length);
    expect(new Set(log.map(({ command_id }) => command_id)).size).toBe(log.length);
  });

  test('that all mean to change the same version: exactly one does', async () => {
    const repository = await created();
    const path = `/v2/repositories/${repository}`;
    const etag = (await ask('GET', path, { as: owner })).header('ETag') ?? '';
    const answers = await Promise.all(
      numbers(40).map((number) =>
        ask('PATCH', path, { as: owner, body: { description: `no ${number}` }, headers: { 'If-Match': etag } }),
      ),
    );
    expect(statusesOf(answers).toSorted((a, b) => a - b)).toEqual([200, ...numbers(39).map(() => 412)]);
    const winner = answers.find(({ status }) => status === 200);
    expect(await ask('GET', path)).toMatchObject({ body: { description: Object(winner?.body).description } });
  });

  test('that star it, an account each, while others push, all count', async () => {
    const repository = await created();
    const accounts = await Promise.all(numbers(40).map(() => world.createAccount()));
    const [starred, pushes] = await Promise.all([
      Promise.all(accounts.map((as) => ask('POST', `/v2/repositories/${repository}/stars`, { as }))),
      Promise.all(numbers(40).map((number) => pushed(ask, repository, `t${number}`))),
    ]);
    expect(starred.filter(({ status }) => status >= 300)).toEqual([]);
    expect(statusesOf(pushes)).toEqual(pushes.map(() => 200));
    expect(count(await logOf(repository), 'RepositoryStarred')).toBe(40);
  });
});

test('a hundred at once through four processes are all answered and all done', async () => {
  const repository = await created();
  const all = hub(world.urls);
  const tags = numbers(100).map((number) => `t${number}`);
  const started = performance.now();
  const answers = await Promise.all(tags.map((tag) => pushed(all, repository, tag)));
  expect(performance.now() - started).toBeLessThan(2 * soonMs);
  expect(statusesOf(answers)).toEqual(tags.map(() => 200));
  expect(sorted(await tagsOf(repository))).toEqual(sorted(tags));
  expect(count(await logOf(repository), 'PushOpened')).toBe(100);
});

/** What is sent goes in this order through one process, and waits in it until all of it is there. */
async function inThisOrder(
  repository: string,
  sends: readonly (() => Promise<HubAnswer>)[],
  then: () => Promise<unknown> = async () => undefined,
): Promise<readonly HubAnswer[]> {
  const holder = new pg.Client({ connectionString: world.databaseUrls.owner });
  await holder.connect();
  try {
    // An append to the stream now waits in the middle of its call, and all others of the process wait behind it.
    await holder.query(
      `select pg_advisory_lock(1163087698, hashtext('repository-' || r.repository_id))
       from directory.repository_names r join directory.namespaces n on n.id = r.namespace_id
       where n.name || '/' || r.name = $1`,
      [repository],
    );
    const answers: Promise<HubAnswer>[] = [pushed(askOne, repository, 'first')];
    await until('the first is in the middle of its call', async () => {
      const [row] = await world.query<{ waits: boolean }>(
        `select exists (select from pg_locks where locktype = 'advisory' and classid = 1163087698 and not granted) as waits`,
      );
      return row?.waits;
    });
    for (const [index, send] of sends.entries()) {
      answers.push(send());
      await until(`${index + 1} wait`, async () => (await waiting()) === index + 1);
    }
    await then();
    await holder.query('select pg_advisory_unlock_all()');
    return await Promise.all(answers);
  } finally {
    await holder.end();
  }
}

async function waiting(): Promise<number> {
  const answer = await fetch(`${world.urls[0]}/metrics`);
  return Number(/^docket_commands_waiting (\d+)$/m.exec(await answer.text())?.[1]);
}

describe('in the middle of what waits', () => {
  const push = (repository: string, tag: string, as?: Account) => () => pushed(askOne, repository, tag, as);

  test('a right that is taken is gone for what comes after it, and for nothing before it', async () => {
    const repository = await created();
    const collaborator = `/v2/repositories/${repository}/collaborators/${friend.name}`;
    await ask('PUT', collaborator, { as: owner, body: { permission: 'write' } });
    const answers = await inThisOrder(repository, [
      push(repository, 'before', friend),
      () => askOne('DELETE', collaborator, { as: owner }),
      push(repository, 'after', friend),
      push(repository, 'owned'),
    ]);
    expect(statusesOf(answers)).toEqual([200, 200, 204, 403, 200]);
    expect(sorted(await tagsOf(repository))).toEqual(['before', 'first', 'owned']);
  });

  test('somebody who leaves the organization meanwhile may no more', async () => {
    const orgname = fresh('org_');
    arrangedWith(await ask('POST', '/v2/orgs', { as: owner, body: { orgname } }), 201);
    const membership = `/v2/orgs/${orgname}/members/${friend.name}`;
    arrangedWith(await ask('PUT', membership, { as: owner, body: { role: 'owner' } }), 200);
    const repository = `${orgname}/${fresh('hot-')}`;
    arrangedWith(await pushed(ask, repository, 'creation'), 200);
    const answers = await inThisOrder(
      repository,
      [push(repository, 'owners'), push(repository, 'members', friend)],
      async () => arrangedWith(await askOne('DELETE', membership, { as: owner }), 204),
    );
    expect(statusesOf(answers)).toEqual([200, 200, 403]);
  });

  test.each([
    ['whose account is not active any more', `status = 'inactive'`, 403],
    ['whose password is another', 'credential_version = credential_version + 1', 401],
    ['who is no admin any more', 'is_admin = false', 403],
  ])('somebody %s may no more', async (_who, set, status) => {
    const repository = await created();
    const admin = await world.createAccount();
    await world.query('update directory.accounts set is_admin = true where id = $1', [admin.id]);
    const answers = await inThisOrder(repository, [push(repository, 'mine'), push(repository, 'theirs', admin)], () =>
      world.query(`update directory.accounts set ${set} where id = $1`, [admin.id]),
    );
    expect(statusesOf(answers)).toEqual([200, 200, status]);
    expect(sorted(await tagsOf(repository))).toEqual(['first', 'mine']);
  });

  test('a deletion ends what was, and a push behind it begins a new life', async () => {
    const repository = await created();
    const path = `/v2/repositories/${repository}`;
    const answers = await inThisOrder(repository, [
      push(repository, 'old'),
      () => askOne('DELETE', path, { as: owner }),
      () => askOne('PATCH', path, { as: owner, body: { description: 'of what is gone' } }),
      push(repository, 'new'),
    ]);
    expect(statusesOf(answers)).toEqual([200, 200, 202, 404, 200]);
    expect(await tagsOf(repository)).toEqual(['new']);
    expect(count(await logOf(repository), 'RepositoryCreated')).toBe(2);
  });

  test('who means to change the version that those before it leave does, and nobody else', async () => {
    const repository = await created();
    const path = `/v2/repositories/${repository}`;
    const etag = (await ask('GET', path, { as: owner })).header('ETag') ?? '';
    const describeAt = (version: number, description: string) => () =>
      askOne('PATCH', path, { as: owner, body: { description }, headers: { 'If-Match': `"${version}"` } });
    const version = Number(etag.replaceAll('"', ''));
    // The first push is an event, and so is the description.
    const answers = await inThisOrder(repository, [
      describeAt(version, 'too late'),
      describeAt(version + 1, 'in time'),
      describeAt(version + 1, 'too late'),
      describeAt(version + 2, 'in time again'),
    ]);
    expect(statusesOf(answers)).toEqual([200, 412, 200, 412, 200]);
  });

  test('a process that is killed takes nothing with it that it acknowledged', async () => {
    const repository = await created();
    const [api] = world.apis;
    const acknowledged: string[] = [];
    const sending = numbers(60).map(async (number) => {
      const tag = `t${number}`;
      const answer = await pushed(askOne, repository, tag).catch(() => undefined);
      if (answer?.status === 200) acknowledged.push(tag);
    });
    await until('some were acknowledged', () => acknowledged.length > 0);
    await api?.kill();
    await Promise.all(sending);
    await api?.start();
    const tags = await tagsOf(repository);
    expect(tags).toEqual(expect.arrayContaining(acknowledged));
    expect(count(await logOf(repository), 'PushOpened')).toBe(tags.length);
  });

  test('nothing is left in the memory of the process', async () => {
    expect(await waiting()).toBe(0);
  });
});

function arrangedWith(answer: HubAnswer, status: number): void {
  if (answer.status !== status) throw new Error(`arranging needs ${status}, not ${answer.status} ${answer.text}`);
}
