/** A whole Docket of the bench's own, as `./docket up` starts it: real processes, durable engines, a data directory that goes again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { benchFolder } from './database.ts';

const here = fileURLToPath(new URL('../../../docket', import.meta.url));
const readyMsMax = 60_000;

const runFile = z.object({
  url: z.string(),
  database_url: z.string(),
  migration_database_url: z.string(),
  meilisearch_url: z.string(),
  meilisearch_key: z.string(),
  processes: z.array(z.object({ name: z.string(), pid: z.number() })),
});

export interface Instance {
  readonly url: string;
  /** With the role of the owner, who may read everything. */
  readonly databaseUrl: string;
  /** With the role of the API, which alone may append. */
  readonly apiDatabaseUrl: string;
  readonly meilisearchUrl: string;
  readonly meilisearchKey: string;
  readonly adminAuthorization: string;
  readonly pidOf: (process: string) => number;
  /** `./docket …` on it, to its end. */
  readonly verb: (words: readonly string[], options?: VerbOptions) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface VerbOptions {
  readonly input?: AsyncIterable<string>;
  /** With the process of the verb, as soon as there is one. */
  readonly onStarted?: (pid: number) => void;
}

export interface InstanceOptions {
  /** How many API processes; one unless told. Connections are shared out among them. */
  readonly apis?: number;
  /** The `docket` of another checkout, to measure what was before. */
  readonly program?: string | undefined;
  /** Settings of the processes, beside those that the bench gives them itself. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line that a process writes on standard error; without it this process shows them. */
  readonly onComplaint?: (line: string) => void;
}

export async function startInstance({
  apis = 1,
  program = here,
  env: settings = {},
  onComplaint = (line) => console.error(line),
}: InstanceOptions = {}): Promise<Instance> {
  const folder = await benchFolder();
  // A bench asks from one address for as much as it can.
  const unlimited = {
    LOGIN_FAILURES_MAX: '0',
    CLIENT_LOGIN_FAILURES_MAX: '0',
    CLIENT_WAITING_PASSWORDS_MAX: '0',
    CLIENT_REGISTRATIONS_PER_HOUR: '0',
    CLIENT_MAILS_PER_HOUR: '0',
    DOMAIN_MAILS_PER_HOUR: '0',
    CLIENT_SEARCHES_PER_MINUTE: '0',
  };
  const env = { ...unlimited, PATH: process.env['PATH'], DOCKET_DATA_DIR: folder, PORT: '0', LOG_LEVEL: 'error' };
  const up = spawn(program, ['up', '--api', String(apis)], {
    env: { ...env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  createInterface(up.stderr).on('line', onComplaint);
  const ended = once(up, 'exit');
  const deadline = setTimeout(() => up.kill('SIGTERM'), readyMsMax);
  for await (const line of createInterface(up.stdout)) if (line.startsWith('docket ready ')) break;
  clearTimeout(deadline);
  up.stdout.resume();
  const run = runFile.parse(JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')));
  const password = (await readFile(join(folder, 'admin-password'), 'utf8')).trim();
  return {
    url: run.url,
    databaseUrl: run.migration_database_url,
    apiDatabaseUrl: run.database_url,
    meilisearchUrl: run.meilisearch_url,
    meilisearchKey: run.meilisearch_key,
    adminAuthorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
    pidOf: (name) => {
      const found = run.processes.find((process) => process.name === name);
      if (!found) throw new Error(`there is no process ${name}`);
      return found.pid;
    },
    verb: async (words, { input, onStarted } = {}) => {
      const child = spawn(program, [...words], { env, stdio: ['pipe', 'ignore', 'ignore'] });
      const exit = once(child, 'exit');
      if (child.pid !== undefined) onStarted?.(child.pid);
      for await (const text of input ?? []) if (!child.stdin.write(text)) await once(child.stdin, 'drain');
      child.stdin.end();
      await exit;
      if (child.exitCode !== 0) throw new Error(`docket ${words.join(' ')} ended with ${child.exitCode}`);
    },
    stop: async () => {
      up.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface MadeUp {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly pull_count: number;
}

const words = [
  'cache',
  'queue',
  'proxy',
  'builder',
  'runner',
  'gateway',
  'mirror',
  'backup',
  'metrics',
  'mailer',
  'store',
  'agent',
];
const namespaces = 997;

/** Always the same repositories: names of two words and a number under many namespaces, as many as are asked for. */
export function* madeUpRepositories(count: number): Generator<MadeUp> {
  for (let index = 0; index < count; index++) {
    const one = words[index % words.length] ?? '';
    const other = words[Math.floor(index / words.length) % words.length] ?? '';
    yield {
      name: `team_${index % namespaces}/${one}-${other}-${index}`,
      description: `A ${other} with a ${one}, number ${index}`,
      star_count: index % 97,
      pull_count: (index * 7919) % 1_000_003,
    };
  }
}

export async function* asLines(repositories: Iterable<object>): AsyncGenerator<string> {
  for (const repository of repositories) yield `${JSON.stringify(repository)}\n`;
}
