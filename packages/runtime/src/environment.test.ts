import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseEnvironment, parseSettings, settings, WrongEnvironmentError } from './environment.ts';

const databaseUrl = 'postgres://api:hidden@db/docket';
const secret = 'a-secret-of-thirty-two-characters';

function problemsOf(env: NodeJS.ProcessEnv, required: Parameters<typeof parseEnvironment>[1] = []): string {
  try {
    parseEnvironment(env, required);
  } catch (error) {
    if (error instanceof WrongEnvironmentError) return error.message;
    throw error;
  }
  return '';
}

describe('the environment', () => {
  it('needs a database and nothing else', () => {
    const environment = parseEnvironment({ DATABASE_URL: databaseUrl });
    expect(environment).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      publicHosts: [],
      projectorDatabaseUrl: databaseUrl,
      migrationDatabaseUrl: databaseUrl,
      listenDatabaseUrl: databaseUrl,
      registryEndpoints: [],
      tokenTtlSeconds: 3600,
      undeleteDays: 30,
      accountActivation: 'email',
      v2Ping: 'auto',
      passwordCost: 10,
    });
    expect(environment.dataDirectory).toMatch(/^\/.*\.docket$/);
  });

  it('takes an empty value for none', () => {
    expect(parseEnvironment({ DATABASE_URL: databaseUrl, PORT: '', PUBLIC_URL: '' })).toMatchObject({
      port: 8080,
      publicUrl: undefined,
    });
  });

  it('does not listen through a pooler unless told where', () => {
    const env = { DATABASE_URL: databaseUrl, DATABASE_POOLER: 'transaction' };
    expect(parseEnvironment(env).listenDatabaseUrl).toBeUndefined();
    const direct = 'postgres://direct/docket';
    expect(parseEnvironment({ ...env, LISTEN_DATABASE_URL: direct }).listenDatabaseUrl).toBe(direct);
  });

  it('reads lists and the key ring in their order', () => {
    const { registryEndpoints, trustedProxies, tokenKeys, publicUrl } = parseSettings({
      REGISTRY_ENDPOINTS: 'registry-1.example.org, registry-2.example.org:5000,',
      TRUSTED_PROXIES: '10.0.0.0/8,::1,loopback',
      TOKEN_KEYS: `new:${secret}n,old:${secret}:o`,
      PUBLIC_URL: 'https://hub.example.org/',
    });
    expect(registryEndpoints).toEqual(['registry-1.example.org', 'registry-2.example.org:5000']);
    expect(trustedProxies).toEqual(['10.0.0.0/8', '::1', 'loopback']);
    expect(tokenKeys).toEqual([
      { id: 'new', secret: `${secret}n` },
      { id: 'old', secret: `${secret}:o` },
    ]);
    expect(publicUrl).toBe('https://hub.example.org');
  });

  it.each([
    ['0.0.0.0', '0.0.0.0'],
    ['::', '::'],
    ['[::1]', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['localhost', '127.0.0.1'],
  ])('listens on the address that HOST=%s means', (text, host) => {
    expect(parseSettings({ HOST: text }).host).toBe(host);
  });

  it('keeps the path of PUBLIC_URL without the slash at its end, and hosts in small letters', () => {
    expect(
      parseSettings({ PUBLIC_URL: 'https://Hub.example.org/docket/', PUBLIC_HOSTS: 'Hub.example.org, [::1]:80,' }),
    ).toMatchObject({
      publicUrl: 'https://hub.example.org/docket',
      publicHosts: ['hub.example.org', '[::1]:80'],
    });
  });

  it('has a bound for what accounts may have and do, and none where it is 0', () => {
    const quotas = {
      namespaceRepositoriesMax: 10_000,
      accountOrganizationsMax: 50,
      accountUnconfirmedAddressesMax: 3,
      accountDailyEventsMax: 500_000,
      accountDailyBytesMax: 1_000_000_000,
    };
    expect(parseSettings({})).toMatchObject({ repositoryImagesMax: 20_000, repositoryTagsMax: 20_000, quotas });
    expect(parseSettings({ ACCOUNT_DAILY_EVENTS_MAX: '0', ACCOUNT_DAILY_MEGABYTES_MAX: '0' }).quotas).toEqual({
      ...quotas,
      accountDailyEventsMax: Number.POSITIVE_INFINITY,
      accountDailyBytesMax: Number.POSITIVE_INFINITY,
    });
  });

  it('names every wrong setting, its value and what it may be', () => {
    expect(problemsOf({ DATABASE_URL: databaseUrl, PORT: '80800', REGISTRATION: 'maybe', V2_PING: 'x' }))
      .toMatchInlineSnapshot(`
      "PORT is "80800"; it must be a whole number from 0 to 65535.
      REGISTRATION is "maybe"; it must be open or closed.
      V2_PING is "x"; it must be auto, 401 or 404."
    `);
  });

  it('names what a process cannot do without', () => {
    expect(problemsOf({}, ['TOKEN_KEYS'])).toMatchInlineSnapshot(`
      "DATABASE_URL is not set; it must be given: database, with the role of the API.
      TOKEN_KEYS is not set; it must be given: keys that sign access tokens and confirmation links: \`id:secret\`, comma separated, newest first."
    `);
  });

  it.each([
    ['TOKEN_KEYS', `short:hush`],
    ['TOKEN_KEYS', `twice:${secret},twice:${secret}`],
    ['TOKEN_KEYS', `good:${secret},`],
    ['DATABASE_URL', 'mysql://api:hush@db/docket'],
    ['SMTP_URL', 'http://user:hush@mail'],
    ['DOCKET_ADMIN_PASSWORD', 'hush'],
  ])('refuses %s=%s without showing it', (name, value) => {
    const sentence = problemsOf({ DATABASE_URL: databaseUrl, [name]: value });
    expect(sentence).toContain(`${name} is a value of ${value.length} characters`);
    expect(sentence).not.toContain(value);
  });

  it.each([
    ['HOST', 'docket.example.org'],
    ['HOST', '127.0.0.1:8080'],
    ['HOST', '127.0.0.256'],
    ['HOST', 'fe80::1%lo'],
    ['PORT', '-1'],
    ['PORT', '8080.5'],
    ['PUBLIC_URL', 'hub.example.org'],
    ['PUBLIC_URL', 'https://hub.example.org/?a=b'],
    ['PUBLIC_URL', 'https://name:password@hub.example.org'],
    ['PUBLIC_HOSTS', 'https://hub.example.org'],
    ['PUBLIC_HOSTS', '*.example.org'],
    ['REGISTRY_ENDPOINTS', 'https://registry.example.org'],
    ['REGISTRY_ENDPOINTS', 'a"b'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', 'proxy.example.org'],
    ['TOKEN_TTL_SECONDS', '0'],
    ['MAIL_FROM', 'Docket\r\nBcc: all@example.org <a@example.org>'],
    ['LOG_LEVEL', 'loud'],
    ['PASSWORD_COST', '31'],
    ['ANONYMOUS_SEARCH', 'true'],
  ])('refuses %s=%s', (name, value) => {
    expect(problemsOf({ DATABASE_URL: databaseUrl, [name]: value })).toContain(`${name} is `);
  });

  it('sends the clients of a namespace to registries of its own', () => {
    const { registryEndpoints, namespaceEndpoints } = parseSettings({
      REGISTRY_ENDPOINTS: 'registry-1.example, team=registry-3.example:5000,registry-2.example,team=registry-4.example',
    });
    expect(registryEndpoints).toEqual(['registry-1.example', 'registry-2.example']);
    expect([...namespaceEndpoints]).toEqual([['team', ['registry-3.example:5000', 'registry-4.example']]]);
  });

  it.each(['Team=registry.example', '=registry.example', 'team=', 'team=a=b', 'team=https://registry.example'])(
    'refuses REGISTRY_ENDPOINTS=%s, which names no namespace or no host',
    (value) => {
      expect(problemsOf({ DATABASE_URL: databaseUrl, REGISTRY_ENDPOINTS: value })).toContain(
        'REGISTRY_ENDPOINTS is "' + value + '"; it must be a comma separated list of registry hosts',
      );
    },
  );

  it('answers any text in any setting with a value or a sentence', () => {
    const name = fc.constantFrom(...settings.map((setting) => setting.name));
    fc.assert(
      fc.property(name, fc.string(), (key, value) => {
        const sentence = problemsOf({ DATABASE_URL: databaseUrl, [key]: value });
        expect(sentence === '' || sentence.startsWith(`${key} is `)).toBe(true);
      }),
    );
  });
});

describe('secrets in files', () => {
  let folder: string;
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'docket-environment-'));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are read from the path that stands in the setting with _FILE, without the line break at the end', () => {
    const env = { DATABASE_URL_FILE: file('url', `${databaseUrl}\n`), TOKEN_KEYS_FILE: file('keys', `id:${secret}`) };
    expect(parseEnvironment(env, ['TOKEN_KEYS'])).toMatchObject({ databaseUrl, tokenKeys: [{ id: 'id', secret }] });
  });

  it('are there for every secret setting, and for no other', () => {
    const secrets = settings.filter((setting) => setting.secret === true);
    expect(secrets.map(({ name }) => name)).toContain('MEILISEARCH_API_KEY');
    for (const { name } of settings) {
      const missing = join(folder, 'missing');
      const problem = problemsOf({ DATABASE_URL: databaseUrl, [name]: '', [`${name}_FILE`]: missing });
      const isSecret = secrets.some((setting) => setting.name === name);
      expect(problem.includes(`${name}_FILE is "${missing}"; it must be the path of a file`)).toBe(isSecret);
    }
  });

  it('may not be given twice', () => {
    expect(problemsOf({ DATABASE_URL: databaseUrl, DATABASE_URL_FILE: file('url', databaseUrl) })).toContain(
      'it must be left out, because DATABASE_URL is set as well',
    );
  });

  it('are not shown when they are wrong', () => {
    const sentence = problemsOf({ DATABASE_URL_FILE: file('url', 'mysql://api:hush@db/docket') });
    expect(sentence).toBe('DATABASE_URL is a value of 26 characters; it must be a postgres:// URL.');
  });
});
