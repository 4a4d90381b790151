/** What clients rely on beyond the published text: addresses, pings and the form of every answer. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import type { Answer, Header } from '../support/exchange.ts';
import { announce, endpointsOf, push, putImages, readImages, repositoryOf } from '../support/repository.ts';
import {
  arranged,
  basic,
  bodyOf,
  expectToken,
  firstImage,
  fresh,
  get,
  headersWith,
  inTurn,
  staged,
  tokenOf,
  tokenPattern,
  wantsToken,
} from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import { errorOf, expectCommonForm, usualError } from './scenario.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await staged(await createWorld({ api: 2 }));
});

afterAll(() => stage?.world.stop());

function send(method: string, target: string, authorization: string | null, body: string | null = null) {
  return stage.send({ method, target, headers: headersWith(authorization), body });
}

test('row 1 and 2 (docker 0.3 to 1.12): no path is answered with a redirection, whatever its ending', async () => {
  const repository = repositoryOf(stage, 'user');
  await push(repository);
  const targets = [
    '/v1',
    '/v1/users',
    '/v1/search',
    '/v1/_ping',
    '/_ping',
    '/v2',
    repository.path,
    `${repository.path}/images`,
    `${repository.path}/auth`,
    `${repository.path}/layer/${firstImage.id}/access`,
  ];
  for (const target of targets) {
    const [without, with_] = [await get(stage, target), await get(stage, `${target}/`)];
    expect({ target, status: with_.status }).toEqual({ target, status: without.status });
    expect(Math.floor(without.status / 100)).not.toBe(3);
    expect(valuesOf(without, 'Location')).toEqual([]);
  }
});

test('row 3 (docker before 1.5 and since): foo and library/foo are one repository, whose tokens say library/foo', async () => {
  const bare = repositoryOf(stage, 'library');
  const spelled = { ...bare, path: `/v1/repositories/library/${bare.name}` };
  const token = await announce(bare, [{ id: firstImage.id }]);
  expect(token.replace('Token ', '')).toMatch(tokenPattern(bare.fullName, 'write'));
  arranged(await putImages(spelled, [firstImage], token), 204);
  expect(await announce(spelled, [])).toMatch(`repository="${bare.fullName}"`);
  for (const one of [bare, spelled]) expect(bodyOf(await readImages(one, token))).toEqual([firstImage]);
});

test.each(['images', 'auth', 'layer'])('row 3a (index): no repository is named %s', async (name) => {
  const { admin, owner } = stage;
  const requests = [
    await send('PUT', `/v1/repositories/${name}/`, basic(admin), '[]'),
    await send('PUT', `/v1/repositories/${name}/images`, basic(admin), '[]'),
    await send('PUT', `/v1/repositories/${owner.name}/${name}/images`, basic(owner), '[]'),
    await send('PUT', `/v1/repositories/${owner.name}/${name}/auth`, basic(owner)),
  ];
  expect(requests.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
  requests.forEach(expectCommonForm);
});

test('row 3a (index): images and auth after one segment mean the repository of the library', async () => {
  const repository = repositoryOf(stage, 'library', fresh('short_'));
  const token = await push(repository);
  for (const ending of ['', '/']) {
    expect(bodyOf(await get(stage, `${repository.path}/images${ending}`))).toEqual([firstImage]);
    expect(bodyOf(await send('PUT', `${repository.path}/auth${ending}`, token))).toBe('OK');
  }
});

test('row 4 (docker-registry, Quay): more than one slash in a name is refused', async () => {
  const { owner } = stage;
  const path = `/v1/repositories/${owner.name}/bar/baz`;
  const answers = [
    await send('PUT', `${path}/`, basic(owner), '[]'),
    await send('PUT', path, basic(owner), '[]'),
    await send('DELETE', `${path}/`, basic(owner), '""'),
    await send('PUT', `${path}/images`, basic(owner), '[]'),
    await get(stage, `${path}/images`),
    await send('PUT', `${path}/auth`, basic(owner)),
  ];
  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400]);
  for (const answer of answers) {
    expect(bodyOf(answer)).toEqual(usualError);
    expectCommonForm(answer);
  }
});

test.each([
  ['namespace', 'abc/bar'],
  ['namespace', 'Upper/bar'],
  ['namespace', `${'n'.repeat(31)}/bar`],
  ['repo_name', 'library/..'],
  ['repo_name', 'library/a%20b'],
  ['repo_name', `library/${'r'.repeat(256)}`],
])('row 5 (docker): reading with an unusable %s is refused with its name: %s', async (field, name) => {
  for (const answer of [
    await get(stage, `/v1/repositories/${name}/images`),
    await send('PUT', `/v1/repositories/${name}/auth`, await push(repositoryOf(stage, 'user'))),
  ]) {
    expect({ status: answer.status, body: bodyOf(answer) }).toEqual({ status: 400, body: errorOf(field) });
    expectCommonForm(answer);
  }
});

test.each(['r', 'UPPER', 'with.dots-and_more', `${'r'.repeat(244)}.`])(
  'row 5 (docker): a repository may be named %s',
  async (name) => {
    const repository = repositoryOf(stage, 'user', name);
    await push(repository);
    expect(bodyOf(await readImages(repository))).toEqual([firstImage]);
  },
);

test.each(['/v1/_ping', '/_ping', '/v1/_ping/'])(
  'row 6 and 7 (docker 0.6 to 1.12): %s is answered true to anybody, as by a registry that is not standalone',
  async (target) => {
    for (const authorization of [null, 'Basic Og==', basic({ name: 'nobody_at_all', password: 'wrong' })]) {
      const started = performance.now();
      const answer = await get(stage, target, authorization);
      expect(performance.now() - started).toBeLessThan(1000);
      expect({ status: answer.status, body: bodyOf(answer) }).toEqual({ status: 200, body: true });
      expect(valuesOf(answer, 'X-Docker-Registry-Version')).toEqual([expect.stringMatching(/\S/)]);
      expect(valuesOf(answer, 'X-Docker-Registry-Standalone')).toEqual(['false']);
    }
  },
);

describe('row 8 (docker, which prints "invalid character \'<\'"): an answer below /v1 is JSON when', () => {
  function shown(answer: Answer) {
    const [types, varies, etags] = ['Content-Type', 'Vary', 'ETag'].map((name) => valuesOf(answer, name));
    return { status: answer.status, body: bodyOf(answer), types, varies, etags };
  }
  const error = { body: usualError, types: ['application/json'], varies: ['Accept'], etags: [] };

  test.each(['/v1/', '/v1/nothing', '/v1/users/nobody/what/is/this', '/v1/repositories/', '/v1/repositories'])(
    'nothing is at %s',
    async (target) => {
      expect(shown(await get(stage, target))).toEqual({ status: 404, ...error });
    },
  );

  test.each([
    ['POST', '/v1/repositories/foobar/', ['DELETE', 'PUT']],
    ['DELETE', '/v1/repositories/foobar/images', ['GET', 'PUT']],
    ['GET', '/v1/repositories/foobar/auth', ['PUT']],
    ['PATCH', '/v1/users', ['GET', 'POST']],
    ['DELETE', '/v1/users/somebody/', ['PUT']],
    ['POST', '/v1/_ping', ['GET']],
  ])('the method is not one of its path: %s %s', async (method, target, methods) => {
    const answer = await send(method, target, basic(stage.admin), '""');
    expect(shown(answer)).toEqual({ status: 405, ...error });
    const allowed = valuesOf(answer, 'Allow').flatMap((value) => value.split(/, */));
    expect(allowed.filter((one) => one !== 'HEAD' && one !== 'OPTIONS').toSorted()).toEqual(methods);
  });

  test('an escape in the path is none', async () => {
    expect(shown(await get(stage, '/v1/repositories/foo%zz/images'))).toEqual({ status: 400, ...error });
  });

  test('the body is not JSON', async () => {
    expect(shown(await send('PUT', repositoryOf(stage, 'user').path, basic(stage.owner), '[{"id":'))).toEqual({
      status: 400,
      ...error,
    });
  });

  test('the database is away, and the client is told when to come again', async () => {
    const repository = repositoryOf(stage, 'user');
    await push(repository);
    await stage.world.database.stop();
    try {
      for (const answer of [
        await readImages(repository),
        await get(stage, '/v1/users', basic(stage.owner)),
        await send('PUT', repository.path, basic(stage.owner), '[]'),
      ]) {
        expect(shown(answer)).toEqual({ status: 503, ...error });
        expect(valuesOf(answer, 'Retry-After')).toEqual([expect.stringMatching(/^[1-9]\d*$/)]);
      }
    } finally {
      await stage.world.database.start();
    }
    await expect.poll(async () => (await readImages(repository)).status, { timeout: 15_000 }).toBe(200);
  });
});

test('row 8a (docker 0.5): a target may be a whole URL', async () => {
  const repository = repositoryOf(stage, 'user');
  const url = `https://index.docker.io${repository.path}`;
  const headers = headersWith(basic(stage.owner), wantsToken);
  const put = await stage.send({ method: 'PUT', target: `${url}/`, headers, body: '[{"id": "abc"}]' });
  expectToken(arranged(put, 200), repository.fullName, 'write');
  expect(bodyOf(await get(stage, `${url}/images`))).toEqual([{ id: 'abc', checksum: '' }]);
  expect(bodyOf(await get(stage, 'http://index.docker.io/v1/search?q=zyzzyva'))).toMatchObject({ query: 'zyzzyva' });
});

test('row 8a (redirected docker): a header may come twice', async () => {
  const repository = repositoryOf(stage, 'user');
  const headers = [
    ...headersWith(basic(stage.owner), wantsToken, wantsToken),
    ['Authorization', basic(stage.owner)] as const,
    ['Content-Type', 'application/json'] as const,
    ['User-Agent', 'docker/0.8.0'] as const,
    ['User-Agent', 'docker/0.8.0'] as const,
  ];
  const put = await stage.send({ method: 'PUT', target: `${repository.path}/`, headers, body: '[{"id": "abc"}]' });
  expectToken(arranged(put, 200), repository.fullName, 'write');
  const token: Header = ['Authorization', tokenOf(put)];
  const twice = [...headersWith(null), token, token];
  const read = await stage.send({ method: 'GET', target: `${repository.path}/images`, headers: twice, body: null });
  expect(arranged(read, 200).body).toBe('[{"id":"abc","checksum":""}]');
});

test('row 31a (docker): without a setting the registry is where the client came to, if that is known to be here', async () => {
  const { path } = repositoryOf(stage, 'user');
  const put = (host: string) => {
    const headers: Header[] = [['Host', host], ['Authorization', basic(stage.owner)], wantsToken];
    return stage.send({ method: 'PUT', target: `${path}/`, headers, body: '[]' });
  };
  const strange = await put('registry.example.com:5000');
  expect({ status: strange.status, body: bodyOf(strange) }).toEqual({ status: 421, body: usualError });
  expectCommonForm(strange);
  expect(endpointsOf(strange)).toEqual([]);
  for (const host of ['index.docker.io', 'localhost:5000', '127.0.0.1']) {
    expect(endpointsOf(arranged(await put(host), 200))).toEqual([host]);
  }
});

const agents = {
  'docker/1.6.2 go/go1.4.2 git-commit/7c8fca2 kernel/3.19.0 os/linux arch/amd64': 404,
  'docker/1.9.1 go/go1.4.3 git-commit/a34a1d5 kernel/4.2.0 os/linux arch/amd64': 404,
  'docker/1.13.1 go/go1.7.5 git-commit/092cba3 kernel/4.9.0 os/linux arch/amd64 UpstreamClient(Docker-Client/1.13.1 (linux))': 404,
  'docker/17.05.0-ce go/go1.7.5 git-commit/89658be kernel/4.9.0 os/linux arch/amd64': 404,
  'docker/17.06.0-ce go/go1.8.3 git-commit/02c1d87 kernel/4.9.0 os/linux arch/amd64': 401,
  'docker/18.09.1 go/go1.11.4 git-commit/4c52b90 kernel/4.19.0 os/linux arch/amd64': 401,
  'docker/28.0.1 go/go1.23.6 git-commit/bbd0a17 kernel/6.1.0 os/linux arch/amd64': 401,
  'containers/5.34.0 (github.com/containers/image)': 401,
  'curl/7.88.1': 401,
  '': 401,
};

function pingV2(target: string, agent: string, authorization: string | null = null): Promise<Answer> {
  const headers = headersWith(authorization, ...(agent === '' ? [] : [['User-Agent', agent] as const]));
  return stage.send({ method: 'GET', target, headers, body: null });
}

const versionHeader = 'Docker-Distribution-Api-Version';

function shownV2(answer: Answer) {
  const { status } = answer;
  return { status, version: valuesOf(answer, versionHeader), challenge: valuesOf(answer, 'WWW-Authenticate') };
}

function v2(status: number) {
  const version = status === 404 ? [] : ['registry/2.0'];
  return { status, version, challenge: status === 401 ? ['Basic realm="docket"'] : [] };
}

describe.each(Object.entries(agents))('row 9 (%s)', (agent, status) => {
  test.each(['/v2', '/v2/'])(`%s is answered ${status} without credentials`, async (target) => {
    expect(shownV2(await pingV2(target, agent))).toEqual(v2(status));
  });
});

test('row 9 (podman, modern docker): /v2/ proves a name and a password', async () => {
  const agent = 'containers/5.34.0 (github.com/containers/image)';
  const known = await pingV2('/v2/', agent, basic(stage.owner));
  expect(shownV2(known)).toEqual(v2(200));
  expect(bodyOf(known)).toEqual({});
  expect(shownV2(await pingV2('/v2/', agent, basic({ ...stage.owner, password: 'wrong-password' })))).toEqual(v2(401));
});

test('row 9 (docker): nothing but /v2 itself is there', async () => {
  for (const target of ['/v2/library/ubuntu/manifests/latest', '/v2/library/ubuntu/tags/list', '/v22']) {
    expect(await pingV2(target, 'docker/28.0.1')).toMatchObject({ status: 404 });
  }
});

describe.each(['401', '404'])('row 9 (docker, podman): a setting makes it %s to all', (setting) => {
  let forced: Stage;

  beforeAll(async () => {
    const world = await createWorld({ projectors: 0, environment: { V2_PING: setting } });
    forced = { ...stage, world, send: inTurn(world.urls) };
  });

  afterAll(() => forced?.world.stop());

  test.each(Object.keys(agents))('also to "%s"', async (agent) => {
    const headers = headersWith(null, ...(agent === '' ? [] : [['User-Agent', agent] as const]));
    expect(shownV2(await forced.send({ method: 'GET', target: '/v2/', headers, body: null }))).toEqual(
      v2(Number(setting)),
    );
  });
});
