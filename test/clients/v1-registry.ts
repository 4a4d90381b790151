/**
 * A registry of the first protocol, as docker-registry 0.9 behaves towards an index: it keeps layers and tags, and knows nobody. Every
 * request must bring a token; the token's text is believed for the repository and the access, and proved by asking the index for the
 * image list with the very Authorization header that the client sent (rows 14 to 18, 35). No proof is remembered.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { z } from 'zod';

const bodyBytesMax = 1024 * 1024;
const askMsMax = 10_000;

/** A question to the index, as it was put: what tests look at. */
interface Asked {
  readonly line: string;
  readonly authorization: string;
  readonly status: number;
}

export interface V1Registry {
  readonly host: string;
  readonly asked: readonly Asked[];
  readonly stop: () => Promise<void>;
}

interface Layer {
  json: string;
  data: Buffer | undefined;
  checksum: string | undefined;
}

interface Told {
  readonly repository: string;
  readonly access: string;
}

const imageJson = z.object({ id: z.string(), parent: z.string().optional() });
const imageList = z.array(z.object({ id: z.string(), checksum: z.string() }));
const accessAnswer = z.strictObject({ access: z.boolean() });

/** The pattern of docker-registry, so a signature must hold neither quote nor comma (row 14). */
const tokenPattern = /(\w+)[:=][\s"]?([^",]+)"?/g;
const accessOfMethod: Readonly<Record<string, string>> = { GET: 'read', PUT: 'write', POST: 'write', DELETE: 'delete' };

class Denied extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The URLs are asked in turn: an index of several processes must not need to be asked the same one twice. */
export async function startV1Registry(indexUrls: () => readonly string[]): Promise<V1Registry> {
  const layers = new Map<string, Layer>();
  const tags = new Map<string, Map<string, string>>();
  const asked: Asked[] = [];

  async function ask(method: string, path: string, authorization: string): Promise<{ status: number; body: string }> {
    const urls = indexUrls();
    const url = urls[asked.length % urls.length] ?? '';
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { Authorization: authorization },
      signal: AbortSignal.timeout(askMsMax),
    });
    const body = await answer.text();
    asked.push({ line: `${method} ${path}`, authorization, status: answer.status });
    return { status: answer.status, body };
  }

  /** What the text says is believed; that somebody gave the token out is for the index to say, every time. */
  async function proved(
    request: IncomingMessage,
    repository: string | undefined,
  ): Promise<{ told: Told; ids: Set<string> }> {
    const authorization = request.headers.authorization ?? '';
    const told = tokenText(authorization);
    const wanted = accessOfMethod[request.method ?? ''];
    if (told === undefined) throw new Denied(401, 'Requires authorization');
    if (repository !== undefined && told.repository !== repository) throw new Denied(401, 'Wrong repository');
    if (told.access !== wanted) throw new Denied(401, `This token is for ${told.access}`);
    const { status, body } = await ask('GET', `/v1/repositories/${told.repository}/images`, authorization);
    if (status !== 200) throw new Denied(401, `The index does not know this token (${status})`);
    return { told, ids: new Set(imageList.parse(JSON.parse(body)).map(({ id }) => id)) };
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(/\/$/, '');
    if (path === '/v1/_ping') return send(response, 200, true);
    const image = /^\/v1\/images\/([^/]+)\/(json|layer|checksum|ancestry)$/.exec(path);
    const tag = /^\/v1\/repositories\/([^/]+\/[^/]+)\/tags(?:\/([^/]+))?$/.exec(path);
    const whole = /^\/v1\/repositories\/([^/]+\/[^/]+)$/.exec(path);
    if (image) return imageRequest(request, response, image[1] ?? '', image[2] ?? '');
    if (tag) return tagRequest(request, response, tag[1] ?? '', tag[2]);
    if (whole && request.method === 'DELETE') return removal(request, response, whole[1] ?? '');
    return send(response, 404, { error: 'Not Found' });
  }

  async function imageRequest(
    request: IncomingMessage,
    response: ServerResponse,
    id: string,
    part: string,
  ): Promise<void> {
    const { told, ids } = await proved(request, undefined);
    if (!ids.has(id)) throw new Denied(404, 'Image not found');
    const layer = layers.get(id);
    if (request.method === 'PUT' && part === 'json') {
      const json = await text(request);
      const { id: named, parent } = imageJson.parse(JSON.parse(json));
      if (named !== id) throw new Denied(400, 'JSON data contains invalid id');
      // A parent that is here already may be somebody else's: the index says whether this pusher may build on it (row 17).
      if (parent !== undefined) await mayUse(parent, told, request.headers.authorization ?? '');
      layers.set(id, { json, data: layer?.data, checksum: layer?.checksum });
      return send(response, 200, true);
    }
    if (layer === undefined) throw new Denied(404, 'Image not found');
    if (request.method === 'PUT' && part === 'layer') layer.data = await bytes(request);
    else if (request.method === 'PUT' && part === 'checksum')
      layer.checksum = String(request.headers['x-docker-checksum'] ?? '');
    else if (part === 'json') return send(response, 200, JSON.parse(layer.json));
    else if (part === 'ancestry') return send(response, 200, ancestry(id));
    else {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
      response.end(layer.data);
      return undefined;
    }
    return send(response, 200, true);
  }

  async function mayUse(parent: string, { repository }: Told, authorization: string): Promise<void> {
    if (!layers.has(parent)) throw new Denied(400, 'Image depends on a non existing parent');
    const { status, body } = await ask('GET', `/v1/repositories/${repository}/layer/${parent}/access`, authorization);
    if (status !== 200 || !accessAnswer.parse(JSON.parse(body)).access)
      throw new Denied(403, 'No access to the parent');
  }

  function ancestry(id: string): string[] {
    const layer = layers.get(id);
    const parent = layer && imageJson.parse(JSON.parse(layer.json)).parent;
    return [id, ...(parent === undefined ? [] : ancestry(parent))];
  }

  async function tagRequest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    tag: string | undefined,
  ): Promise<void> {
    const { ids } = await proved(request, repository);
    const known = tags.get(repository) ?? new Map<string, string>();
    if (request.method === 'GET') return send(response, 200, Object.fromEntries(known));
    if (request.method !== 'PUT' || tag === undefined) return send(response, 404, { error: 'Not Found' });
    const id = z.string().parse(JSON.parse(await text(request)));
    if (!ids.has(id)) throw new Denied(404, 'Image not found');
    tags.set(repository, known.set(tag, id));
    return send(response, 200, true);
  }

  /** The token is proved and then spent at the index; only an index that says OK has anything deleted (row 18, 35). */
  async function removal(request: IncomingMessage, response: ServerResponse, repository: string): Promise<void> {
    await proved(request, repository);
    const authorization = request.headers.authorization ?? '';
    const { status, body } = await ask('PUT', `/v1/repositories/${repository}/auth`, authorization);
    if (status !== 200 || body !== '"OK"') throw new Denied(403, 'The delete token is not good any more');
    tags.delete(repository);
    return send(response, 200, true);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      send(response, error instanceof Denied ? error.status : 500, { error: String(error) });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the registry has no port');
  return {
    host: `127.0.0.1:${address.port}`,
    asked,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function tokenText(authorization: string): Told | undefined {
  if (!/^token /i.test(authorization)) return undefined;
  const pairs = new Map([...authorization.matchAll(tokenPattern)].map(([, name = '', value = '']) => [name, value]));
  const repository = pairs.get('repository');
  const access = pairs.get('access');
  return pairs.has('signature') && repository !== undefined && access !== undefined
    ? { repository, access }
    : undefined;
}

async function bytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    length += part.length;
    if (length > bodyBytesMax) throw new Denied(413, 'too large');
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

async function text(request: IncomingMessage): Promise<string> {
  return (await bytes(request)).toString();
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'X-Docker-Registry-Version': '0.9.1' });
  response.end(JSON.stringify(body));
}
