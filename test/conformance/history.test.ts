/** Who did what to a repository, when and by which credentials: read back from the log. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import {
  announce,
  authorize,
  push,
  putImages,
  readToken,
  remove,
  repositoryOf,
  requestDeletion,
  deleteWholly,
} from '../support/repository.ts';
import { commonWorld } from '../support/common-world.ts';
import type { Repository } from '../support/repository.ts';
import { arranged, basic, bodyOf, firstImage, fresh, get, headersWith, secondImage, staged } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { usualError } from './scenario.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await staged(await commonWorld());
});

afterAll(() => stage?.world.stop());

const page = z.strictObject({
  results: z.array(
    z.strictObject({
      position: z.string().regex(/^[1-9]\d*$/),
      version: z.int().positive(),
      type: z.string(),
      at: z.iso.datetime(),
      actor: z
        .strictObject({
          id: z.uuid(),
          name: z.string().nullable(),
          via: z.string(),
          token_id: z.string().nullable(),
        })
        .nullable(),
      request_id: z.string().nullable(),
      data: z.record(z.string(), z.unknown()),
    }),
  ),
  next: z.string().nullable(),
});
type Page = z.infer<typeof page>;

function ask({ fullName }: Repository, query = '', authorization: string | null = null) {
  return get(stage, `/v2/repositories/${fullName}/history${query}`, authorization);
}

async function history(repository: Repository, query = '', authorization: string | null = null): Promise<Page> {
  return page.parse(bodyOf(arranged(await ask(repository, query, authorization), 200)));
}

function types({ results }: Page): string[] {
  return results.map(({ type }) => type);
}

test('the history of a push tells each step, newest first, with who did it and how', async () => {
  const repository = repositoryOf(stage, 'user');
  const token = await announce(repository, [{ id: firstImage.id, Tag: 'latest' }, { id: secondImage.id }]);
  arranged(await putImages(repository, [firstImage], token), 204);
  const { results, next } = await history(repository);
  expect(results.map(({ type }) => type)).toEqual(['PushCompleted', 'ImagesAdded', 'PushOpened', 'RepositoryCreated']);
  expect(results.map(({ version }) => version)).toEqual([4, 3, 2, 1]);
  expect(next).toBeNull();
  const positions = results.map(({ position }) => BigInt(position));
  expect(positions.every((position, index) => index === 0 || position < (positions[index - 1] ?? 0n))).toBe(true);
  const { id, name } = stage.owner;
  const [completed, added, opened, created] = results;
  const byPassword = { id, name, via: 'basic', token_id: null };
  const byToken = { id, name, via: 'token', token_id: expect.stringMatching(/\S/) as unknown };
  expect(results.map(({ actor }) => actor)).toEqual([byToken, byToken, byPassword, byPassword]);
  expect(completed?.actor).toEqual(added?.actor);
  expect(added?.data).toMatchObject({ images: [firstImage] });
  expect(opened?.data).toMatchObject({ images: [{ id: firstImage.id, tag: 'latest' }, { id: secondImage.id }] });
  expect([opened?.request_id, completed?.request_id]).toEqual([created?.request_id, added?.request_id]);
  expect(opened?.request_id).not.toBe(added?.request_id);
});

test('row 27 (docker 0.3 to 0.7): an update with its images completes a push as well as an empty one', async () => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, [{ id: firstImage.id }]);
  for (let time = 1; time <= 3; time += 1) {
    arranged(await putImages(repository, [firstImage], basic(stage.owner)), 204);
  }
  const told = types(await history(repository));
  expect(told).toEqual(['PushCompleted', 'ImagesAdded', 'PushOpened', 'RepositoryCreated']);
});

test('row 27 (docker from 0.8): an empty update completes a push, and with none open it says nothing', async () => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, [{ id: firstImage.id }]);
  for (let time = 1; time <= 3; time += 1) {
    arranged(await putImages(repository, [], basic(stage.owner)), 204);
  }
  expect(types(await history(repository))).toEqual(['PushCompleted', 'PushOpened', 'RepositoryCreated']);
});

test('a push that is announced again while it is open adds nothing, and after its end it is another push', async () => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, [{ id: firstImage.id }]);
  await announce(repository, [{ id: firstImage.id }]);
  expect(types(await history(repository))).toEqual(['PushOpened', 'RepositoryCreated']);
  arranged(await putImages(repository, [], basic(stage.owner)), 204);
  await announce(repository, [{ id: firstImage.id }]);
  expect(types(await history(repository))).toEqual(['PushOpened', 'PushCompleted', 'PushOpened', 'RepositoryCreated']);
});

test('row 28 (docker): the endpoints that the client pushed to are kept, unjudged', async () => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, [{ id: firstImage.id }]);
  const endpoints = ['https://registry.example.com/v1/', 'not an address'];
  const named = endpoints.map((endpoint) => ['X-Docker-Endpoints', endpoint] as const);
  const headers = headersWith(basic(stage.owner), ...named);
  arranged(await stage.send({ method: 'PUT', target: `${repository.path}/images`, headers, body: '[]' }), 204);
  const [completed] = (await history(repository)).results;
  expect(completed).toMatchObject({ type: 'PushCompleted', data: { endpoints } });
});

test('row 35 (specification of 1.0): the history of a name is one story through all its lives', async () => {
  const repository = repositoryOf(stage, 'user');
  const owner = basic(stage.owner);
  await push(repository);
  await deleteWholly(repository);
  arranged(await remove(repository, owner), 200);
  const firstLife = types(await history(repository, '', owner));
  expect(firstLife.slice(0, 3)).toEqual(['RepositoryDeleted', 'DeletionAuthorized', 'DeletionRequested']);
  await push(repository, [secondImage]);
  const both = types(await history(repository));
  expect(both.slice(both.length - firstLife.length)).toEqual(firstLife);
  expect(both.filter((type) => type === 'RepositoryCreated')).toHaveLength(2);
});

test('a deletion that is asked for again while its token is not spent adds nothing', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  await requestDeletion(repository);
  const token = await requestDeletion(repository);
  const owner = basic(stage.owner);
  expect(types(await history(repository, '', owner)).filter((type) => type === 'DeletionRequested')).toHaveLength(1);
  arranged(await authorize(repository, token), 200);
  arranged(await authorize(repository, token), 403);
  expect(types(await history(repository, '', owner)).filter((type) => type === 'DeletionAuthorized')).toHaveLength(1);
});

test('a push into a repository that is being deleted finishes the deletion first', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  await requestDeletion(repository);
  await announce(repository, [{ id: secondImage.id }]);
  expect(types(await history(repository)).slice(0, 4)).toEqual([
    'PushOpened',
    'RepositoryCreated',
    'RepositoryDeleted',
    'DeletionRequested',
  ]);
});

test('pages follow each other without a gap, from the newest to the first', async () => {
  const repository = repositoryOf(stage, 'user');
  for (let count = 0; count < 6; count += 1) await push(repository, [{ id: `image-${count}`, checksum: `c${count}` }]);
  const whole = await history(repository, '?page_size=100');
  expect(whole.results.length).toBeGreaterThan(10);
  const seen: Page['results'] = [];
  let part = await history(repository, '?page_size=4');
  for (;;) {
    expect(part.results.length).toBeLessThanOrEqual(4);
    seen.push(...part.results);
    if (part.next === null) break;
    const { searchParams } = new URL(part.next, 'http://index.docker.io');
    part = await history(repository, `?page_size=4&before=${searchParams.get('before') ?? ''}`);
  }
  expect(seen).toEqual(whole.results);
});

test('readers of a repository may read its history, and when it is gone only its owner and admins', async () => {
  const repository = repositoryOf(stage, 'user');
  const never = repositoryOf(stage, 'user');
  await push(repository);
  const readers = {
    nobody: null,
    owner: basic(stage.owner),
    stranger: basic(stage.stranger),
    admin: basic(stage.admin),
  };
  const statuses = async (one: Repository) => {
    const asked = Object.entries(readers).map(async ([who, authorization]) => {
      return [who, (await ask(one, '', authorization)).status] as const;
    });
    return Object.fromEntries(await Promise.all(asked));
  };
  expect(await statuses(repository)).toEqual({ nobody: 200, owner: 200, stranger: 200, admin: 200 });
  await requestDeletion(repository);
  expect(await statuses(repository)).toEqual({ nobody: 404, owner: 200, stranger: 404, admin: 200 });
  await deleteWholly(repository);
  expect(await statuses(repository)).toEqual({ nobody: 404, owner: 200, stranger: 404, admin: 200 });
  expect(await statuses(never)).toEqual({ nobody: 404, owner: 404, stranger: 404, admin: 404 });
});

test('the history holds no secret and nothing personal', async () => {
  const repository = repositoryOf(stage, 'user');
  const token = await push(repository);
  await readToken(repository);
  const { body } = arranged(await ask(repository, '?page_size=100'), 200);
  const signature = /signature=([\w.-]+)/.exec(token)?.[1] ?? '';
  for (const secret of [signature, stage.owner.password, stage.owner.email]) expect(body).not.toContain(secret);
});

test('an import is in the history as the deed of the admin', async () => {
  await stage.world.importRepositories([
    { name: 'imported/story', description: 'A story', star_count: 7, pull_count: 11 },
  ]);
  const answer = arranged(await get(stage, '/v2/repositories/imported/story/history'), 200);
  const { results } = page.parse(bodyOf(answer));
  expect(results.map(({ type }) => type)).toEqual(expect.arrayContaining(['RepositoryCreated', 'DescriptionChanged']));
  for (const { actor } of results) expect(actor?.name).toBe(stage.admin.name);
});

test('a request that is repeated with its Idempotency-Key is told its first outcome and adds nothing', async () => {
  const repository = repositoryOf(stage, 'user');
  const key = ['Idempotency-Key', fresh('push-')] as const;
  const put = (body: string) =>
    stage.send({ method: 'PUT', target: `${repository.path}/`, headers: headersWith(basic(stage.owner), key), body });
  arranged(await put('[{"id": "abc"}]'), 200);
  const before = await history(repository);
  arranged(await put('[{"id": "abc"}]'), 200);
  expect(await history(repository)).toEqual(before);
  const other = await put('[{"id": "def"}]');
  expect({ status: other.status, body: bodyOf(other) }).toEqual({ status: 422, body: usualError });
  expect(await history(repository)).toEqual(before);
});
