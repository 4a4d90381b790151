/** The files of a deployment, as far as they can be held to something without an engine that runs containers. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { composeProxy } from '@docket/infra/proxy-file';
import { parseEnvironment, settings } from '@docket/runtime/environment';
import { validate } from 'dockerfile-utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { apiService, docket, projectorService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';

const folder = fileURLToPath(new URL('../../infra/docker/', import.meta.url));

const serviceSchema = z.object({
  image: z.string(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});
const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
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

describe('compose.yaml', () => {
  test('runs two of each process, and what they need', () => {
    const commands = own
      .map(([, { command }]) => command?.join(' '))
      .toSorted((left = '', right = '') => (left < right ? -1 : 1));
    expect(commands).toEqual(['api', 'api', 'migrate', 'projector', 'projector']);
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(['proxy', 'postgres', 'meilisearch']));
  });

  test.each(own.map(([name]) => name))('gives %s an environment that its process can parse', (name) => {
    const environment = environmentOf(name);
    const known = settings.flatMap((setting) => [setting.name, `${setting.name}_FILE`]);
    expect(Object.keys(environment).filter((key) => !known.some((setting) => setting === key))).toEqual([]);
    const required = compose.services[name]?.command?.[0] === 'migrate' ? [] : (['TOKEN_KEYS'] as const);
    expect(parseEnvironment(environment, required)).toMatchObject({
      databaseUrl: expect.stringContaining('@postgres:5432/docket'),
    });
  });

  test('does not start without the address that clients use and the registry that they are sent to', () => {
    for (const [name, { command = [], environment }] of own) {
      const required = Object.entries(environment).filter(([, value]) => value.includes(':?'));
      const asked = { api: ['PUBLIC_URL', 'REGISTRY_ENDPOINTS'], projector: ['PUBLIC_URL'], migrate: [] };
      expect({ name, required: required.map(([key]) => key) }).toEqual({
        name,
        required: Object(asked)[command[0] ?? ''],
      });
      for (const [key, value] of required) expect(value).toMatch(new RegExp(String.raw`^\$\{${key}:\?.+\}$`));
    }
  });

  test('gives each process the role of its own, and no secret that it has no use for', () => {
    const roles = own.map(([name]) => [name, new URL(parseEnvironment(environmentOf(name)).databaseUrl).username]);
    expect(Object.fromEntries(roles)).toEqual({
      'api-1': 'docket_api',
      'api-2': 'docket_api',
      'projector-1': 'docket_projector',
      'projector-2': 'docket_projector',
      migrate: 'docket_api',
    });
    for (const [name, service] of own) {
      const read = Object.values(service.environment).flatMap(
        (value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? [],
      );
      expect({ name, secrets: new Set(service.secrets) }).toEqual({ name, secrets: new Set(read) });
    }
  });

  test('names no secret, volume or service that is not there', () => {
    for (const service of Object.values(compose.services)) {
      expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining(service.secrets));
      expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(Object.keys(service.depends_on)));
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
    })) {
      writeFileSync(join(secrets, name), `${value}\n`);
    }
    const here = { MEILISEARCH_URL: world.meilisearchUrl, DOCKET_DATA_DIR: world.dataDirectory };
    const migrated = await docket(['migrate'], environmentOf('migrate'));
    expect(migrated).toMatchObject({ status: 0, stdout: 'nothing to apply\n' });
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
