/** What clients and registries rely on beyond the published text: pushes, checksums, endpoints and deletions. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import {
  announce,
  authorize,
  deleteWholly,
  endpointsOf,
  push,
  putImages,
  readImages,
  remove,
  repositoryOf,
  requestDeletion,
} from '../support/repository.ts';
import type { Form } from '../support/repository.ts';
import { arranged, basic, bodyOf, firstImage, headersWith, secondImage, staged, wantsToken } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import { expectCommonForm, usualError } from './scenario.ts';

const registries = ['registry-1.docker.io', 'registry-2.docker.io', 'registry-3.docker.io:5000'];
let stage: Stage;

beforeAll(async () => {
  stage = await staged(await createWorld({ api: 2, environment: { REGISTRY_ENDPOINTS: registries.join(',') } }));
});

afterAll(() => stage?.world.stop());

function put(target: string, body: string, headers = headersWith(basic(stage.owner), wantsToken)) {
  return stage.send({ method: 'PUT', target, headers, body });
}

const untyped = () => headersWith(basic(stage.owner)).filter(([name]) => name !== 'Content-Type');

test.each([null, 'text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded', 'nonsense'])(
  'row 25 (docker up to 0.6.0, tests of registries): a body of type %s is read as JSON',
  async (type) => {
    const repository = repositoryOf(stage, 'user');
    const headers = type === null ? untyped() : [...untyped(), ['Content-Type', type] as const];
    arranged(await put(`${repository.path}/`, JSON.stringify([firstImage]), headers), 200);
    arranged(await put(`${repository.path}/images`, JSON.stringify([secondImage]), headers), 204);
    expect(bodyOf(await readImages(repository))).toEqual([firstImage, secondImage]);
  },
);

test('row 25 (docker): a body of ten megabytes is taken, and one of eleven is refused in JSON', async () => {
  const repository = repositoryOf(stage, 'user');
  const list = (bytes: number) => `[{"id": "abc"}${' '.repeat(bytes - '[{"id": "abc"}]'.length)}]`;
  expect(await put(`${repository.path}/`, list(10_000_000))).toMatchObject({ status: 200 });
  for (const target of [`${repository.path}/`, `${repository.path}/images`]) {
    const refused = await put(target, list(11_000_000));
    expect({ status: refused.status, body: bodyOf(refused) }).toEqual({ status: 413, body: usualError });
    expectCommonForm(refused);
  }
});

test('row 25 (docker): a push may bring thousands of images', async () => {
  const repository = repositoryOf(stage, 'user');
  const images = Array.from({ length: 5000 }, (_, index) => ({ id: index.toString(16).padStart(64, '0') }));
  const token = await announce(repository, images);
  const proof = bodyOf(arranged(await readImages(repository, token), 200));
  expect(proof).toEqual(images.map(({ id }) => ({ id, checksum: '' })));
});

test('row 26 (docker from 0.8): the announcement names an image once for each tag, and its parents without', async () => {
  const repository = repositoryOf(stage, 'user');
  const [parent, child] = ['aa'.repeat(32), 'bb'.repeat(32)];
  const body = `[{"id":"${parent}"},{"id":"${child}","Tag":"1.0"},{"id":"${child}","Tag":"latest"}]`;
  arranged(await put(`${repository.path}/`, body), 200);
  expect(bodyOf(await readImages(repository))).toEqual([
    { id: parent, checksum: '' },
    { id: child, checksum: '' },
  ]);
  expect(await put(`${repository.path}/`, '{}')).toMatchObject({ status: 400 });
});

test.each([
  ['0.3', [firstImage]],
  ['0.6', [{ ...firstImage, Tag: 'latest' }]],
  ['0.8', []],
])('row 27 (docker from %s): the update at the end of a push gets 204', async (_, update) => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, [{ id: firstImage.id }]);
  const answer = await putImages(repository, update, basic(stage.owner));
  expect(answer).toMatchObject({ status: 204, body: '' });
  expectCommonForm(answer);
  const checksum = update.length > 0 ? firstImage.checksum : '';
  expect(bodyOf(await readImages(repository))).toEqual([{ id: firstImage.id, checksum }]);
});

test('row 28 (docker, Quay): the update comes with a password or a token, and with endpoints that nobody judges', async () => {
  const repository = repositoryOf(stage, 'user');
  const token = await announce(repository, [{ id: firstImage.id }]);
  for (const authorization of [basic(stage.owner), token]) {
    const headers = headersWith(
      authorization,
      ['X-Docker-Endpoints', 'https://registry.example.com/v1/'],
      ['X-Docker-Endpoints', 'not an address at all'],
    );
    expect(await put(`${repository.path}/images`, '[]', headers)).toMatchObject({ status: 204 });
  }
});

test('row 29 (docker-registry): an update adds and never takes away, whatever it leaves out', async () => {
  const repository = repositoryOf(stage, 'user');
  const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id }));
  const updates = [
    [a, b],
    [{ ...b, checksum: 'b1' }],
    [b, { ...b, checksum: 'b2' }, { ...b, checksum: 'b3' }],
    [c, { ...a, checksum: '' }],
    [{ ...a, checksum: 'a1' }],
    [a, b, c],
  ];
  await announce(repository, []);
  for (const update of updates) arranged(await putImages(repository, update, basic(stage.owner)), 204);
  expect(bodyOf(await readImages(repository))).toEqual([
    { id: 'a', checksum: 'a1' },
    { id: 'b', checksum: 'b2' },
    { id: 'c', checksum: '' },
  ]);
});

test('row 30 (docker): a checksum comes back as the text that it was', async () => {
  const repository = repositoryOf(stage, 'user');
  const texts = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'md5:d41d8cd98f00b204e9800998ecf8427e',
    'tarsum+sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'tarsum.v1+sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'UPPER',
  ];
  const images = texts.map((checksum, index) => ({ id: `image-${index}`, checksum }));
  await push(repository, images);
  expect(bodyOf(await readImages(repository))).toEqual(images);
});

test('row 30 (index): what the index says of images can be sent back to it', async () => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, [{ id: firstImage.id }, { id: secondImage.id }]);
  arranged(await putImages(repository, [secondImage], basic(stage.owner)), 204);
  const said = bodyOf(await readImages(repository));
  arranged(await put(`${repository.path}/images`, JSON.stringify(said)), 204);
  expect(bodyOf(await readImages(repository))).toEqual(said);
});

test('row 30a (docker): the two successes of a push are 200 and 204, in the first life and in the next', async () => {
  const repository = repositoryOf(stage, 'user');
  for (let life = 1; life <= 2; life += 1) {
    for (let time = 1; time <= 2; time += 1) {
      expect(await put(`${repository.path}/`, '[{"id": "abc"}]')).toMatchObject({ status: 200 });
      expect(await put(`${repository.path}/images`, '[]')).toMatchObject({ status: 204 });
    }
    await deleteWholly(repository);
  }
});

test('row 31 and 32 (docker): each registry has a header line of its own, for those who ask', async () => {
  const repository = repositoryOf(stage, 'user');
  const opened = await put(`${repository.path}/`, '[]');
  expect(endpointsOf(opened)).toEqual(registries);
  expect(endpointsOf(await readImages(repository, null, wantsToken))).toEqual(registries);
  expect(endpointsOf(await remove(repository, basic(stage.owner), wantsToken))).toEqual(registries);
});

test('row 33 (docker up to 1.6): no tag comes back with the images', async () => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, [{ id: firstImage.id, Tag: 'latest' }]);
  arranged(await putImages(repository, [{ ...firstImage, Tag: 'latest' }], basic(stage.owner)), 204);
  const { body } = await readImages(repository);
  expect(body).toBe(JSON.stringify([{ id: firstImage.id, checksum: firstImage.checksum }]));
});

test('row 34 (crane): an unknown repository is 404 to everybody, in JSON', async () => {
  const repository = repositoryOf(stage, 'user');
  const nowhere = { ...repository, path: '/v1/repositories/nobody_at_all/bar' };
  for (const one of [repository, nowhere]) {
    for (const authorization of [null, basic(stage.owner), basic(stage.stranger), basic(stage.admin)]) {
      const answer = await readImages(one, authorization);
      expect({ status: answer.status, body: bodyOf(answer) }).toEqual({ status: 404, body: usualError });
      expectCommonForm(answer);
    }
  }
});

describe.each<Form>(['user', 'library'])('row 34 and 35 (index): a %s repository that never was', (form) => {
  test('cannot be updated or deleted by the one who could have made it', async () => {
    const repository = repositoryOf(stage, form);
    const owner = basic(repository.pusher);
    for (const answer of [await putImages(repository, [firstImage], owner), await remove(repository, owner)]) {
      expect({ status: answer.status, body: bodyOf(answer) }).toEqual({ status: 404, body: usualError });
      expectCommonForm(answer);
    }
    expect(await readImages(repository)).toMatchObject({ status: 404 });
  });

  test('is not told apart from others by those who could not', async () => {
    const repository = repositoryOf(stage, form);
    const outsider = basic(repository.outsider);
    expect(await putImages(repository, [firstImage], outsider)).toMatchObject({ status: 403 });
    expect(await remove(repository, outsider)).toMatchObject({ status: 403 });
  });
});

test('row 35 (specification of 1.0): both steps of a deletion may be repeated, by whichever process', async () => {
  const repository = repositoryOf(stage, 'user');
  const owner = basic(stage.owner);
  await push(repository);
  const tokens = [await requestDeletion(repository), await requestDeletion(repository)];
  expect(new Set(tokens).size).toBe(2);
  const [, latest = ''] = tokens;
  expect(bodyOf(await authorize(repository, latest))).toBe('OK');
  for (let time = 1; time <= 4; time += 1) {
    expect(await remove(repository, owner)).toMatchObject({ status: 200, body: '""' });
    expect(await readImages(repository)).toMatchObject({ status: 404 });
    expect(await authorize(repository, latest)).toMatchObject({ status: 403 });
  }
  const bystander = await remove(repository, basic(stage.stranger));
  expect(bystander).toMatchObject({ status: 403 });
});

test('row 36 (specification of 1.0): a push that died locks nothing', async () => {
  const repository = repositoryOf(stage, 'user');
  const died = await announce(repository, [{ id: firstImage.id }]);
  const token = await announce(repository, [{ id: secondImage.id }]);
  for (const one of [token, died]) {
    expect(await putImages(repository, [], one)).toMatchObject({ status: 204 });
  }
  const ids = [firstImage.id, secondImage.id];
  expect(bodyOf(await readImages(repository))).toEqual(ids.map((id) => ({ id, checksum: '' })));
});

test('row 36 (docker): many pushes of one name at once all succeed', async () => {
  const repository = repositoryOf(stage, 'user');
  const ids = Array.from({ length: 12 }, (_, index) => `image-${index}`);
  const answers = await Promise.all(ids.map((id) => put(`${repository.path}/`, JSON.stringify([{ id }]))));
  expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 200));
  const images = bodyOf(await readImages(repository));
  expect(images).toHaveLength(ids.length);
  expect(images).toEqual(expect.arrayContaining(ids.map((id) => ({ id, checksum: '' }))));
});

test('row 37 (published text): no answer says more of its type than application/json, and none has an ETag', async () => {
  const repository = repositoryOf(stage, 'user');
  const answers = [
    await put(`${repository.path}/`, '[{"id": "abc"}]'),
    await put(`${repository.path}/images`, '[]'),
    await readImages(repository),
    await stage.send({ method: 'HEAD', target: `${repository.path}/images`, headers: headersWith(null), body: null }),
    await remove(repository, basic(stage.owner)),
  ];
  for (const answer of answers) {
    expectCommonForm(answer);
    expect(valuesOf(answer, 'ETag')).toEqual([]);
  }
});

test('row 37 (published text): what a client says of its cache changes nothing', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  const again = await readImages(repository, null, ['If-None-Match', '*'], ['Cache-Control', 'max-age=600']);
  expect(bodyOf(arranged(again, 200))).toEqual([firstImage]);
});
