/** What clients are told behind Debian's nginx: one that passes nothing on, one below a path, one that keeps answers, and the one of ours. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { fileURLToPath } from 'node:url';

import { freePort } from '@docket/infra/free-port';
import { proxyFile } from '@docket/infra/proxy-file';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { apiService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { exchange, valuesOf } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { areInstalled, startDaemon, temporaryFolder } from '../support/programs.ts';
import type { Daemon } from '../support/programs.ts';
import { arranged, basic, bodyOf, fresh } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { Account, System } from '../support/world.ts';

const installed = areInstalled('Docket behind a proxy', ['nginx', 'openssl']);
const makeSecrets = fileURLToPath(new URL('../../infra/docker/make-secrets.sh', import.meta.url));

describe.skipIf(!installed)('behind nginx', () => {
  const folder = temporaryFolder();
  const daemons: Daemon[] = [];
  const services: Service[] = [];
  let world: System;
  let owner: Account;
  /** The ports that nginx listens on. */
  let bare: number;
  let below: number;
  let announced: number;
  let passing: number;
  let keeping: number;
  let ours: number;

  beforeAll(async () => {
    world = await createWorld();
    owner = await world.createAccount();
    [bare, below, announced, passing, keeping, ours] = await freePorts();
    const outside = await apiWith({ PUBLIC_URL: 'https://hub.example.org/docket/' });
    const prefixed = await apiWith({ PUBLIC_URL: `http://127.0.0.1:${below}/docket/` });
    const trusting = await apiWith({ TRUSTED_PROXIES: 'loopback' });
    const [plain = ''] = world.urls;
    const server = (port: number, location: string, lines: string) =>
      `server { listen 127.0.0.1:${port}; location ${location} { ${lines} } }`;
    await startNginx(
      'common',
      `user root; events {} http { access_log off;
        proxy_cache_path ${folder.path('cache')} keys_zone=answers:1m;
        ${server(bare, '/', `proxy_pass ${outside};`)}
        ${server(below, '/docket/', `proxy_pass ${prefixed}/;`)}
        ${server(
          announced,
          '/docket/',
          `proxy_pass ${trusting}/; proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
           proxy_set_header X-Forwarded-Port ""; proxy_set_header X-Forwarded-Prefix /docket;`,
        )}
        ${server(passing, '/', `proxy_pass ${trusting}; proxy_set_header Host $http_host;`)}
        ${server(
          keeping,
          '/',
          // One that leaves the host out of its key, as careless ones do.
          `proxy_pass ${plain}; proxy_set_header Host $http_host; proxy_cache answers; proxy_cache_key $request_uri;
           proxy_cache_valid any 10m; add_header X-Cache $upstream_cache_status always;`,
        )}
      }`,
      bare,
    );
    execFileSync(makeSecrets, [folder.path('secrets'), 'hub.example.org']);
    await startNginx(
      'ours',
      proxyFile({
        names: { file: folder.path('secrets', 'server-name') },
        listen: [`127.0.0.1:${ours} ssl`],
        certificate: {
          certificate: folder.path('secrets', 'tls-certificate'),
          key: folder.path('secrets', 'tls-key'),
        },
        docket: [new URL(trusting).host],
        registry: new URL(plain).host,
        ping: 'docket',
      }),
      ours,
    );
  });

  afterAll(async () => {
    agent.destroy();
    for (const daemon of daemons.toReversed()) await daemon.stop();
    await Promise.all(services.map((service) => service.kill()));
    await world?.stop();
    folder.remove();
  });

  async function freePorts(): Promise<readonly [number, number, number, number, number, number]> {
    return [await freePort(), await freePort(), await freePort(), await freePort(), await freePort(), await freePort()];
  }

  async function apiWith(environment: Readonly<Record<string, string>>): Promise<string> {
    const service = apiService({ ...world.environment, ...environment });
    services.push(service);
    await service.start();
    return service.url;
  }

  async function startNginx(name: string, config: string, port: number): Promise<void> {
    writeFileSync(folder.path(`${name}.conf`), config);
    const global = `daemon off; pid ${folder.path(`${name}.pid`)};`;
    const words = ['-e', 'stderr', '-c', folder.path(`${name}.conf`), '-g', global];
    const listens = async () => {
      try {
        await (await fetch(`http://127.0.0.1:${port}/v1/_ping`)).arrayBuffer();
        return true;
      } catch {
        return false;
      }
    };
    daemons.push(await startDaemon('nginx', words, listens));
  }

  interface Asked {
    readonly method?: string;
    readonly as?: Account;
    readonly headers?: Readonly<Record<string, string>>;
  }

  function ask(port: number, target: string, { method = 'GET', as, headers = {} }: Asked = {}): Promise<Answer> {
    const authorization = as === undefined ? {} : { Authorization: basic(as) };
    return exchange(`http://127.0.0.1:${port}`, {
      method,
      target,
      headers: Object.entries({ Host: `127.0.0.1:${port}`, ...authorization, ...headers }),
      body: method === 'GET' ? null : '[]',
    });
  }

  const wish = { 'X-Docker-Token': 'true' };

  /** Everything that is told of the address at that port, below the path that nginx takes away. */
  async function told(port: number, path: string, headers: Readonly<Record<string, string>> = {}) {
    const name = fresh('proxied-');
    const put = await ask(port, `${path}/v1/repositories/${owner.name}/${name}/`, {
      method: 'PUT',
      as: owner,
      headers: { ...wish, ...headers },
    });
    const history = await ask(port, `${path}/v2/repositories/${owner.name}/${name}/history?page_size=1`, { headers });
    const catalog = await ask(port, `${path}/v2/_catalog?n=1`, { headers });
    const document = await ask(port, `${path}/openapi.json`, { headers });
    return {
      endpoints: valuesOf(arranged(put, 200), 'X-Docker-Endpoints'),
      next: String(Object(bodyOf(arranged(history, 200))).next).replace(/\/v2\/.*/, ''),
      link: valuesOf(arranged(catalog, 200), 'Link').map((link) => link.replace(/(?<=_catalog).*/, '')),
      servers: Object(bodyOf(arranged(document, 200))).servers,
    };
  }

  beforeAll(() => world.importRepositories([{ name: 'redis' }, { name: 'mongo' }]));

  test('that passes nothing on, everything that is told is PUBLIC_URL', async () => {
    expect(await told(bare, '')).toEqual({
      endpoints: ['hub.example.org'],
      next: 'https://hub.example.org/docket',
      link: ['</docket/v2/_catalog'],
      servers: [{ url: 'https://hub.example.org/docket' }],
    });
  });

  test.each(['PUBLIC_URL', 'the proxy'])('that serves it below a path, links of %s can be followed', async (by) => {
    const port = by === 'PUBLIC_URL' ? below : announced;
    const made = { 'X-Forwarded-Prefix': '//evil.example', 'X-Forwarded-Host': 'evil.example' };
    const base = `http://127.0.0.1:${port}/docket`;
    expect(await told(port, '/docket', made)).toEqual({
      endpoints: [`127.0.0.1:${port}`],
      next: base,
      link: ['</docket/v2/_catalog'],
      servers: [{ url: base }],
    });
    const first = await fetch(`${base}/v2/_catalog?n=1`);
    const [, link = ''] = /^<(.+)>/.exec(first.headers.get('Link') ?? '') ?? [];
    const second = await fetch(new URL(link, base));
    expect([await first.json(), second.status, await second.json()]).toEqual([
      { repositories: [expect.any(String)] },
      200,
      { repositories: [expect.any(String)] },
    ]);
    const listed = await fetch(`${base}/v2/repositories/library?page_size=1`);
    const { next } = Object(await listed.json());
    expect(Object(await (await fetch(next)).json()).results).toHaveLength(1);
  });

  test('that passes on whatever host is named, clients are sent to none that is not known', async () => {
    const path = `/v1/repositories/${owner.name}/${fresh('proxied-')}/`;
    const push = (host: string) => ask(passing, path, { method: 'PUT', as: owner, headers: { ...wish, Host: host } });
    const refused = await push('evil.example');
    expect({
      status: refused.status,
      body: bodyOf(refused),
      endpoints: valuesOf(refused, 'X-Docker-Endpoints'),
    }).toEqual({
      status: 421,
      body: { error: expect.stringMatching(/PUBLIC_URL.*REGISTRY_ENDPOINTS/) },
      endpoints: [],
    });
    expect(valuesOf(await push(`127.0.0.1:${passing}`), 'X-Docker-Endpoints')).toEqual([`127.0.0.1:${passing}`]);
  });

  test('that keeps answers without regard to the host, nobody gets the answer that was for another host', async () => {
    const name = fresh('kept-');
    const images = `/v1/repositories/${owner.name}/${name}/images`;
    arranged(await ask(keeping, `/v1/repositories/${owner.name}/${name}/`, { method: 'PUT', as: owner }), 200);
    for (const host of ['localhost:1', 'localhost:2']) {
      const answer = await ask(keeping, images, { headers: { ...wish, Host: host } });
      expect({ endpoints: valuesOf(answer, 'X-Docker-Endpoints'), cache: valuesOf(answer, 'X-Cache') }).toEqual({
        endpoints: [host],
        cache: ['MISS'],
      });
      const list = await ask(keeping, '/v2/repositories/library?page_size=1', { headers: { Host: host } });
      expect(Object(bodyOf(list)).next).toBe(`http://${host}/v2/repositories/library?page_size=1&page=2`);
    }
  });

  const agent = new Agent({ keepAlive: true, maxSockets: 32 });

  interface Secured {
    readonly status: number | undefined;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: string;
  }

  /** Over TLS, as a client that leads the name to this machine. */
  function secured(path: string, host: string, headers: Readonly<Record<string, string>> = {}): Promise<Secured> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent,
          host: '127.0.0.1',
          port: ours,
          path,
          servername: 'hub.example.org',
          ca: readFileSync(folder.path('secrets', 'tls-certificate')),
          headers: { ...headers, Host: host },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () => {
            resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString() });
          });
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  }

  test('with our own file, answers under its name alone, and tells browsers to come by TLS', async () => {
    const host = `hub.example.org:${ours}`;
    const made = { 'X-Forwarded-Prefix': '/made-up', 'X-Forwarded-Port': '1', 'X-Forwarded-Host': 'evil.example' };
    const { status, headers, body } = await secured('/v2/repositories/library?page_size=1', host, made);
    expect({ status, strict: headers['strict-transport-security'] }).toEqual({
      status: 200,
      strict: 'max-age=31536000',
    });
    expect(Object(JSON.parse(body)).next).toBe(`https://${host}/v2/repositories/library?page_size=1&page=2`);
    const strange = await secured('/v1/_ping', 'evil.example');
    expect({ status: strange.status, type: strange.headers['content-type'], body: JSON.parse(strange.body) }).toEqual({
      status: 421,
      type: 'application/json',
      body: {
        error: 'no registry and no index is here under this name',
        message: 'no registry and no index is here under this name',
        errors: [{ code: 'DENIED', message: 'no registry and no index is here under this name' }],
      },
    });
  });

  test('with our own file, a flood from one address is answered 429 in JSON, and passes', async () => {
    const host = `hub.example.org:${ours}`;
    const refused = await until('a request of a flood is refused', async () => {
      const flood = await Promise.all(Array.from({ length: 500 }, () => secured('/v1/_ping', host)));
      return flood.find(({ status }) => status === 429);
    });
    expect({ retry: refused.headers['retry-after'], body: JSON.parse(refused.body) }).toMatchObject({
      retry: '1',
      body: { error: expect.stringContaining('too many requests'), errors: [{ code: 'TOOMANYREQUESTS' }] },
    });
    await until('others are answered again', async () => (await secured('/v1/_ping', host)).status === 200);
  });
});
