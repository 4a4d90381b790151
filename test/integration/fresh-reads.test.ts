/** Reads of one repository are as fresh as the log, whatever the projector does: it is away, it stands still, it comes back. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { projectorService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import {
  announce,
  authorize,
  push,
  putImages,
  readImages,
  readToken,
  remove,
  repositoryOf,
  requestDeletion,
} from '../support/repository.ts';
import type { Repository } from '../support/repository.ts';
import { arranged, basic, bodyOf, firstImage, fresh, get, inTurn, secondImage } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let stage: Stage;
let projector: Service;

beforeAll(async () => {
  world = await createWorld({ api: 2, projectors: 0, environment: { ACCOUNT_ACTIVATION: 'open' } });
  projector = projectorService(world.environment);
  const owner = await world.createAccount(fresh('owner_'), { active: false });
  const stranger = await world.createAccount(fresh('stranger_'), { active: false });
  stage = { world, admin: world.admin, owner, stranger, inactive: owner, send: inTurn(world.urls) };
});

afterAll(async () => {
  await projector?.kill();
  await world?.stop();
});

/** Everything that the API tells of one repository, from both processes. */
async function told(repository: Repository, imageId: string = firstImage.id): Promise<unknown> {
  const { path, fullName, pusher } = repository;
  const once = async () => {
    const images = await readImages(repository);
    const searched = await get(stage, `/v1/search?q=${fullName}`);
    const layer = await get(stage, `${path}/layer/${imageId}/access`, basic(pusher));
    const history = await get(stage, `/v2/repositories/${fullName}/history?page_size=100`, basic(pusher));
    return {
      images: images.status === 200 ? bodyOf(images) : images.status,
      // Others whose names are like it may be found as well.
      found: resultNames(bodyOf(searched)).filter((name) => name === fullName),
      layer: layer.status === 200 ? bodyOf(layer) : layer.status,
      history: eventTypes(bodyOf(history)),
    };
  };
  const [one, other] = [await once(), await once()];
  expect(other).toEqual(one);
  return one;
}

function list(body: unknown): readonly unknown[] {
  const results: unknown = typeof body === 'object' && body !== null && 'results' in body ? body.results : [];
  return Array.isArray(results) ? results : [];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : value;
}

const resultNames = (body: unknown) => list(body).map((result) => field(result, 'name'));
const eventTypes = (body: unknown) =>
  list(body)
    .map((entry) => field(entry, 'type'))
    .toReversed();

async function readModel({ name }: Repository): Promise<unknown> {
  const rows = await world.query(
    `select r.status, r.version = (select max(version) from es.events where stream_id = 'repository-' || r.repository_id) as current,
       (select coalesce(array_agg(image_id || ' ' || coalesce(checksum, '') order by image_id), '{}')
        from read.images i where i.repository_id = r.repository_id) as images
     from read.repositories r where r.name = $1`,
    [name],
  );
  return rows;
}

const firstLife = ['RepositoryCreated', 'PushOpened', 'ImagesAdded', 'PushCompleted'];
const deletion = ['DeletionRequested', 'DeletionAuthorized', 'RepositoryDeleted'];

test('a repository that no projector has ever seen is created, pushed, deleted, created and pushed again', async () => {
  const repository = repositoryOf(stage, 'user');
  const found = [repository.fullName];
  expect(await told(repository)).toEqual({ images: 404, found: [], layer: 404, history: [] });

  await announce(repository, [{ id: firstImage.id }]);
  const announced = [{ id: firstImage.id, checksum: '' }];
  expect(await told(repository)).toEqual({
    images: announced,
    found,
    layer: { access: true },
    history: firstLife.slice(0, 2),
  });

  arranged(await putImages(repository, [firstImage], basic(repository.pusher)), 204);
  const oldToken = await readToken(repository);
  const pushed = { images: [firstImage], found, layer: { access: true }, history: firstLife };
  expect(await told(repository)).toEqual(pushed);
  expect(await told(repository, secondImage.id)).toEqual({ ...pushed, layer: { access: false } });

  const deleteToken = await requestDeletion(repository);
  const hidden = { images: 404, found: [], layer: 404 };
  expect(await told(repository)).toEqual({ ...hidden, history: [...firstLife, ...deletion.slice(0, 1)] });
  expect(bodyOf(arranged(await readImages(repository, deleteToken), 200))).toEqual([firstImage]);
  arranged(await authorize(repository, deleteToken), 200);
  expect(await told(repository)).toEqual({ ...hidden, history: [...firstLife, ...deletion.slice(0, 2)] });
  arranged(await remove(repository, basic(repository.pusher)), 200);
  expect(await told(repository)).toEqual({ ...hidden, history: [...firstLife, ...deletion] });
  arranged(await readImages(repository, deleteToken), 404);

  await push(repository, [secondImage]);
  const again = {
    images: [secondImage],
    found,
    layer: { access: false },
    history: [...firstLife, ...deletion, ...firstLife],
  };
  expect(await told(repository)).toEqual(again);
  expect(await told(repository, secondImage.id)).toEqual({ ...again, layer: { access: true } });
  arranged(await readImages(repository, oldToken), 403);
  expect(await readModel(repository)).toEqual([]);

  await projector.start();
  await world.projected();
  expect(await readModel(repository)).toEqual([
    { status: 'active', current: true, images: [`${secondImage.id} ${secondImage.checksum}`] },
  ]);
  expect(await told(repository)).toEqual(again);
});

test('a projector that stands still in the middle holds nobody up, and goes on where it stood', async () => {
  const repository = repositoryOf(stage, 'user');
  if (!projector.running) await projector.start();
  await push(repository, [firstImage]);
  await world.projected();
  const { pid } = projector;
  process.kill(pid, 'SIGSTOP');
  try {
    await push(repository, [secondImage]);
    const both = [firstImage, secondImage];
    expect(await told(repository)).toMatchObject({ images: both });
    const token = await requestDeletion(repository);
    expect(await told(repository)).toMatchObject({ images: 404, found: [] });
    arranged(await authorize(repository, token), 200);
    arranged(await remove(repository, basic(repository.pusher)), 200);
    expect(await told(repository)).toMatchObject({ images: 404, found: [] });
    expect(await readModel(repository)).toMatchObject([{ status: 'active', current: false }]);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await until('the projector has caught up', async () => {
    // The images are kept for its owner, who may have it back.
    const images = [firstImage, secondImage].map(({ id, checksum }) => `${id} ${checksum}`);
    expect(await readModel(repository)).toEqual([{ status: 'deleted', current: true, images }]);
    return true;
  });
  expect(await told(repository)).toMatchObject({ images: 404, found: [] });
});
