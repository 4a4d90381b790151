/** A command that the client names may be sent again and again, to any process: it happens once and is answered alike. */
import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { commonWorld } from '../support/common-world.ts';
import { valuesOf } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { announce, push, readImages, readToken, repositoryOf, requestDeletion } from '../support/repository.ts';
import type { Repository } from '../support/repository.ts';
import {
  arranged,
  basic,
  expectToken,
  firstImage,
  fresh,
  headersWith,
  login,
  secondImage,
  staged,
  tokenOf,
  wantsToken,
} from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { whole, wholly } from '../support/whole-answer.ts';
import type { Credentials } from '../support/world.ts';

let world: Awaited<ReturnType<typeof commonWorld>>;
let stage: Stage;

beforeAll(async () => {
  world = await commonWorld();
  stage = await staged(world);
});

afterAll(() => world?.stop());

interface Command {
  readonly method: string;
  readonly target: string;
  readonly body?: unknown;
  /** A token, or the owner's password. */
  readonly authorization?: string | null;
}

function send({ method, target, body, authorization = basic(stage.owner) }: Command, key: string): Promise<Answer> {
  const headers = headersWith(authorization, wantsToken, ['Idempotency-Key', key]);
  return stage.send({ method, target, headers, body: body === undefined ? null : JSON.stringify(body) });
}

/** Sends the command to both processes at once, and again. */
function sendOften(command: Command, key: string): Promise<Answer[]> {
  return Promise.all(Array.from({ length: 12 }, () => send(command, key)));
}

async function events(fullName: string): Promise<string[]> {
  const rows = await world.query<{ type: string }>(
    `select e.type from es.events e
     join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
     join directory.namespaces n on n.id = r.namespace_id
     where n.name || '/' || r.name = $1 order by e.version`,
    [fullName],
  );
  return rows.map(({ type }) => type);
}

async function accountEvents(name: string): Promise<string[]> {
  const rows = await world.query<{ type: string }>(
    `select type from es.events where stream_id = (select 'account-' || id from directory.accounts where name = $1)
     order by version`,
    [name],
  );
  return rows.map(({ type }) => type);
}

function putRepository({ path }: Repository, images: readonly { id: string }[]): Command {
  return { method: 'PUT', target: `${path}/`, body: images.map(({ id }) => ({ id })) };
}

function registration(name: string): Command & { readonly credentials: Credentials } {
  const password = randomBytes(8).toString('hex');
  const body = { username: name, password, email: `${name}@example.org` };
  return { method: 'POST', target: '/v1/users', body, authorization: null, credentials: { name, password } };
}

const reused = wholly(422, { error: 'the Idempotency-Key was used for another request' });

describe('a command that is sent again', () => {
  test('to push: opens one push, however the repository has gone on since, and gets a new token each time', async () => {
    const repository = repositoryOf(stage, 'user');
    const [key, command] = [fresh('key-'), putRepository(repository, [firstImage])];
    const first = arranged(await send(command, key), 200);
    const token = tokenOf(first);
    arranged(await send({ method: 'PUT', target: `${repository.path}/images`, body: [] }, fresh('key-')), 204);
    const second = arranged(await send(command, key), 200);
    for (const answer of [first, second]) expectToken(answer, repository.fullName, 'write');
    expect(tokenOf(second)).not.toBe(token);
    expect(await readImages(repository, tokenOf(second))).toMatchObject({ status: 200 });
    expect(await events(repository.fullName)).toEqual(['RepositoryCreated', 'PushOpened', 'PushCompleted']);
    // The control: without the key it is another push.
    arranged(await send(command, fresh('key-')), 200);
    expect(await events(repository.fullName)).toHaveLength(4);
  });

  test('to add images: adds them once', async () => {
    const repository = repositoryOf(stage, 'user');
    await announce(repository, [{ id: firstImage.id }]);
    const command = { method: 'PUT', target: `${repository.path}/images`, body: [firstImage] };
    const answers = await sendOften(command, fresh('key-'));
    expect(answers.map(whole)).toEqual(answers.map(() => wholly(204, undefined)));
    expect(await events(repository.fullName)).toEqual([
      'RepositoryCreated',
      'PushOpened',
      'ImagesAdded',
      'PushCompleted',
    ]);
  });

  test('to delete: is the same first step of it, with a token that works', async () => {
    const repository = repositoryOf(stage, 'user');
    await push(repository);
    const [key, command] = [fresh('key-'), { method: 'DELETE', target: `${repository.path}/` }];
    const [first, second] = [arranged(await send(command, key), 202), arranged(await send(command, key), 202)];
    expectToken(second, repository.fullName, 'delete');
    expect(tokenOf(second)).not.toBe(tokenOf(first));
    const authorize = { method: 'PUT', target: `${repository.path}/auth`, authorization: tokenOf(second) };
    const authKey = fresh('key-');
    expect(whole(await send(authorize, authKey))).toEqual(wholly(200, 'OK'));
    expect(whole(await send(authorize, authKey))).toEqual(wholly(200, 'OK'));
    // Its token is spent now; without the key this DELETE would be the second step.
    arranged(await send(command, key), 202);
    expect((await events(repository.fullName)).slice(-2)).toEqual(['DeletionRequested', 'DeletionAuthorized']);
    expect(whole(await send(command, fresh('key-')))).toEqual(wholly(200, ''));
  });

  test('to register: makes one account, and says that it was created', async () => {
    const [key, command] = [fresh('key-'), registration(fresh('person_'))];
    expect(whole(await send(command, key))).toEqual(wholly(201, 'User Created'));
    expect(whole(await send(command, key))).toEqual(wholly(201, 'User Created'));
    expect(await accountEvents(command.credentials.name)).toEqual(['AccountRegistered', 'AddressAdded']);
    // The control: the same with another key is a name that is taken.
    expect(whole(await send(command, fresh('key-')))).toEqual(wholly(400, 'Username or email already exists'));
  });

  test('to change an account: adds one address and counts the password once', async () => {
    const who = await world.createAccount(fresh('person_'));
    const renewed = { ...who, password: 'another password' };
    const body = { email: `${fresh('second_')}@example.org`, password: renewed.password };
    const [key, target] = [fresh('key-'), `/v1/users/${who.name}/`];
    expect(whole(await send({ method: 'PUT', target, body, authorization: basic(who) }, key))).toEqual(
      wholly(204, undefined),
    );
    expect(whole(await send({ method: 'PUT', target, body, authorization: basic(renewed) }, key))).toEqual(
      wholly(204, undefined),
    );
    expect((await accountEvents(who.name)).slice(-2)).toEqual(['AddressAdded', 'PasswordChanged']);
    expect(await login(stage, renewed)).toMatchObject({ status: 200 });
  });
});

describe('a command that is sent many times at once, to both processes', () => {
  test('creates one repository with one push', async () => {
    const repository = repositoryOf(stage, 'user');
    const answers = await sendOften(putRepository(repository, [firstImage]), fresh('key-'));
    for (const answer of answers) expectToken(arranged(answer, 200), repository.fullName, 'write');
    expect(new Set(answers.map(tokenOf)).size).toBe(answers.length);
    expect(await events(repository.fullName)).toEqual(['RepositoryCreated', 'PushOpened']);
  });

  test('opens one push of a repository that is there', async () => {
    const repository = repositoryOf(stage, 'user');
    await push(repository);
    const before = await events(repository.fullName);
    const answers = await sendOften(putRepository(repository, [secondImage]), fresh('key-'));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(await events(repository.fullName)).toEqual([...before, 'PushOpened']);
  });

  test('registers one account, and every try is told so', async () => {
    const command = registration(fresh('person_'));
    const answers = await sendOften(command, fresh('key-'));
    expect(answers.map(whole)).toEqual(answers.map(() => wholly(201, 'User Created')));
    expect(await accountEvents(command.credentials.name)).toEqual(['AccountRegistered', 'AddressAdded']);
  });

  test('changes an account once', async () => {
    const who = await world.createAccount(fresh('person_'));
    const body = { email: `${fresh('second_')}@example.org` };
    const command = { method: 'PUT', target: `/v1/users/${who.name}`, body, authorization: basic(who) };
    const answers = await sendOften(command, fresh('key-'));
    expect(answers.map(whole)).toEqual(answers.map(() => wholly(204, undefined)));
    expect((await accountEvents(who.name)).filter((type) => type === 'AddressAdded')).toHaveLength(2);
  });

  test('spends a delete token once, and every try is told that it was good', async () => {
    const repository = repositoryOf(stage, 'user');
    await push(repository);
    const authorization = await requestDeletion(repository);
    const command = { method: 'PUT', target: `${repository.path}/auth`, authorization };
    const answers = await sendOften(command, fresh('key-'));
    expect(answers.map(whole)).toEqual(answers.map(() => wholly(200, 'OK')));
    expect((await events(repository.fullName)).slice(-2)).toEqual(['DeletionRequested', 'DeletionAuthorized']);
  });

  test('and is another request each time, happens as one of them', async () => {
    const [one, other] = [repositoryOf(stage, 'user'), repositoryOf(stage, 'user')];
    const key = fresh('key-');
    const answers = await Promise.all(
      [one, other, one, other, one, other].map((repository) => send(putRepository(repository, [firstImage]), key)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    for (const answer of answers.filter(({ status }) => status !== 200)) expect(whole(answer)).toEqual(reused);
    const logged = [await events(one.fullName), await events(other.fullName)];
    expect(logged.flat()).toEqual(['RepositoryCreated', 'PushOpened']);
  });
});

describe('the same key', () => {
  test.each<[string, (repository: Repository) => Command]>([
    ['another list of images', (repository) => putRepository(repository, [secondImage])],
    ['another path', (repository) => putRepository({ ...repository, path: `${repository.path}-2` }, [firstImage])],
    ['another method', ({ path }) => ({ method: 'DELETE', target: `${path}/` })],
    [
      'a change of the account',
      () => ({ method: 'PUT', target: `/v1/users/${stage.owner.name}/`, body: { email: 'x@example.org' } }),
    ],
  ])('is refused for %s, and nothing happens', async (_what, other) => {
    const repository = repositoryOf(stage, 'user');
    const key = fresh('key-');
    arranged(await send(putRepository(repository, [firstImage]), key), 200);
    expect(whole(await send(other(repository), key))).toEqual(reused);
    expect(await events(repository.fullName)).toEqual(['RepositoryCreated', 'PushOpened']);
    expect(await events(`${repository.fullName}-2`)).toEqual([]);
  });

  test('is refused for another registration', async () => {
    const [key, first, second] = [fresh('key-'), registration(fresh('person_')), registration(fresh('person_'))];
    arranged(await send(first, key), 201);
    expect(whole(await send(second, key))).toEqual(reused);
    expect(whole(await send({ ...second, body: { username: first.credentials.name } }, key))).toEqual(reused);
    expect(await accountEvents(second.credentials.name)).toEqual([]);
  });

  test('is another command with another account', async () => {
    const mine = repositoryOf(stage, 'user');
    const theirs = repositoryOf({ ...stage, owner: stage.stranger }, 'user');
    const key = fresh('key-');
    arranged(await send(putRepository(mine, [firstImage]), key), 200);
    const command = { ...putRepository(theirs, [secondImage]), authorization: basic(stage.stranger) };
    expectToken(arranged(await send(command, key), 200), theirs.fullName, 'write');
    expect(await events(theirs.fullName)).toEqual(['RepositoryCreated', 'PushOpened']);
  });

  test('may be used again after a refusal, which is not remembered', async () => {
    const repository = repositoryOf(stage, 'user');
    const key = fresh('key-');
    const command = putRepository(repository, [{ id: 'not an id' }]);
    expect(await send(command, key)).toMatchObject({ status: 400 });
    expect(await send({ ...putRepository(repository, [firstImage]), authorization: null }, key)).toMatchObject({
      status: 401,
    });
    arranged(await send(putRepository(repository, [firstImage]), key), 200);
  });

  test('is refused where nobody can tell any more what was sent under it, and its word is taken where that was erased', async () => {
    const repository = repositoryOf(stage, 'user');
    const key = fresh('key-');
    const command = putRepository(repository, [firstImage]);
    arranged(await send(command, key), 200);
    const setFingerprint = (fingerprint: string | null) =>
      world.query(
        `update es.request_contexts c set fingerprint = $2 from es.events e
         join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
         where c.command_id = e.command_id and r.name = $1`,
        [repository.fullName.split('/')[1], fingerprint],
      );
    await setFingerprint('of-a-key-that-is-gone:abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs');
    expect(whole(await send(command, key))).toEqual(reused);
    await setFingerprint(null);
    arranged(await send(command, key), 200);
    expect(await events(repository.fullName)).toEqual(['RepositoryCreated', 'PushOpened']);
  });

  test.each(['', 'k'.repeat(256)])('has 1 to 255 characters, not those of "%s"', async (key) => {
    const answer = await send(putRepository(repositoryOf(stage, 'user'), [firstImage]), key);
    const error = 'Idempotency-Key must have 1 to 255 characters';
    expect(whole(answer)).toEqual(wholly(400, { error, field: 'Idempotency-Key' }));
  });

  test('means nothing to a request that changes nothing', async () => {
    const repository = repositoryOf(stage, 'user');
    await push(repository);
    const read = { method: 'GET', target: `${repository.path}/images` };
    const key = fresh('key-');
    const [one, two] = [await send(read, key), await send(read, key)];
    expect(valuesOf(one, 'X-Docker-Token')).not.toEqual(valuesOf(two, 'X-Docker-Token'));
    expect(await readImages(repository, await readToken(repository))).toMatchObject({ status: 200 });
  });
});
