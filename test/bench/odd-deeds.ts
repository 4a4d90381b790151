/** What clients do to an index on a strange day: pushes and searches, wrong passwords, what is no HTTP, and connections that break off. */
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

import { Pool } from 'undici';
import type { Dispatcher } from 'undici';

const knownRepositories = 200;
const accountsMax = 40;
const answerMsMax = 20_000;
/** What is refused is answered at once, and the connection is kept for the rest of what was sent. */
const rawMsMax = 300;
const password = 'right-password';

export interface Deeds {
  /** One deed by chance, to its end. */
  readonly next: () => Promise<void>;
  /** How many, by status; `none` where there was no answer. */
  readonly statuses: () => ReadonlyMap<string, number>;
  readonly stop: () => Promise<void>;
}

/** Everything by chance, and nothing that a client without an account of its own could not do. */
export function oddDeeds(url: string): Deeds {
  const pool = new Pool(url, { connections: 16, headersTimeout: answerMsMax, bodyTimeout: answerMsMax });
  const { hostname, port } = new URL(url);
  const statuses = new Map<string, number>();
  const accounts: string[] = [];

  function count(status: string): void {
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }

  async function send(
    method: Dispatcher.HttpMethod,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body: string | null = null,
  ) {
    const answer = await pool.request({ method, path, headers, body });
    const text = await answer.body.text();
    count(String(answer.statusCode));
    return { status: answer.statusCode, headers: answer.headers, text };
  }

  /** Bytes as they are; what comes back is counted by its status lines, and the connection is broken off after a while. */
  async function sendRaw(chunks: readonly string[], { isRead = true } = {}): Promise<void> {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    let answers = 0;
    socket.on('data', (chunk) => {
      for (const [, status = ''] of chunk.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        answers += 1;
        count(status);
      }
    });
    const ended = once(socket, 'close');
    const timer = setTimeout(() => socket.destroy(), isRead ? rawMsMax : randomInt(1, 50));
    for (const chunk of chunks) socket.write(chunk);
    if (isRead) socket.end();
    await ended;
    clearTimeout(timer);
    if (answers === 0) count('none');
  }

  async function newAccount(): Promise<void> {
    const name = `u${word()}`;
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ username: name, password, email: `${name}@example.org` });
    const { status } = await send('POST', '/v1/users', headers, body);
    if (status === 201 && accounts.length < accountsMax) accounts.push(name);
  }

  async function push(repository: string, imagesMax = 20): Promise<void> {
    const owner = chosen(accounts) ?? 'nobody';
    const path = `/v1/repositories/${owner}/${repository}`;
    const json = { authorization: basic(owner), 'content-type': 'application/json', 'x-docker-token': 'true' };
    const images = JSON.stringify(
      Array.from({ length: randomInt(1, imagesMax) }, () => ({ id: hex(32), Tag: word() })),
    );
    const { headers } = await send('PUT', `${path}/`, json, images);
    const authorization = `Token ${String(headers['x-docker-token'])}`;
    await send('GET', `${path}/images`, { authorization });
    await send('GET', `${path}/layer/${hex(32)}/access`, { authorization });
    await send('PUT', `${path}/images`, json, '[]');
  }

  async function session(): Promise<void> {
    const owner = chosen(accounts) ?? 'nobody';
    const json = { 'content-type': 'application/json' };
    const { text, status } = await send('POST', '/v2/users/login', json, JSON.stringify({ username: owner, password }));
    if (status !== 200) return;
    const authorization = `Bearer ${/"token":"([^"]+)"/.exec(text)?.[1] ?? ''}`;
    await send('GET', '/v2/namespaces', { authorization });
    const changes = JSON.stringify({
      description: text.slice(0, randomInt(90)),
      full_description: hex(randomInt(4_000)),
    });
    await send('PATCH', `/v2/repositories/${owner}/${known()}`, { ...json, authorization }, changes);
    await send('PUT', `/v2/repositories/${owner}/${known()}/stars`, { authorization });
    await send('GET', `/v2/repositories/${owner}/${known()}/history?page_size=${randomInt(100)}`, { authorization });
  }

  const head = (line: string, ...more: readonly string[]) => `${[line, 'Host: docket', ...more].join('\r\n')}\r\n\r\n`;

  const deeds: readonly (readonly [weight: number, deed: () => Promise<unknown>])[] = [
    [2, newAccount],
    [10, () => push(known())],
    [4, () => push(`repository-${word()}`)],
    [1, () => push(known(), 2_000)],
    [4, session],
    [10, () => send('GET', `/v1/repositories/${chosen(accounts) ?? 'library'}/${known()}/images`)],
    [6, () => send('GET', `/v1/repositories/${word()}/${word()}/images`)],
    [6, () => send('GET', `/v2/repositories/${word()}/${word()}`)],
    [4, () => send('GET', `/v2/_catalog?n=${randomInt(200)}&last=${word()}`)],
    [12, () => send('GET', `/v1/search?q=${word()}%20${word()}&n=${randomInt(200)}&page=${randomInt(50)}`)],
    [4, () => send('GET', `/v1/search?q=${word()}&${word()}=${word()}`, { 'if-none-match': `"${hex(8)}"` })],
    [6, () => send('GET', `/${word()}/${word()}`)],
    [2, () => send('GET', `/v1/repositories/%${word()}/%ff%fe`)],
    [1, () => send('GET', `/v1/${word().repeat(800)}`)],
    [1, () => send('GET', '/v1/users', { authorization: basic(word(), word()) })],
    [1, () => send('GET', '/v1/users', { authorization: basic(chosen(accounts) ?? 'nobody', word()) })],
    [4, () => send('GET', '/v1/users', { authorization: `${word()} ${word()}` })],
    [4, () => send('GET', `/v1/repositories/library/${known()}/images`, { authorization: forgedToken() })],
    [4, () => send('GET', '/v1/_ping', oddHeaders())],
    [4, () => send('POST', '/v1/users', { 'content-type': word() }, `{"username": ${word()}`)],
    [2, () => send('POST', '/v2/orgs', { authorization: basic(chosen(accounts) ?? 'nobody') }, `[${word()}]`)],
    [2, () => send('PUT', '/v1/repositories/library/x/', { 'content-encoding': 'gzip' }, hex(500))],
    [3, () => sendRaw([`${word()} ${word()}\r\n\r\n`])],
    [3, () => sendRaw([head(`${chosen(['TRACE', 'PROPFIND', 'LOCK', 'PURGE', 'OPTIONS'])} /v1/_ping HTTP/1.1`)])],
    [2, () => sendRaw([head('GET /v2/ HTTP/1.1', 'Upgrade: websocket', 'Connection: Upgrade')])],
    [2, () => sendRaw([head('PUT /v1/repositories/a/b/ HTTP/1.1', `Expect: ${word()}`, 'Content-Length: 2'), '[]'])],
    [2, () => sendRaw([head('GET / HTTP/1.1', `X-Large: ${hex(9_000)}`)])],
    [4, () => sendRaw([head('GET /v1/_ping HTTP/1.1').repeat(randomInt(2, 60))])],
    [3, () => sendRaw([head(`GET /v1/search?q=${word()} HTTP/1.1`)], { isRead: false })],
    [3, () => sendRaw([`GET /${word()} HTTP/1.1\r\nHost: do`], { isRead: false })],
    [3, () => sendRaw([head('POST /v1/users HTTP/1.1', 'Content-Length: 5000'), hex(200)], { isRead: false })],
    [
      2,
      () =>
        sendRaw([head('POST /v1/users HTTP/1.1', 'Transfer-Encoding: chunked'), `5\r\n${word()}`], { isRead: false }),
    ],
  ];
  const weights = deeds.reduce((sum, [weight]) => sum + weight, 0);

  return {
    next: async () => {
      let left = randomInt(weights);
      const [, deed] = deeds.find(([weight]) => (left -= weight) < 0) ?? [0, newAccount];
      await deed().catch(() => count('none'));
    },
    statuses: () => statuses,
    stop: () => pool.destroy(),
  };
}

function known(): string {
  return `known-${randomInt(knownRepositories)}`;
}

function chosen<Value>(values: readonly Value[]): Value | undefined {
  return values[randomInt(Math.max(1, values.length))];
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

function word(): string {
  return hex(randomInt(2, 10));
}

function basic(name: string, secret = password): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
}

function forgedToken(): string {
  const part = () => Buffer.from(JSON.stringify({ kid: word(), [word()]: word() })).toString('base64url');
  return `Token signature=${part()}.${part()}.${hex(20)},repository="library/${known()}",access=read`;
}

function oddHeaders(): Record<string, string> {
  return {
    'user-agent': `docker/${word()} ${word()}`,
    'x-forwarded-for': `${word()}, ${word()}`,
    'x-request-id': hex(16),
    'idempotency-key': hex(16),
    'accept-language': word(),
    ...Object.fromEntries(Array.from({ length: randomInt(40) }, () => [`x-${word()}`, word()])),
  };
}
