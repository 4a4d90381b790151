/** Runs the followers of the log: tables, search index, mail. Each goes its own way; one that fails does not stop the others. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import type { Environment } from '@docket/runtime/environment';
import { listenForOperations, operations } from '@docket/runtime/health';
import type { Check } from '@docket/runtime/health';
import type { Log } from '@docket/runtime/log';
import {
  measurePages,
  measurePools,
  measureProjections,
  measureSearchTasks,
  createRegistry,
} from '@docket/runtime/metrics';
import { mailProjection, nextOf, searchProjection, tablesProjection } from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import { connect } from '@docket/store/connect';
import type { Database } from '@docket/store/connect';
import { listen } from '@docket/store/log/notify';
import { readStandings } from '@docket/store/followers/standings';
import { readTrouble, troubleSentence } from '@docket/store/followers/trouble';
import { isReadOnly } from '@docket/store/primary';

import type { Follower } from './follow.ts';
import { followMail, followSearch, followTables } from './wiring.ts';
import type { ProjectorVersions, Wiring } from './wiring.ts';

/** One for each follower, one for each lease, one for hints, one for those who ask how it is. */
const connectionsMax = 8;
/** A follower that fails for longer than this makes the process unready. */
const failingMsMax = 10_000;

export interface Projector {
  readonly stop: () => Promise<void>;
}

const versionsOfThisProgram: ProjectorVersions = {
  tables: tablesProjection,
  search: searchProjection,
  mail: mailProjection,
};

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
  const followers = [
    { projection: versions.tables, follower: tables },
    ...(search ? [{ projection: versions.search, follower: search }] : []),
    { projection: versions.mail, follower: mail },
  ];
  const stopFollowers = async () => {
    await Promise.all(followers.map(({ follower }) => follower.stop()));
    await stop();
  };

  const ready = operations({
    registry,
    checks: [
      databaseCheck(database),
      ...followers.map(({ projection, follower }) => followerCheck(database, projection, follower)),
      ...[versions.tables, versions.search].map((projection) => rebuildCheck(database, projection)),
    ],
  });
  const { host, healthPort } = environment;
  let health;
  try {
    health = healthPort === 0 ? undefined : await listenForOperations({ host, port: healthPort }, ready);
  } catch (error) {
    await stopFollowers();
    throw new Error(`HEALTH_PORT ${healthPort} cannot be used on ${host}`, { cause: error });
  }
  if (health) log.info({ url: health.url }, 'answers how it is');
  const { listenDatabaseUrl } = environment;
  const listener =
    listenDatabaseUrl === undefined
      ? undefined
      : listen(listenDatabaseUrl, () => {
          tables.wake();
          search?.wake();
        });
  return {
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
    probe: async () => ((await isReadOnly(database)) ? 'it is read-only' : undefined),
  };
}

function followerCheck(database: Database, projection: Projection, follower: Follower): Check {
  return {
    name: projection.name,
    required: true,
    probe: async () => {
      const now = follower.state();
      switch (now.state) {
        // Another process may be the one that does not get on, and this one could not either.
        case 'following':
        case 'standby':
          return recorded(database, projection);
        case 'failing':
          if (now.trouble !== undefined) return troubleSentence(now.trouble);
          return performance.now() - now.sinceMs > failingMsMax ? `it fails again and again: ${now.reason}` : undefined;
        case 'halted':
        case 'waiting':
          return troubleSentence({ kind: now.state, reason: now.reason });
      }
    },
  };
}

/** What is built to take its place may stand, while what is in use goes on: told, and no reason to send the work elsewhere. */
function rebuildCheck(database: Database, projection: Projection): Check {
  const next = nextOf(projection);
  return { name: next.name, required: false, probe: () => recorded(database, next) };
}

/** As any process has told it. Without the database there is nothing to read, and the check of the database says so. */
async function recorded(database: Database, projection: Projection): Promise<string | undefined> {
  const trouble = await readTrouble(database, projection).catch(() => undefined);
  return trouble && troubleSentence(trouble);
}
