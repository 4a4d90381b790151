/** The running system of one test file: real processes over a database and a search index of their own. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import { inject } from 'vitest';

import type { Stack } from '../stack.ts';
import { apiService, projectorService, runDocket } from './docket.ts';
import type { Service, VerbResult } from './docket.ts';
import { mailsIn } from './mail.ts';
import { tcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { until } from './until.ts';
import { runVerb } from './verbs.ts';

const requestTimeoutMs = 10_000;

/** All tests come from one address, and some type wrong passwords on purpose. Those that mean a limit set it. */
export const withoutLimits = {
  LOGIN_FAILURES_MAX: '0',
  CLIENT_LOGIN_FAILURES_MAX: '0',
  CLIENT_WAITING_PASSWORDS_MAX: '0',
  CLIENT_REGISTRATIONS_PER_HOUR: '0',
  ACCOUNT_MAILS_PER_HOUR: '0',
  CLIENT_MAILS_PER_HOUR: '0',
  DOMAIN_MAILS_PER_HOUR: '0',
  CLIENT_SEARCHES_PER_MINUTE: '0',
};

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

export interface Account extends Credentials {
  readonly id: string;
  readonly email: string;
}

interface Engine {
  /** Takes the engine from the processes of this world (stopped, or no longer reachable); resolves when they can feel it. */
  stop(): Promise<void>;
  /** Gives the engine back, with its data. */
  start(): Promise<void>;
}

/** Real processes over a database of their own, as clients see them. */
export interface World {
  /** One URL for each API process. */
  readonly urls: readonly string[];
  readonly admin: Credentials;
  createAccount(name?: string, options?: { readonly active?: boolean }): Promise<Account>;
  mails(): Promise<readonly { readonly to: string; readonly text: string; readonly link: string }[]>;
  /** Runs `./docket import` on these records, as one file. */
  importRepositories(records: readonly ImportRecord[]): Promise<void>;
  /** The search index holds everything that is in the log. */
  searchable(): Promise<void>;
  readonly database: Engine;
  readonly meilisearch: Engine;
  stop(): Promise<void>;
}

export interface ImportRecord {
  readonly name: string;
  readonly description?: string;
  readonly star_count?: number;
  readonly pull_count?: number;
}

interface SystemOptions {
  /** The number of API processes. */
  readonly api?: number;
  /** Settings of the processes, beside those that the world gives them itself. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The number of projectors; one unless told. */
  readonly projectors?: number;
  /** The database that it is a copy of, migrated; an empty one with an admin unless told. */
  readonly template?: string;
  /** The port of a pooler in transaction mode between the processes and the database. */
  readonly poolerPort?: number;
}

/** A world for tests that kill processes and inspect the engines. */
export interface System extends World {
  readonly apis: readonly Service[];
  readonly projectors: readonly Service[];
  /** Past the proxy: these work while `database` is stopped. */
  readonly databaseUrls: { readonly owner: string; readonly api: string; readonly projector: string };
  readonly meilisearchUrl: string;
  /** The master key, which no process of the world has. */
  readonly meilisearchKey: string;
  readonly dataDirectory: string;
  /** The environment of the processes and verbs. */
  readonly environment: Readonly<Record<string, string>>;
  /** `./docket …` in this world. */
  verb(words: readonly string[], input?: string): Promise<VerbResult>;
  /** As the owner of the tables, for looking and for breaking. */
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** The read models hold everything that is in the log. */
  projected(): Promise<void>;
}

export async function createWorld(
  { api = 1, projectors = 1, template, poolerPort, environment = {} }: SystemOptions = {},
  stack: Stack = inject('stack'),
): Promise<System> {
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of ends.toReversed()) await end();
    ends.length = 0;
  };
  try {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'docket-world-'));
    ends.push(async () => rmSync(dataDirectory, { recursive: true, force: true }));
    const database = await clonedDatabase(stack, template ?? stack.template, ends);
    const databaseProxy = await proxyTo(onPort(stack.urls.owner, poolerPort), ends);
    const meilisearchProxy = await proxyTo(stack.meilisearch.url, ends);
    const env: Record<string, string> = {
      DATABASE_URL: throughProxy(database.databaseUrls.api, databaseProxy),
      PROJECTOR_DATABASE_URL: throughProxy(database.databaseUrls.projector, databaseProxy),
      // Migrations hold a lock of their session: never through a pooler.
      MIGRATION_DATABASE_URL:
        poolerPort === undefined
          ? throughProxy(database.databaseUrls.owner, databaseProxy)
          : database.databaseUrls.owner,
      MEILISEARCH_URL: throughProxy(stack.meilisearch.url, meilisearchProxy),
      MEILISEARCH_API_KEY: stack.meilisearch.keys.search,
      PROJECTOR_MEILISEARCH_API_KEY: stack.meilisearch.keys.projector,
      TOKEN_KEYS: `test:${randomBytes(32).toString('hex')}`,
      DOCKET_DATA_DIR: dataDirectory,
      PASSWORD_COST: '4',
      ...withoutLimits,
      LOG_LEVEL: 'warn',
      ...(poolerPort === undefined ? {} : { DATABASE_POOLER: 'transaction' }),
      ...environment,
    };
    const apis = Array.from({ length: api }, () => apiService(env));
    await startAll(apis, ends);
    // The links of its mails lead to the first API.
    const followers = Array.from({ length: projectors }, () =>
      projectorService({ PUBLIC_URL: apis[0]?.url ?? '', ...env }),
    );
    await startAll(followers, ends);
    return {
      ...seen({ stack, ...database, apiUrls: apis.map(({ url }) => url), environment: env, dataDirectory }),
      apis,
      projectors: followers,
      database: databaseProxy,
      meilisearch: meilisearchProxy,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A world of which only the outside is seen. */
export type SeenWorld = Omit<System, 'apis' | 'projectors' | 'database' | 'meilisearch' | 'stop'>;

interface Place extends Pick<System, 'databaseUrls' | 'environment' | 'dataDirectory'> {
  readonly stack: Stack;
  readonly pool: pg.Pool;
  readonly apiUrls: readonly string[];
}

export function seen({ stack, pool, apiUrls, databaseUrls, environment, dataDirectory }: Place): SeenWorld {
  const { admin, meilisearch } = stack;
  const query: System['query'] = async (text, values = []) => (await pool.query(text, [...values])).rows;
  const mails = () => mailsIn(join(dataDirectory, 'mail'));
  const reached = (projection: string) =>
    until(`the projection "${projection}" is at the end of the log`, async () => {
      const [row] = await query<{ reached: boolean }>(
        `select coalesce(max(position), 0) >= (select coalesce(max(position), 0) from es.events) as reached
           from es.projections where name = $1`,
        [projection],
      );
      return row?.reached;
    });
  return {
    urls: apiUrls,
    admin,
    databaseUrls,
    meilisearchUrl: meilisearch.url,
    meilisearchKey: meilisearch.masterKey,
    dataDirectory,
    environment,
    verb: (words, input) => runVerb(words, environment, input),
    query,
    mails,
    createAccount: (name = `user_${randomBytes(5).toString('hex')}`, { active = true } = {}) =>
      createdAccount({ name, active, url: apiUrls[0] ?? '', mails, query }),
    importRepositories: (records) => imported(records, dataDirectory, environment),
    projected: async () => {
      await reached('tables');
    },
    searchable: async () => {
      await reached('tables');
      await reached('search');
      for (const url of apiUrls) await until(`${url} searches in Meilisearch`, () => searchesInMeilisearch(url));
    },
  };
}

async function startAll(services: readonly Service[], ends: (() => Promise<unknown>)[]): Promise<void> {
  ends.push(() => Promise.all(services.map((service) => service.kill())));
  await Promise.all(services.map((service) => service.start()));
}

interface Database extends Pick<System, 'databaseUrls'> {
  readonly pool: pg.Pool;
}

async function clonedDatabase(
  { superuserUrl, urls, meilisearch }: Stack,
  template: string,
  ends: (() => Promise<unknown>)[],
): Promise<Database> {
  const name = `world_${randomBytes(6).toString('hex')}`;
  await asSuperuser(superuserUrl, `create database ${name} template ${template} owner docket_owner`);
  ends.push(() => asSuperuser(superuserUrl, `drop database ${name} with (force)`));
  const of = (url: string) => withPath(url, `/${name}`);
  const pool = new pg.Pool({ connectionString: of(urls.owner), max: 2 });
  pool.on('error', () => undefined);
  ends.push(() => pool.end());
  // The copy is an installation of its own, with a search index of its own.
  const { rows } = await pool.query<{ uid: string }>(
    `update directory.installation set id = gen_random_uuid()
      returning 'repositories_' || left(replace(id::text, '-', ''), 8) as uid`,
  );
  const indexUid = rows[0]?.uid ?? '';
  ends.push(() =>
    fetch(`${meilisearch.url}/indexes/${indexUid}`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${meilisearch.masterKey}` },
      signal: AbortSignal.timeout(requestTimeoutMs),
    }),
  );
  return { databaseUrls: { owner: of(urls.owner), api: of(urls.api), projector: of(urls.projector) }, pool };
}

async function asSuperuser(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function proxyTo(url: string, ends: (() => Promise<unknown>)[]): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  const proxy = await tcpProxy({ host: hostname, port: Number(port) });
  ends.push(() => proxy.stop());
  return proxy;
}

function throughProxy(url: string, { port }: TcpProxy): string {
  return onPort(url, port);
}

function onPort(url: string, port: number | undefined): string {
  if (port === undefined) return url;
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href.replace(/\/$/, '');
}

function withPath(url: string, path: string): string {
  const changed = new URL(url);
  changed.pathname = path;
  return changed.href;
}

interface NewAccount extends Pick<System, 'mails' | 'query'> {
  readonly name: string;
  readonly active: boolean;
  readonly url: string;
}

/** As people get one: registered over HTTP, and confirmed by the link in the mail. */
async function createdAccount({ name, active, url, mails, query }: NewAccount): Promise<Account> {
  const password = randomBytes(8).toString('hex');
  const email = `${name}@example.org`;
  const answer = await fetch(`${url}/v1/users`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: name, password, email }),
    signal: AbortSignal.timeout(requestTimeoutMs),
  });
  const said = await answer.text();
  if (answer.status !== 201) throw new Error(`registering ${name}: ${answer.status} ${said}`);
  if (active) {
    const { link } = await until(`a mail for ${email}`, async () => (await mails()).find(({ to }) => to === email));
    const confirmed = await fetch(link, { signal: AbortSignal.timeout(requestTimeoutMs) });
    if (!confirmed.ok) throw new Error(`confirming ${name}: ${confirmed.status} ${await confirmed.text()}`);
  }
  const [row] = await query<{ id: string }>('select id from directory.accounts where name = $1', [name]);
  if (row === undefined) throw new Error(`${name} is registered and not in the directory`);
  return { id: row.id, name, password, email };
}

async function imported(
  records: readonly ImportRecord[],
  dataDirectory: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const file = join(dataDirectory, `import-${randomBytes(4).toString('hex')}.ndjson`);
  await writeFile(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  await runDocket(['import', file], env);
}

async function searchesInMeilisearch(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/v1/search?q=`, { signal: AbortSignal.timeout(requestTimeoutMs) });
  await answer.arrayBuffer();
  return answer.headers.get('X-Docket-Search') === 'meilisearch';
}
