/** Docket and a modern registry on one host, behind Debian's nginx with the configuration that is generated for it. */
import { writeFileSync } from 'node:fs';

import { freePort } from '@docket/infra/free-port';
import { proxyFile } from '@docket/infra/proxy-file';
import { v2Prefixes } from '@docket/shared/v2-prefixes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { areInstalled, run, startDaemon, startDocker, temporaryFolder } from '../support/programs.ts';
import type { Daemon, Docker } from '../support/programs.ts';
import { basic } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';
import { writeImage } from './oci-image.ts';

const programs = ['nginx', 'docker-registry', 'skopeo', 'podman', 'dockerd', 'docker'];
const installed = areInstalled('Docket beside a registry', programs);

describe.skipIf(!installed)('on one host', () => {
  const folder = temporaryFolder();
  const env = { REGISTRY_AUTH_FILE: folder.path('auth.json') };
  const daemons: Daemon[] = [];
  let world: System;
  let owner: Account;
  let daemon: Docker;
  let host: string;

  beforeAll(async () => {
    world = await createWorld({ api: 2, environment: { TRUSTED_PROXIES: 'loopback' } });
    owner = await world.createAccount();
    await world.importRepositories([{ name: 'redis', description: 'Data in memory' }, { name: 'team/web' }]);
    await world.searchable();
    // The registry knows the accounts of the index: both keep passwords as bcrypt does.
    const accounts = await world.query<{ line: string }>(
      `select name || ':' || password_hash as line from directory.accounts where status = 'active'`,
    );
    writeFileSync(folder.path('htpasswd'), accounts.map(({ line }) => `${line}\n`).join(''));
    const [registryPort, port] = [await freePort(), await freePort()];
    host = `127.0.0.1:${port}`;
    await startRegistry(registryPort);
    const config = proxyFile({
      names: ['127.0.0.1'],
      listen: [host],
      certificate: undefined,
      docket: world.urls.map((url) => new URL(url).host),
      registry: `127.0.0.1:${registryPort}`,
      ping: 'registry',
    });
    writeFileSync(folder.path('nginx.conf'), config);
    const global = `daemon off; pid ${folder.path('nginx.pid')};`;
    const words = ['-e', 'stderr', '-c', folder.path('nginx.conf'), '-g', global];
    daemons.push(await startDaemon('nginx', words, () => answers(`http://${host}/v1/_ping`)));
    daemon = await startDocker(folder);
    daemons.push(daemon);
    writeImage(folder.path('image'));
    writeFileSync(env.REGISTRY_AUTH_FILE, '{}');
  });

  afterAll(async () => {
    for (const running of daemons.toReversed()) await running.stop();
    await world?.stop();
    folder.remove();
  });

  async function startRegistry(port: number): Promise<void> {
    const config = {
      version: 0.1,
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: folder.path('registry') } },
      http: { addr: `127.0.0.1:${port}` },
      auth: { htpasswd: { realm: 'docket', path: folder.path('htpasswd') } },
    };
    writeFileSync(folder.path('registry.yml'), JSON.stringify(config));
    const words = ['serve', folder.path('registry.yml')];
    daemons.push(await startDaemon('docker-registry', words, () => answers(`http://127.0.0.1:${port}/v2/`)));
  }

  async function answers(url: string): Promise<boolean> {
    try {
      await (await fetch(url)).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }

  const skopeo = (words: readonly string[], input = '') => run('skopeo', words, { env, input });

  test.each([...v2Prefixes])('%s leads to Docket', async (prefix) => {
    for (const path of [prefix, `${prefix}/some/thing`]) {
      const { headers } = await fetch(`http://${host}${path}`);
      // What Docket answers, and the registry does not.
      expect(headers.get('Vary')).toBe('Accept');
    }
  });

  test.each(['/v2/', '/v2/team/web/tags/list', '/v2/users/app/manifests/latest', '/v2/users/app/blobs/sha256:00'])(
    '%s leads to the registry',
    async (path) => {
      const { status, headers } = await fetch(`http://${host}${path}`);
      expect({ status, challenge: headers.get('WWW-Authenticate'), vary: headers.get('Vary') }).toEqual({
        status: 401,
        challenge: 'Basic realm="docket"',
        vary: null,
      });
    },
  );

  test('skopeo logs in, pushes and lists, also where a namespace is called like a path of the index', async () => {
    const login = ['login', '--tls-verify=false', '-u', owner.name, '--password-stdin', host];
    expect((await skopeo(login, 'wrong')).shown).toContain('invalid username/password');
    expect((await skopeo(login, owner.password)).shown).toContain('Login Succeeded!');
    for (const name of [`${owner.name}/app`, 'users/app', 'repositories/deep/app']) {
      const copied = await skopeo([
        'copy',
        '--dest-tls-verify=false',
        `oci:${folder.path('image')}`,
        `docker://${host}/${name}:1`,
      ]);
      expect(copied.shown).toContain('Storing signatures');
      const tags = await skopeo(['list-tags', '--tls-verify=false', `docker://${host}/${name}`]);
      expect(JSON.parse(tags.stdout)).toMatchObject({ Tags: ['1'] });
    }
  });

  test('docker logs in to the registry, pulls what was pushed, and searches in the index', async () => {
    const login = await daemon.docker(['login', '-u', owner.name, '--password-stdin', host], owner.password);
    expect(login.shown).toContain('Login Succeeded');
    const pull = await daemon.docker(['pull', `${host}/${owner.name}/app:1`]);
    expect(pull.shown).toContain(`Downloaded newer image for ${host}/${owner.name}/app:1`);
    const search = await daemon.docker(['search', '--format', '{{.Name}}', `${host}/redis`]);
    expect(search.stdout.trim()).toBe('redis');
  });

  test('podman searches in the index', async () => {
    const found = await run('podman', ['search', '--tls-verify=false', '--format', '{{.Name}}', `${host}/web`], {
      env,
    });
    expect(found.stdout).toContain('team/web');
  });

  test('the catalog is the one of the index, and links and addresses are those that the client used', async () => {
    const catalog = await fetch(`http://${host}/v2/_catalog`);
    expect(await catalog.json()).toEqual({ repositories: ['library/redis', 'team/web'] });
    const headers = {
      Authorization: basic(owner),
      'X-Docker-Token': 'true',
      'X-Forwarded-For': '203.0.113.7',
      'X-Forwarded-Host': 'evil.example',
    };
    const push = await fetch(`http://${host}/v1/repositories/${owner.name}/old/`, {
      method: 'PUT',
      headers,
      body: '[]',
    });
    expect(push.headers.get('X-Docker-Endpoints')).toBe(host);
    const history = await fetch(`http://${host}/v2/repositories/${owner.name}/old/history?page_size=1`);
    const { next } = z.object({ next: z.string() }).parse(await history.json());
    expect(next).toMatch(new RegExp(`^http://${host}/v2/repositories/`));
    expect((await fetch(next)).status).toBe(200);
    const [row] = await world.query<{ ip: string }>(
      'select distinct ip from es.request_contexts where ip is not null order by 1',
    );
    expect(row?.ip).toBe('127.0.0.1');
  });
});
