/** Wires the followers of the log: tables, search index, mail. Each goes its own way; one that fails does not stop the others. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';

import type { Environment } from '@docket/runtime/environment';
import { listenForOperations, operations } from '@docket/runtime/health';
import type { Check } from '@docket/runtime/health';
import type { Log } from '@docket/runtime/log';
import { connectMeilisearch } from '@docket/runtime/meilisearch';
import {
  measurePages,
  measurePools,
  measureProjections,
  measureSearchTasks,
  createRegistry,
} from '@docket/runtime/metrics';
import {
  mailProjection,
  reportTrouble,
  searchProjection,
  tablesProjection,
  versionInUse,
} from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import { connect } from '@docket/store/connect';
import type { Database } from '@docket/store/connect';
import { listen, notifier } from '@docket/store/log/notify';
import { readStandings } from '@docket/store/followers/standings';
import { sql } from 'kysely';

import { follow, pollMsAlone, pollMsWhenWoken } from './follow.ts';
import type { Follower, Progress } from './follow.ts';
import { leaseHolder } from './hold-lease.ts';
import { mailDelivery } from './mail/delivery.ts';
import { mailStep } from './mail/follower.ts';
import { searchStep } from './search/follower.ts';
import { dropSupersededIndexes, nextSearch, openSearchRebuild, switchSearch } from './search/rebuild.ts';
import { tablesStep } from './tables/follower.ts';
import { tablesRebuild } from './tables/rebuild.ts';

/** One for each follower, one for each lease, one for hints, one for those who ask how it is. */
const connectionsMax = 8;
const meilisearchConnectionsMax = 2;
/** A payload of 20 MB on a slow disk. */
const meilisearchRequestMsMax = 30_000;
/** Nobody sees it in a mail, and so it need not look at every event as it comes. */
const mailPollMs = 200;
/** Without a listener this is how the search index learns of tables that another process projects. */
const searchPollMsAlone = 100;
/** What fails for longer than this is told to those who ask whether the process is well. */
const failingMsMax = 10_000;
const dropEveryMs = 5_000;

export interface Projector {
  readonly stop: () => Promise<void>;
  /** Of its own listener; undefined where it has none. */
  readonly healthPort: number | undefined;
}

export interface ProjectorVersions {
  readonly tables: Projection;
  readonly search: Projection;
  readonly mail: Projection;
}

const versionsOfThisProgram: ProjectorVersions = {
  tables: tablesProjection,
  search: searchProjection,
  mail: mailProjection,
};

interface Wiring {
  readonly environment: Environment;
  readonly versions: ProjectorVersions;
  readonly log: Log;
  readonly database: Database;
  /** Of the leases: a process that comes back under its own number is another one. */
  readonly holder: string;
  readonly onPage: (projection: string, events: number) => void;
  readonly onTask: (task: { readonly status: string; readonly seconds: number }) => void;
}

/** `versions`: for a test of what happens when the program of tomorrow is started beside this one. */
export async function runProjector(
  environment: Environment,
  log: Log,
  versions: ProjectorVersions = versionsOfThisProgram,
): Promise<Projector> {
  const { database, pool, stop } = connect({
    url: environment.projectorDatabaseUrl,
    applicationName: `docket projector ${process.pid}`,
    pooler: environment.databasePooler,
    connectionsMax,
    onIdleError: (error) => log.warn({ err: error }, 'a connection to the database broke'),
  });
  const registry = createRegistry();
  measurePools(registry, { projector: pool });
  measureProjections(registry, () => readStandings(database));
  const wiring: Wiring = {
    environment,
    versions,
    log,
    database,
    holder: `${hostname()} ${process.pid} ${randomUUID()}`,
    onPage: measurePages(registry),
    onTask: measureSearchTasks(registry),
  };
  const search = followSearch(wiring);
  const tables = followTables(wiring, search);
  const mail = followMail(wiring);
  const followers = { tables, ...(search ? { search } : {}), mail };
  const stopFollowers = async () => {
    await Promise.all(Object.values(followers).map((follower) => follower.stop()));
    await stop();
  };

  const ready = operations({
    registry,
    checks: [databaseCheck(database), ...Object.entries(followers).map(followerCheck)],
  });
  const { healthPort } = environment;
  let health;
  try {
    health = healthPort === 0 ? undefined : await listenForOperations(healthPort, ready);
  } catch (error) {
    await stopFollowers();
    throw new Error(`HEALTH_PORT ${healthPort} cannot be used`, { cause: error });
  }
  const { listenDatabaseUrl } = environment;
  const listener =
    listenDatabaseUrl === undefined
      ? undefined
      : listen(listenDatabaseUrl, () => {
          tables.wake();
          search?.wake();
        });
  return {
    healthPort: health?.port,
    stop: async () => {
      ready.drain();
      await listener?.stop();
      await stopFollowers();
      await health?.stop();
    },
  };
}

function databaseCheck(database: Database): Check {
  return {
    name: 'database',
    required: true,
    probe: async () => {
      await sql`select 1`.execute(database);
      return undefined;
    },
  };
}

function followerCheck([name, follower]: readonly [string, Follower]): Check {
  return {
    name,
    required: true,
    probe: () => {
      const now = follower.state();
      switch (now.state) {
        case 'following':
        case 'standby':
          return undefined;
        case 'failing':
          return performance.now() - now.sinceMs > failingMsMax ? `it fails again and again: ${now.reason}` : undefined;
        case 'halted':
          return `it stands still until somebody looks: ${now.reason}`;
        case 'waiting':
          return `it waits for a newer version: ${now.reason}`;
      }
    },
  };
}

function followTables(
  { environment, versions, log, database, onPage }: Wiring,
  search: Follower | undefined,
): Follower {
  const projection = versions.tables;
  // Those who stand behind the tables in other processes.
  const notify = notifier(database);
  const step = tablesStep({ database, projection });
  const rebuild = tablesRebuild({ database, projection });

  /** Where the tables are still those of an older version, this one builds its own beside them and then takes their place. */
  async function supersede(): Promise<Progress> {
    const inUse = await versionInUse(database, projection.name);
    if (inUse === undefined || inUse >= projection.version) return 'standby';
    const opened = await rebuild.open();
    if (opened === undefined) return 'standby';
    if (opened === 'begun') log.info({ version: projection.version }, 'building the tables of a new version');
    const page = await rebuild.page();
    if (page.outcome !== 'idle') return page.outcome;
    if (await rebuild.takePlace()) log.info({ version: projection.version }, 'the tables of a new version are in use');
    return 'advanced';
  }

  return follow({
    name: projection.name,
    log,
    pollMs: environment.listenDatabaseUrl === undefined ? pollMsAlone : pollMsWhenWoken,
    step: async () => {
      const page = await step();
      if (page.outcome === 'standby') return supersede();
      if (page.outcome === 'advanced') {
        onPage(projection.name, page.events);
        search?.wake();
        notify();
      }
      return page.outcome;
    },
    onTrouble: (trouble) => reportTrouble(database, projection, trouble),
  });
}

/** Undefined where there is no search engine: search answers from the tables then. */
function followSearch({ environment, versions, log, database, holder, onTask }: Wiring): Follower | undefined {
  const { meilisearchUrl, meilisearchApiKey, listenDatabaseUrl } = environment;
  if (meilisearchUrl === undefined) return undefined;
  const { client, stop } = connectMeilisearch({
    url: meilisearchUrl,
    apiKey: meilisearchApiKey,
    connectionsMax: meilisearchConnectionsMax,
    requestMsMax: meilisearchRequestMsMax,
  });
  const projection = versions.search;
  const next = nextSearch(projection);
  const lease = leaseHolder({ database, projection, holder, log });
  const nextLease = leaseHolder({ database, projection: next, holder, log });
  const running = searchStep({ database, client, log, projection, onTask });
  const building = searchStep({ database, client, log, projection: next, onTask });
  let droppedAt = -Infinity;

  /** As with the tables: beside those of an older version, and then in their place. */
  async function supersede(): Promise<Progress> {
    const inUse = await versionInUse(database, projection.name);
    if (inUse === undefined || inUse >= projection.version) return 'standby';
    if ((await openSearchRebuild(database, projection)) === undefined) return 'standby';
    return nextLease.under(async (held) => {
      const progress = await building(held);
      if (progress === 'idle') await switchSearch(database, held.lease);
      return 'advanced';
    });
  }

  const follower = follow({
    name: projection.name,
    log,
    pollMs: listenDatabaseUrl === undefined ? searchPollMsAlone : pollMsWhenWoken,
    step: async () => {
      const progress = await lease.under(async (held) => {
        if (performance.now() - droppedAt > dropEveryMs) {
          droppedAt = performance.now();
          await dropSupersededIndexes(database, client);
        }
        return running(held);
      });
      return progress === 'standby' ? supersede() : progress;
    },
    onTrouble: (trouble) => reportTrouble(database, projection, trouble),
  });
  return stoppedWith(follower, async () => {
    // What waits for the outside gives up: it would hold up the end, and the next holder does it again.
    await Promise.all([lease.stop(), nextLease.stop()]);
    await stop();
  });
}

function followMail({ environment, versions, log, database, holder }: Wiring): Follower {
  const delivery = mailDelivery({
    smtpUrl: environment.smtpUrl,
    from: environment.mailFrom,
    directory: join(environment.dataDirectory, 'mail'),
  });
  const projection = versions.mail;
  // Never built anew: every mail would go out again. A new version goes on where the last process of the old one gave up.
  const lease = leaseHolder({ database, projection, holder, log, succeeds: true });
  const step = mailStep({
    database,
    delivery,
    log,
    projection,
    publicUrl: environment.publicUrl ?? `http://localhost:${environment.port}`,
    tokenKeys: environment.tokenKeys,
  });
  const follower = follow({
    name: projection.name,
    log,
    pollMs: mailPollMs,
    step: () => lease.under(step),
    onTrouble: (trouble) => reportTrouble(database, projection, trouble),
  });
  return stoppedWith(follower, async () => {
    await lease.stop();
    delivery.stop();
  });
}

function stoppedWith(follower: Follower, release: () => Promise<void>): Follower {
  return {
    ...follower,
    stop: async () => {
      await release();
      await follower.stop();
    },
  };
}
