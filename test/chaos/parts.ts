/** The parts that a chaos run breaks: real engines with durability on, processes of both kinds, and a line that can be cut. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { startMeilisearch } from '@docket/infra/meilisearch';
import type { Meilisearch } from '@docket/infra/meilisearch';
import { startPostgres } from '@docket/infra/postgres';
import type { Postgres } from '@docket/infra/postgres';
import { makeSearchKeys } from '@docket/runtime/search-keys';
import { migrate } from '@docket/store/migrate';

import { patched } from '../support/patch.ts';
import type { Patch } from '../support/patch.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const apis = 2;
const projectors = 2;
const readyMsMax = 30_000;

/** One `./docket api` or `./docket projector` that is killed, frozen and started again. */
class Part {
  readonly name: string;
  readonly #program: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  url = '';

  constructor(program: string, name: string, env: Readonly<Record<string, string>>) {
    this.#program = program;
    this.name = name;
    this.#env = { ...env };
  }

  async start(): Promise<void> {
    const [verb = ''] = this.name.split('-');
    const child = spawn(process.execPath, ['--enable-source-maps', this.#program, verb], {
      env: { PATH: process.env['PATH'], ...this.#env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    const ready = new Promise<string>((resolve) => {
      createInterface(child.stdout).on('line', resolve);
    });
    const ended = once(child, 'exit').then(() => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), readyMsMax);
    const line = await Promise.race([ready, ended]);
    clearTimeout(timer);
    if (line === undefined) throw new Error(`${this.name} did not start`);
    const url = /http:\S+/.exec(line)?.[0];
    if (url === undefined) return;
    this.url = url;
    // The engine gets the port that it had before, so that clients find it again.
    this.#env['PORT'] = new URL(url).port;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

export interface Parts {
  readonly apis: readonly Part[];
  readonly projectors: readonly Part[];
  readonly database: TcpProxy;
  readonly meilisearch: TcpProxy;
  readonly ownerUrl: () => string;
  readonly projectorUrl: string;
  readonly search: { readonly url: string; readonly key: string };
  readonly admin: { readonly name: string; readonly password: string };
  /** Killed as by a power cut of the process, and started on its data. */
  readonly restartPostgres: () => Promise<void>;
  readonly restartMeilisearch: (how: 'with its data' | 'empty') => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** `root`: of the checkout, where what was built is. `patches`: what is another way in the processes. */
export async function startParts(root: URL, patches: readonly Patch[]): Promise<Parts> {
  const program = fileURLToPath(new URL('services/cli/dist/main.js', root));
  const dataDirectory = mkdtempSync(join(tmpdir(), 'docket-chaos-'));
  // PostgreSQL has another user when this is root.
  chmodSync(dataDirectory, 0o755);
  const ends: (() => Promise<unknown>)[] = [async () => rmSync(dataDirectory, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  };
  try {
    let postgres: Postgres = await startPostgres({ dataDirectory, durable: true });
    ends.push(() => postgres.stop());
    let meilisearch = await search(dataDirectory, undefined);
    ends.push(() => meilisearch.stop());
    const keys = await makeSearchKeys(meilisearch);
    const urls = postgres.urls();
    await migrate({ ownerUrl: urls.owner, apiUrl: urls.api, projectorUrl: urls.projector });
    const database = await tcpProxy({ host: '127.0.0.1', port: postgres.port });
    ends.push(() => database.stop());
    const line = await tcpProxy({ host: '127.0.0.1', port: meilisearch.port });
    ends.push(() => line.stop());
    const admin = { name: 'admin', password: randomBytes(12).toString('hex') };
    const env = {
      DATABASE_URL: through(urls.api, database),
      PROJECTOR_DATABASE_URL: through(urls.projector, database),
      MEILISEARCH_URL: through(meilisearch.url, line),
      MEILISEARCH_API_KEY: keys.search,
      PROJECTOR_MEILISEARCH_API_KEY: keys.projector,
      TOKEN_KEYS: `chaos:${randomBytes(32).toString('hex')}`,
      DOCKET_DATA_DIR: dataDirectory,
      PASSWORD_COST: '4',
      LOG_LEVEL: 'silent',
      PORT: '0',
      ...(patches.length === 0 ? {} : patched(patches)),
    };
    await makeAdmin(program, { ...env, MIGRATION_DATABASE_URL: urls.owner, DOCKET_PASSWORD: admin.password });
    const parts = [
      ...Array.from({ length: apis }, (_, index) => new Part(program, `api-${index + 1}`, env)),
      ...Array.from({ length: projectors }, (_, index) => new Part(program, `projector-${index + 1}`, env)),
    ];
    ends.push(() => Promise.all(parts.map((part) => part.kill())));
    await Promise.all(parts.map((part) => part.start()));
    return {
      apis: parts.slice(0, apis),
      projectors: parts.slice(apis),
      database,
      meilisearch: line,
      ownerUrl: () => postgres.urls().owner,
      projectorUrl: urls.projector,
      search: { url: meilisearch.url, key: meilisearch.masterKey },
      admin,
      restartPostgres: async () => {
        const { port, identity, ended } = postgres;
        process.kill(identity.pid, 'SIGKILL');
        await ended;
        postgres = await startPostgres({ dataDirectory, durable: true, port });
      },
      restartMeilisearch: async (how) => {
        const { port, identity, ended } = meilisearch;
        process.kill(identity.pid, 'SIGKILL');
        await ended;
        if (how === 'empty') rmSync(join(dataDirectory, 'meilisearch'), { recursive: true, force: true });
        meilisearch = await search(dataDirectory, port);
        await makeSearchKeys(meilisearch);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function search(dataDirectory: string, port: number | undefined): Promise<Meilisearch> {
  const started = await startMeilisearch({ dataDirectory, ...(port === undefined ? {} : { port }) });
  if (started.status === 'unavailable') throw new Error(`chaos needs Meilisearch: ${started.reason}`);
  return started.meilisearch;
}

async function makeAdmin(program: string, env: Readonly<Record<string, string>>): Promise<void> {
  const words = ['user', 'create', 'admin', '--email', 'admin@example.org', '--admin'];
  const child = spawn(process.execPath, [program, ...words], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error('the admin could not be made');
}

function through(url: string, { port }: TcpProxy): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href.replace(/\/$/, '');
}
