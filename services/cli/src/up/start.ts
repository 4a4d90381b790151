/** Everything on one machine: engines, migrations, the API and the projector as processes of their own, watched until the end. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { freePort } from '@docket/infra/free-port';
import type { DatabaseUrls } from '@docket/infra/postgres';
import { keptInPrivateFile } from '@docket/infra/private-file';
import { identityOf, isRunning } from '@docket/infra/process-identity';
import type { ProcessIdentity } from '@docket/infra/process-identity';
import { parseEnvironment, parseSettings, withSecretsFromFiles } from '@docket/runtime/environment';
import type { Settings } from '@docket/runtime/environment';
import { isEveryAddress, listeningUrl } from '@docket/runtime/listening';
import { runUntilSignal } from '@docket/runtime/lifecycle';
import type { Lifecycle } from '@docket/runtime/lifecycle';
import { migrate } from '@docket/store/migrate';

import { publishInstance, tokenKeysFile, withdrawInstance } from '../instance.ts';
import type { Instance } from '../instance.ts';
import { claimDataDirectory } from './data-directory-claim.ts';
import type { Claim } from './data-directory-claim.ts';
import { startEngines } from './engines.ts';
import type { Engines } from './engines.ts';
import { apiEnvironment, inFront, projectorEnvironment, startServices, stopServices } from './services.ts';
import type { Services } from './services.ts';

/** Services drain first, then engines shut down; each has its own deadline below this. */
const stopDeadlineMs = 35_000;
const npmPollMs = 500;
const tokenSecretBytes = 32;

interface Counts {
  readonly apis: number;
  readonly projectors: number;
}

/** Answers with the exit status, when everything has stopped. */
export function runWhole(counts: Counts): Promise<number> {
  const plan: Plan = { ...counts, settings: parseSettings(process.env), databaseUrls: databaseUrlsOf(process.env) };
  // A reader may go away, as in `npm start | head -1`: that is no reason to end.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  const log = { error: (...line: unknown[]) => say(String(line.at(-1))) };
  return runUntilSignal({ log, deadlineMs: stopDeadlineMs, start: (lifecycle) => startAll(plan, lifecycle) });
}

interface Plan extends Counts {
  readonly settings: Settings;
  readonly databaseUrls: DatabaseUrls | undefined;
}

async function startAll({ settings, databaseUrls, apis, projectors }: Plan, lifecycle: Lifecycle): Promise<void> {
  const { dataDirectory, host, port } = settings;
  const claim = await lifecycle.run({
    name: 'the claim on the data directory',
    start: () => claimForThis(dataDirectory, lifecycle),
    stop: async (held) => held.release(),
  });
  // The port is checked only now, when a process that was left running on it has been stopped.
  await mustBeFree(host, port);

  const services: Services = new Map();
  let publish: () => void = () => undefined;
  const changed = () => publish();
  // Loaded while the engines start.
  const firstStart = import('./first-start.ts');
  firstStart.catch(() => undefined);
  const engines = await lifecycle.run({
    name: 'the engines',
    start: () => startEngines({ settings, databaseUrls, say, changed }),
    stop: (started) => started.stop(),
  });
  const { env, passwordFile } = await lifecycle.run({
    name: 'the database',
    start: () => prepared(settings, engines),
    stop: () => Promise.resolve(),
  });

  // Chosen here and not by the API, because run.json names it and is there before the API answers.
  const place = { host, port: port === 0 ? await freePort(host) : port };
  const url = listeningUrl(host, place.port);
  await lifecycle.run({
    name: 'run.json',
    start: async () => {
      publish = () => publishInstance(dataDirectory, describe(url, engines, services));
      publish();
    },
    stop: async () => {
      publish = () => undefined;
      withdrawInstance(dataDirectory);
    },
  });

  // The catalogue is loaded while the services start; each takes a second.
  const { loadSampleCatalogue } = await firstStart;
  const loaded = engines.databaseIsEmbedded
    ? loadSampleCatalogue({ env, dataDirectory, say, signal: lifecycle.ending })
    : Promise.resolve();
  loaded.catch(() => undefined);

  await lifecycle.run({
    name: 'the services',
    start: () =>
      startServices({
        kinds: [
          { verb: 'api', count: apis, env: apiEnvironment(env, place.port, apis) },
          { verb: 'projector', count: projectors, env: projectorEnvironment(env, url) },
        ],
        services,
        host,
        spawned: (child: ProcessIdentity) => claim.add(child),
        changed,
        say,
      }),
    stop: stopServices,
  });
  await lifecycle.run({
    name: 'the front',
    start: () => inFront(place, apis, services),
    stop: async (started) => started?.stop(),
  });
  await loaded;
  process.stdout.write(welcome(url, passwordFile));
  if (isEveryAddress(host)) say(`it answers on every address of this machine (HOST=${host})`);
}

function describe(url: string, engines: Engines, services: Services): Instance {
  const { databaseUrls, meilisearch } = engines;
  return {
    pid: process.pid,
    url,
    database_url: databaseUrls.api,
    projector_database_url: databaseUrls.projector,
    migration_database_url: databaseUrls.owner,
    meilisearch_url: meilisearch?.url,
    meilisearch_key: meilisearch?.key,
    processes: [
      ...engines.processes().map(({ name, identity }) => ({ name, pid: identity.pid })),
      ...[...services].map(([name, service]) => {
        const { identity, url: address } = service.current();
        return { name, pid: identity.pid, url: address };
      }),
    ],
  };
}

/** The claim, and an eye on the npm that started this: when it is killed, nobody passes Ctrl-C on any more. */
async function claimForThis(dataDirectory: string, lifecycle: Lifecycle): Promise<Claim> {
  const npm = process.env['npm_lifecycle_event'] === 'start' ? identityOf(process.ppid) : undefined;
  const claim = await claimDataDirectory({ dataDirectory, npm, say });
  if (npm !== undefined) {
    const watch = setInterval(() => {
      if (!isRunning(npm)) lifecycle.end();
    }, npmPollMs);
    lifecycle.ending.addEventListener('abort', () => clearInterval(watch));
  }
  lifecycle.ending.addEventListener('abort', () => {
    claim.ending();
    say('stopping');
  });
  withdrawInstance(dataDirectory);
  return claim;
}

/** Brings the database to this version, with an admin in it; answers with the environment that reaches all of it. */
async function prepared(
  settings: Settings,
  { databaseUrls, meilisearch }: Engines,
): Promise<{ readonly env: NodeJS.ProcessEnv; readonly passwordFile: string | undefined }> {
  const { applied } = await migrate({
    ownerUrl: databaseUrls.owner,
    apiUrl: databaseUrls.api,
    projectorUrl: databaseUrls.projector,
  });
  if (applied.length > 0) say(`applied ${applied.length} migrations`);
  const own = Object.entries(withSecretsFromFiles(process.env)).filter(
    (entry): entry is [string, string] => (entry[1] ?? '') !== '',
  );
  const env = {
    // People read this terminal; lines that tell of a request that went well would hide the ones that matter.
    LOG_LEVEL: 'warn',
    TOKEN_KEYS: keptInPrivateFile(join(settings.dataDirectory, tokenKeysFile), newTokenKey),
    ...Object.fromEntries(own),
    DATABASE_URL: databaseUrls.api,
    PROJECTOR_DATABASE_URL: databaseUrls.projector,
    MIGRATION_DATABASE_URL: databaseUrls.owner,
    ...(meilisearch === undefined ? {} : { MEILISEARCH_URL: meilisearch.url }),
    ...(meilisearch?.key === undefined ? {} : { MEILISEARCH_API_KEY: meilisearch.key }),
    DOCKET_DATA_DIR: settings.dataDirectory,
  };
  const { makeFirstAdmin } = await import('./first-start.ts');
  return { env, passwordFile: await makeFirstAdmin(parseEnvironment(env)) };
}

function welcome(url: string, passwordFile: string | undefined): string {
  const place = passwordFile === undefined ? 'the one that it was made with' : `in ${passwordFile}`;
  const typed = passwordFile === undefined ? 'admin' : `"admin:$(cat '${passwordFile}')"`;
  return `docket ready ${url}
the password of "admin" is ${place}
three things to try:
  curl '${url}/v1/search?q=redis'
  docker search ${new URL(url).host}/redis
  curl -u ${typed} '${url}/v2/repositories/library/redis/history'
`;
}

function databaseUrlsOf(env: NodeJS.ProcessEnv): DatabaseUrls | undefined {
  if (parseSettings(env).databaseUrl === undefined) return undefined;
  const { migrationDatabaseUrl, databaseUrl, projectorDatabaseUrl } = parseEnvironment(env);
  return { owner: migrationDatabaseUrl, api: databaseUrl, projector: projectorDatabaseUrl };
}

function newTokenKey(): string {
  return `${randomBytes(4).toString('hex')}:${randomBytes(tokenSecretBytes).toString('hex')}`;
}

/** Fails when the port is taken, before anything is started: the last step is too late to learn it. */
function mustBeFree(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(unusable(host, port, error)));
    });
    server.listen(port, host, () => server.close(() => resolve()));
  });
}

function unusable(host: string, port: number, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRNOTAVAIL') return `HOST ${host} cannot be used: it is no address of this machine`;
  return `PORT ${port} cannot be used: ${code === 'EADDRINUSE' ? 'another program listens on it' : message}`;
}

function say(line: string): void {
  process.stderr.write(`docket: ${line}\n`);
}
