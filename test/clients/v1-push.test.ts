/** A whole push, pull and deletion of the first protocol: a scripted docker, two API processes, and a registry that trusts nobody. */
import { createHash, randomBytes } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { basic, fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';
import { startV1Registry } from './v1-registry.ts';
import type { V1Registry } from './v1-registry.ts';

let world: System;
let registry: V1Registry;
let owner: Account;
let stranger: Account;
/** How many questions the registry had asked before the test. */
let askedBefore: number;

beforeAll(async () => {
  registry = await startV1Registry(() => world.urls);
  world = await createWorld({ api: 2, environment: { REGISTRY_ENDPOINTS: registry.host } });
  owner = await world.createAccount();
  stranger = await world.createAccount();
});

afterAll(async () => {
  await registry?.stop();
  await world?.stop();
});

beforeEach(() => {
  askedBefore = registry.asked.length;
});

const asked = () => registry.asked.slice(askedBefore);

interface Layer {
  readonly id: string;
  readonly parent?: string;
  readonly data: Buffer;
}

function layersOf(count: number): Layer[] {
  const layers: Layer[] = [];
  while (layers.length < count) {
    const below = layers.at(-1);
    const id = randomBytes(32).toString('hex');
    layers.push({ id, data: randomBytes(512), ...(below ? { parent: below.id } : {}) });
  }
  return layers;
}

let requests = 0;
/** At the index: the processes in turn. */
async function index(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Response> {
  requests += 1;
  return fetch(`${world.urls[requests % world.urls.length]}${path}`, {
    method,
    headers: { 'User-Agent': 'docker/1.5.0 go/go1.4.1', ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

async function atRegistry(
  method: string,
  path: string,
  token: string,
  { body, headers = {} }: { readonly body?: string | Buffer; readonly headers?: Record<string, string> } = {},
): Promise<{ status: number; body: Buffer }> {
  const answer = await fetch(`http://${registry.host}${path}`, {
    method,
    headers: { Authorization: `Token ${token}`, ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
}

const tokenOf = (answer: Response) => answer.headers.get('X-Docker-Token') ?? '';
const wish = { 'X-Docker-Token': 'true' };
const json = ({ id, parent }: Layer) => JSON.stringify({ id, ...(parent === undefined ? {} : { parent }) });
const checksum = ({ data }: Layer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

async function announce(name: string, who: Account, layers: readonly Layer[]): Promise<string> {
  const images = layers.map(({ id }, place) => ({ id, ...(place === layers.length - 1 ? { Tag: 'latest' } : {}) }));
  const answer = await index(
    'PUT',
    `/v1/repositories/${name}/`,
    { Authorization: basic(who), ...wish },
    JSON.stringify(images),
  );
  expect(answer.status).toBe(200);
  expect(answer.headers.get('X-Docker-Endpoints')).toBe(registry.host);
  return tokenOf(answer);
}

async function upload(name: string, token: string, layers: readonly Layer[], tags: readonly string[]): Promise<void> {
  for (const layer of layers) {
    const path = `/v1/images/${layer.id}`;
    expect(await atRegistry('PUT', `${path}/json`, token, { body: json(layer) })).toMatchObject({ status: 200 });
    expect(await atRegistry('PUT', `${path}/layer`, token, { body: layer.data })).toMatchObject({ status: 200 });
    const headers = { 'X-Docker-Checksum': checksum(layer) };
    expect(await atRegistry('PUT', `${path}/checksum`, token, { headers })).toMatchObject({ status: 200 });
  }
  const body = JSON.stringify(layers.at(-1)?.id);
  for (const tag of tags) {
    expect(await atRegistry('PUT', `/v1/repositories/${name}/tags/${tag}`, token, { body })).toMatchObject({
      status: 200,
    });
  }
}

async function finish(name: string, who: Account): Promise<void> {
  const headers = { Authorization: basic(who), 'X-Docker-Endpoints': `http://${registry.host}/v1/` };
  expect((await index('PUT', `/v1/repositories/${name}/images`, headers, '[]')).status).toBe(204);
}

async function push(name: string, who: Account, layers: readonly Layer[]): Promise<string> {
  const token = await announce(name, who, layers);
  await upload(name, token, layers, ['latest', '1.0']);
  await finish(name, who);
  return token;
}

async function readToken(name: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await index('GET', `/v1/repositories/${name}/images`, { ...headers, ...wish });
  expect(answer.status).toBe(200);
  return tokenOf(answer);
}

describe('a push of three layers and two tags', () => {
  test('has its token proved at every request, by the image list, with the very header of the client', async () => {
    const name = `${owner.name}/${fresh('app-')}`;
    const layers = layersOf(3);
    const token = await push(name, owner, layers);
    const proof = { line: `GET /v1/repositories/${name}/images`, authorization: `Token ${token}`, status: 200 };
    const parent = (id: string) => ({ ...proof, line: `GET /v1/repositories/${name}/layer/${id}/access` });
    const bottom = [proof, proof, proof];
    const above = layers.slice(0, -1).map(({ id }) => [proof, parent(id), proof, proof]);
    expect(asked()).toEqual([bottom, above, proof, proof].flat(2));
  });

  test('is pulled whole by nobody in particular', async () => {
    const name = `${owner.name}/${fresh('app-')}`;
    const layers = layersOf(3);
    await push(name, owner, layers);
    const token = await readToken(name);
    const tags = await atRegistry('GET', `/v1/repositories/${name}/tags`, token);
    const top = layers.at(-1)?.id;
    expect(JSON.parse(tags.body.toString())).toEqual({ latest: top, '1.0': top });
    const ancestry = await atRegistry('GET', `/v1/images/${top}/ancestry`, token);
    expect(JSON.parse(ancestry.body.toString())).toEqual(layers.map(({ id }) => id).toReversed());
    for (const { id, data } of layers) {
      expect(await atRegistry('GET', `/v1/images/${id}/layer`, token)).toEqual({ status: 200, body: data });
    }
  });

  test('that dies can be begun again at once, with the same layers', async () => {
    const name = `${owner.name}/${fresh('app-')}`;
    const layers = layersOf(3);
    const token = await announce(name, owner, layers);
    await upload(name, token, layers.slice(0, 1), []);
    await push(name, owner, layers);
    expect((await atRegistry('GET', `/v1/images/${layers.at(-1)?.id}/layer`, await readToken(name))).status).toBe(200);
  });
});

describe('the registry is refused by the index', () => {
  test('a read token whose text was changed into write, because text and signature must say the same (row 14a)', async () => {
    const name = `${owner.name}/${fresh('app-')}`;
    const [layer, ...others] = layersOf(2);
    if (layer === undefined) throw new Error('no layer');
    await push(name, owner, [layer, ...others]);
    const forged = (await readToken(name)).replace('access=read', 'access=write');
    const answer = await atRegistry('PUT', `/v1/images/${layer.id}/layer`, forged, { body: Buffer.from('evil') });
    expect(answer.status).toBe(401);
    expect(asked().at(-1)).toMatchObject({ status: 401 });
    expect(await atRegistry('GET', `/v1/images/${layer.id}/layer`, await readToken(name))).toMatchObject({
      body: layer.data,
    });
  });

  test('a token whose text was changed to name the repository of somebody else', async () => {
    const [mine, theirs] = [`${stranger.name}/${fresh('app-')}`, `${owner.name}/${fresh('app-')}`];
    await push(theirs, owner, layersOf(1));
    const token = await announce(mine, stranger, layersOf(1));
    const forged = token.replace(`repository="${mine}"`, `repository="${theirs}"`);
    const body = JSON.stringify('x');
    expect((await atRegistry('PUT', `/v1/repositories/${theirs}/tags/latest`, forged, { body })).status).toBe(401);
    expect(asked().at(-1)).toMatchObject({ status: 401 });
    expect((await atRegistry('PUT', `/v1/repositories/${theirs}/tags/latest`, token, { body })).status).toBe(401);
  });

  test('an image that was not announced', async () => {
    const name = `${owner.name}/${fresh('app-')}`;
    const [announced, other] = [layersOf(1), layersOf(1)];
    const token = await announce(name, owner, announced);
    const [layer] = other;
    if (layer === undefined) throw new Error('no layer');
    expect((await atRegistry('PUT', `/v1/images/${layer.id}/json`, token, { body: json(layer) })).status).toBe(404);
  });
});

test('a parent of a public repository may be built on, one of a repository that is gone may not (row 17)', async () => {
  const base = `${owner.name}/${fresh('base-')}`;
  const [below] = layersOf(1);
  if (below === undefined) throw new Error('no layer');
  await push(base, owner, [below]);
  await world.projected();
  const child = { id: randomBytes(32).toString('hex'), parent: below.id, data: randomBytes(64) };
  await push(`${stranger.name}/${fresh('app-')}`, stranger, [child]);
  expect((await index('DELETE', `/v1/repositories/${base}/`, { Authorization: basic(owner) })).status).toBe(202);
  await world.projected();
  const late = { ...child, id: randomBytes(32).toString('hex') };
  const token = await announce(`${stranger.name}/${fresh('app-')}`, stranger, [late]);
  expect((await atRegistry('PUT', `/v1/images/${late.id}/json`, token, { body: json(late) })).status).toBe(403);
});

test('a deletion hides the repository, has its token proved and spent by the registry, and is over at the second DELETE', async () => {
  const name = `${owner.name}/${fresh('app-')}`;
  const layers = layersOf(2);
  await push(name, owner, layers);
  const before = await readToken(name);
  const remove = () => index('DELETE', `/v1/repositories/${name}/`, { Authorization: basic(owner), ...wish });
  const first = await remove();
  expect(first.status).toBe(202);
  const token = tokenOf(first);
  expect((await index('GET', `/v1/repositories/${name}/images`, {})).status).toBe(404);
  // Who was in the middle of a pull is told so too: the token is proved anew.
  expect((await atRegistry('GET', `/v1/images/${layers[0]?.id}/layer`, before)).status).toBe(401);
  expect((await atRegistry('DELETE', `/v1/repositories/${name}`, before)).status).toBe(401);
  askedBefore = registry.asked.length;
  expect((await atRegistry('DELETE', `/v1/repositories/${name}`, token)).status).toBe(200);
  expect(asked()).toEqual([
    { line: `GET /v1/repositories/${name}/images`, authorization: `Token ${token}`, status: 200 },
    { line: `PUT /v1/repositories/${name}/auth`, authorization: `Token ${token}`, status: 200 },
  ]);
  expect((await atRegistry('DELETE', `/v1/repositories/${name}`, token)).status).toBe(403);
  expect((await remove()).status).toBe(200);
  expect((await remove()).status).toBe(200);
  // The same name again: a new life, with none of the old images and with no use for the old tokens.
  const again = layersOf(1);
  await push(name, owner, again);
  expect((await atRegistry('GET', `/v1/images/${layers[0]?.id}/layer`, await readToken(name))).status).toBe(404);
  expect((await atRegistry('GET', `/v1/images/${again[0]?.id}/layer`, before)).status).toBe(401);
});
