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
import { mailProjection, searchProjection, tablesProjection } from '@docket/store/followers/checkpoint';
import { connect } from '@docket/store/connect';
import type { Database } from '@docket/store/connect';
import { listen } from '@docket/store/log/notify';
import { readStandings } from '@docket/store/followers/standings';
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
  /** The port of its own listener; undefined where it has none. */
  readonly healthPort: number | undefined;
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
    probe: async () => ((await isReadOnly(database)) ? 'it is read-only' : undefined),
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
