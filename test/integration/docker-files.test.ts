/** The files of a deployment, as far as they can be held to something without an engine that runs containers. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { composeProxy } from '@docket/infra/proxy-file';
import { parseEnvironment, parseSettings, settings } from '@docket/runtime/environment';
import type { Settings } from '@docket/runtime/environment';
import { validate } from 'dockerfile-utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { apiService, docket, projectorService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';

const folder = fileURLToPath(new URL('../../infra/docker/', import.meta.url));

const memory = z.string().regex(/^\d+[mg]$/);

/** What every service says, so that one that is added later cannot forget it. */
const confinedSchema = z.object({
  restart: z.string(),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  cap_add: z.array(z.string()).default([]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  tmpfs: z.array(z.string()),
  mem_limit: memory,
  pids_limit: z.int().positive(),
  networks: z.array(z.string()).min(1),
});

const serviceSchema = confinedSchema.extend({
  image: z.string(),
  ports: z.array(z.string()).default([]),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});
const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.object({ internal: z.literal(true) }).nullable()),
  volumes: z.record(z.string(), z.null()),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});

const compose = composeSchema.parse(parse(readFileSync(join(folder, 'compose.yaml'), 'utf8'), { merge: true }));
const own = Object.entries(compose.services).filter(([, { image }]) => image === 'docket');

let secrets: string;

beforeAll(() => {
  secrets = mkdtempSync(join(tmpdir(), 'docket-secrets-'));
  execFileSync(join(folder, 'make-secrets.sh'), [secrets, 'hub.example.org']);
});

afterAll(() => rmSync(secrets, { recursive: true, force: true }));

/** What compose asks for, because there is no default that is right. */
const answers: Readonly<Record<string, string>> = {
  PUBLIC_URL: 'https://hub.example.org',
  REGISTRY_ENDPOINTS: 'hub.example.org',
};

/** As a process of the service sees it: variables of compose at their defaults, secrets where they are mounted. */
function environmentOf(name: string): Record<string, string> {
  const given = Object.entries(compose.services[name]?.environment ?? {});
  return Object.fromEntries(
    given.map(([key, value]) => [
      key,
      value
        .replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')
        .replaceAll(/\$\{(\w+):\?[^}]+\}/g, (_, variable: string) => answers[variable] ?? '')
        .replace('/run/secrets/', `${secrets}/`),
    ]),
  );
}

/** As the process parses it, with what it cannot do without. */
function parsed(name: string): Settings {
  const environment = environmentOf(name);
  if (name === 'search-keys') return parseSettings(environment);
  return parseEnvironment(environment, name === 'migrate' ? [] : ['TOKEN_KEYS']);
}

function secret(name: string): string {
  return readFileSync(join(secrets, name), 'utf8').trim();
}

describe('compose.yaml', () => {
  test('runs two of each process, and what they need', () => {
    const commands = own
      .map(([, { command }]) => command?.join(' '))
      .toSorted((left = '', right = '') => (left < right ? -1 : 1));
    expect(commands).toEqual(['api', 'api', 'migrate', 'projector', 'projector', 'search-keys']);
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(['proxy', 'postgres', 'meilisearch']));
  });

  test.each(own.map(([name]) => name))('gives %s an environment that its process can parse', (name) => {
    const environment = environmentOf(name);
    const known = settings.flatMap((setting) => [setting.name, `${setting.name}_FILE`]);
    expect(Object.keys(environment).filter((key) => !known.some((setting) => setting === key))).toEqual([]);
    const at = expect.stringContaining('@postgres:5432/docket');
    const keys = { meilisearchUrl: 'http://meilisearch:7700', meilisearchMasterKey: secret('meilisearch-key') };
    const wanted = name === 'search-keys' ? { databaseUrl: undefined, ...keys } : { databaseUrl: at };
    expect(parsed(name)).toMatchObject(wanted);
  });

  test('does not start without the address that clients use and the registry that they are sent to', () => {
    for (const [name, { command = [], environment }] of own) {
      const required = Object.entries(environment).filter(([, value]) => value.includes(':?'));
      const asked = {
        api: ['PUBLIC_URL', 'REGISTRY_ENDPOINTS'],
        projector: ['PUBLIC_URL'],
        migrate: [],
        'search-keys': [],
      };
      expect({ name, required: required.map(([key]) => key) }).toEqual({
        name,
        required: Object(asked)[command[0] ?? ''],
      });
      for (const [key, value] of required) expect(value).toMatch(new RegExp(String.raw`^\$\{${key}:\?.+\}$`));
    }
  });

  test('gives each process the role of its own, and no secret that it has no use for', () => {
    const roles = own.map(([name]) => {
      const { databaseUrl, meilisearchApiKey, projectorMeilisearchApiKey, meilisearchMasterKey } = parsed(name);
      const role = databaseUrl === undefined ? undefined : new URL(databaseUrl).username;
      return [
        name,
        { role, search: meilisearchApiKey, write: projectorMeilisearchApiKey, master: meilisearchMasterKey },
      ];
    });
    const none = { role: undefined, search: undefined, write: undefined, master: undefined };
    const search = secret('meilisearch-search-key');
    // What it searches with is what it would write with, if it wrote.
    const api = { ...none, role: 'docket_api', search, write: search };
    const projector = { ...none, role: 'docket_projector', write: secret('meilisearch-projector-key') };
    expect(Object.fromEntries(roles)).toEqual({
      'api-1': api,
      'api-2': api,
      'projector-1': projector,
      'projector-2': projector,
      migrate: { ...none, role: 'docket_api' },
      'search-keys': { ...none, master: secret('meilisearch-key') },
    });
    for (const [name, service] of own) {
      const read = Object.values(service.environment).flatMap(
        (value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? [],
      );
      expect({ name, secrets: new Set(service.secrets) }).toEqual({ name, secrets: new Set(read) });
    }
  });

  test('gives a service no more rights of root than it begins with', () => {
    const added = Object.entries(compose.services).map(([name, { cap_add }]) => [name, cap_add] as const);
    expect(Object.fromEntries(added.filter(([, capabilities]) => capabilities.length > 0))).toEqual({
      proxy: ['CHOWN', 'NET_BIND_SERVICE', 'SETGID', 'SETUID'],
      postgres: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'],
    });
  });

  test('lets nobody reach what it has no use for: the proxy neither engine, an engine nothing outside', () => {
    const reached = (name: string) =>
      Object.entries(compose.services)
        .filter(([other, { networks }]) => {
          const mine = compose.services[name]?.networks ?? [];
          return other !== name && networks.some((network) => mine.includes(network));
        })
        .map(([other]) => other)
        .toSorted();
    expect(reached('proxy')).toEqual(['api-1', 'api-2', 'registry']);
    expect(reached('registry')).toEqual(['proxy']);
    expect(reached('postgres')).toEqual(['api-1', 'api-2', 'migrate', 'projector-1', 'projector-2']);
    expect(reached('meilisearch')).toEqual(['api-1', 'api-2', 'projector-1', 'projector-2', 'search-keys']);
    expect(reached('migrate')).not.toContain('meilisearch');
    expect(reached('search-keys')).not.toContain('postgres');
    const outside = Object.entries(compose.services)
      .filter(([, { networks }]) => networks.some((network) => compose.networks[network] === null))
      .map(([name]) => name);
    expect(outside.toSorted()).toEqual(['projector-1', 'projector-2', 'proxy']);
    const published = Object.entries(compose.services).filter(([, { ports }]) => ports.length > 0);
    expect(published.map(([name]) => name)).toEqual(['proxy']);
  });

  test('names no secret, volume, network or service that is not there', () => {
    for (const service of Object.values(compose.services)) {
      expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining(service.secrets));
      expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(Object.keys(service.depends_on)));
      expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining(service.networks));
      const named = service.volumes
        .map((volume) => volume.split(':')[0] ?? '')
        .filter((source) => !source.startsWith('.'));
      expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(named));
    }
    for (const { file } of Object.values(compose.secrets)) {
      expect(statSync(join(secrets, file.replace('./secrets/', ''))).isFile()).toBe(true);
    }
  });

  test('has the services that its proxy passes requests to', () => {
    const hosts = [...composeProxy.docket, composeProxy.registry].map((place) => place.split(':')[0]);
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(hosts));
    for (const place of composeProxy.docket) {
      const [host = '', port] = place.split(':');
      expect(compose.services[host]?.environment['PORT']).toBe(port);
    }
  });
});

test('make-secrets.sh makes no key of a master key that it does not understand, and leaves no half of one', () => {
  const other = mkdtempSync(join(tmpdir(), 'docket-secrets-'));
  try {
    writeFileSync(join(other, 'meilisearch-key'), 'a master key of somebody\n');
    expect(() => execFileSync(join(folder, 'make-secrets.sh'), [other], { stdio: 'pipe' })).toThrow(
      'put the two keys of "docket search-keys --print" beside it',
    );
    expect(existsSync(join(other, 'meilisearch-search-key'))).toBe(false);
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});

test('make-secrets.sh leaves what is there as it is, and shuts its folder', () => {
  const before = readFileSync(join(secrets, 'token-keys'), 'utf8');
  expect(readFileSync(join(secrets, 'server-name'), 'utf8')).toBe('server_name hub.example.org;\n');
  execFileSync(join(folder, 'make-secrets.sh'), [secrets, 'other.example.org']);
  expect(readFileSync(join(secrets, 'token-keys'), 'utf8')).toBe(before);
  expect(statSync(secrets).mode & 0o777).toBe(0o700);
});

describe('the Dockerfile', () => {
  const text = readFileSync(join(folder, 'Dockerfile'), 'utf8');

  test('has nothing that its linter finds fault with', () => {
    expect(validate(text).map(({ message }) => message)).toEqual([]);
  });

  test('ends in an image that is not root’s and is asked for its health', () => {
    const [last = ''] = text.split(/^FROM /m).slice(-1);
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/^HEALTHCHECK /m);
    // Alone, a process listens on loopback, which nobody outside of a container reaches.
    expect(last).toMatch(/^ {4}HOST=0\.0\.0\.0 \\$/m);
    expect(text.match(/^FROM node:24-/gm)).toHaveLength(2);
  });
});

test('the same processes with the same environment migrate, serve and are found well by the check of the image', async () => {
  const world = await createWorld();
  const services: Service[] = [];
  try {
    // The secrets of this machine in the place of those that name hosts of the compose network.
    const { owner, api, projector } = world.databaseUrls;
    for (const [name, value] of Object.entries({
      'database-url': api,
      'projector-database-url': projector,
      'migration-database-url': owner,
      'meilisearch-key': world.meilisearchKey,
      'meilisearch-search-key': world.environment['MEILISEARCH_API_KEY'],
      'meilisearch-projector-key': world.environment['PROJECTOR_MEILISEARCH_API_KEY'],
    })) {
      writeFileSync(join(secrets, name), `${value}\n`);
    }
    const here = { MEILISEARCH_URL: world.meilisearchUrl, DOCKET_DATA_DIR: world.dataDirectory };
    const migrated = await docket(['migrate'], environmentOf('migrate'));
    expect(migrated).toMatchObject({ status: 0, stdout: 'nothing to apply\n' });
    const keys = await docket(['search-keys'], {
      ...environmentOf('search-keys'),
      MEILISEARCH_URL: world.meilisearchUrl,
    });
    expect(keys).toMatchObject({ status: 0, stdout: 'the keys of the search engine are there\n' });
    const admin = await docket(['user', 'create', 'operator', '--email', 'operator@example.org', '--admin'], {
      ...environmentOf('migrate'),
      DOCKET_PASSWORD: 'toto42',
    });
    expect(admin).toMatchObject({ status: 0, stdout: 'admin operator created\n' });
    const first = apiService({ ...environmentOf('api-1'), ...here, HOST: '0.0.0.0' });
    const follower = projectorService({ ...environmentOf('projector-1'), ...here, HEALTH_PORT: '0' });
    services.push(first, follower);
    await Promise.all(services.map((service) => service.start()));
    const { port } = new URL(first.url);
    const check = (env: Readonly<Record<string, string>>) => {
      try {
        return execFileSync(process.execPath, [join(folder, 'healthcheck.mjs')], { env, stdio: 'pipe' }).toString();
      } catch {
        return undefined;
      }
    };
    const env = { PORT: port, HOST: '0.0.0.0' };
    expect(JSON.parse(await until('the process is well', () => check(env)))).toMatchObject({ ready: true });
    // It listens everywhere, so it is found at any address of this machine, and by default where it listens by default.
    for (const other of [{ PORT: port }, { PORT: port, HOST: '127.0.0.2' }]) expect(check(other)).toBeDefined();
    await first.kill();
    expect(check(env)).toBeUndefined();
  } finally {
    await Promise.all(services.map((service) => service.kill()));
    await world.stop();
  }
});
