/** The three followers, each with what it needs. */
import { join } from 'node:path';

import type { Environment } from '@docket/runtime/environment';
import { listeningUrl } from '@docket/runtime/listening';
import type { Log } from '@docket/runtime/log';
import { connectMeilisearch } from '@docket/runtime/meilisearch';
import { nextOf, readStandpoint } from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import { clearFailing, reportTrouble } from '@docket/store/followers/trouble';
import type { Database } from '@docket/store/connect';
import { notifier } from '@docket/store/log/notify';

import { follow, pollMsAlone, pollMsWhenWoken } from './follow.ts';
import type { Follower, Report } from './follow.ts';
import { leaseHolder } from './hold-lease.ts';
import { mailDelivery } from './mail/delivery.ts';
import { mailStep } from './mail/follower.ts';
import { searchStep } from './search/follower.ts';
import { dropSupersededIndexes, openSearchRebuild, switchSearch } from './search/rebuild.ts';
import type { TaskMeasured } from './search/tasks.ts';
import { superseding } from './supersede.ts';
import { tablesStep } from './tables/follower.ts';
import { tablesRebuild } from './tables/rebuild.ts';

const meilisearchConnectionsMax = 2;
/** A payload of 20 MB on a slow disk. */
const meilisearchRequestMsMax = 30_000;
/** A mail may be this late without anybody noticing, so its follower need not look at every event as it comes. */
const mailPollMs = 200;
/** Polling is how the search index, without a listener, learns of tables that another process projects. */
const searchPollMsAlone = 100;
const dropEveryMs = 5_000;

export interface ProjectorVersions {
  readonly tables: Projection;
  readonly search: Projection;
  readonly mail: Projection;
}

export interface Wiring {
  readonly environment: Environment;
  readonly versions: ProjectorVersions;
  readonly log: Log;
  readonly database: Database;
  /** The holder of the leases: a process that starts again under the same number is another holder. */
  readonly holder: string;
  readonly onPage: (projection: string, events: number) => void;
  readonly onTask: (task: TaskMeasured) => void;
}

export function followTables(
  { environment, versions, log, database, onPage }: Wiring,
  search: Follower | undefined,
): Follower {
  const projection = versions.tables;
  // Followers of the tables in other processes listen for this.
  const notify = notifier(database);
  const step = tablesStep({ database, projection });
  const next = nextOf(projection);
  /** What it is at. */
  let at = projection;
  const rebuild = tablesRebuild({ database, projection });
  const supersede = superseding(database, log, {
    projection,
    open: rebuild.open,
    page: async () => (await rebuild.page()).outcome,
    takePlace: rebuild.takePlace,
  });

  return follow({
    name: projection.name,
    log,
    pollMs: environment.listenDatabaseUrl === undefined ? pollMsAlone : pollMsWhenWoken,
    report: reportOf(database, () => at),
    step: async () => {
      at = projection;
      const page = await step();
      if (page.outcome === 'standby') {
        at = next;
        return supersede();
      }
      if (page.outcome === 'advanced') {
        onPage(projection.name, page.events);
        search?.wake();
        notify();
      }
      return page.outcome;
    },
  });
}

/** Undefined where there is no search engine: search answers from the tables then. */
export function followSearch({ environment, versions, log, database, holder, onTask }: Wiring): Follower | undefined {
  const { meilisearchUrl, meilisearchApiKey, listenDatabaseUrl } = environment;
  if (meilisearchUrl === undefined) return undefined;
  const { client, stop } = connectMeilisearch({
    url: meilisearchUrl,
    apiKey: meilisearchApiKey,
    connectionsMax: meilisearchConnectionsMax,
    requestMsMax: meilisearchRequestMsMax,
  });
  const projection = versions.search;
  const next = nextOf(projection);
  const lease = leaseHolder({ database, projection, holder, log });
  const nextLease = leaseHolder({ database, projection: next, holder, log });
  const running = searchStep({ database, client, log, projection, onTask });
  const building = searchStep({ database, client, log, projection: next, onTask });
  let droppedAt = -Infinity;
  /** What it is at. */
  let at = projection;

  const supersede = superseding(database, log, {
    projection,
    open: () => openSearchRebuild(database, projection),
    page: () => nextLease.under(building),
    takePlace: async () => (await nextLease.under(({ lease: held }) => switchSearch(database, held))) === true,
  });

  const follower = follow({
    name: projection.name,
    log,
    pollMs: listenDatabaseUrl === undefined ? searchPollMsAlone : pollMsWhenWoken,
    report: reportOf(database, () => at),
    step: async () => {
      at = projection;
      const progress = await lease.under(async (held) => {
        if (performance.now() - droppedAt > dropEveryMs) {
          droppedAt = performance.now();
          await dropSupersededIndexes(database, client);
        }
        return running(held);
      });
      if (progress !== 'standby') return progress;
      at = next;
      return supersede();
    },
  });
  return stoppedWith(follower, async () => {
    // A call to the outside is given up: it would hold up the end, and the next holder does it again.
    await Promise.all([lease.stop(), nextLease.stop()]);
    await stop();
  });
}

export function followMail({ environment, versions, log, database, holder }: Wiring): Follower {
  const delivery = mailDelivery({
    smtpUrl: environment.smtpUrl,
    from: environment.mailFrom,
    directory: join(environment.dataDirectory, 'mail'),
  });
  const projection = versions.mail;
  // The mail projection is never built anew: every mail would go out again. A new version goes on where the old one gave up.
  const lease = leaseHolder({ database, projection, holder, log, succeeds: true });
  const step = mailStep({
    database,
    delivery,
    log,
    projection,
    publicUrl: publicUrlOf(environment, log),
    tokenKeys: environment.tokenKeys,
  });
  const follower = follow({
    name: projection.name,
    log,
    pollMs: mailPollMs,
    step: () => lease.under(step),
    report: reportOf(database, () => projection),
  });
  return stoppedWith(follower, async () => {
    await lease.stop();
    delivery.stop();
  });
}

/** A projector has no request whose host could stand in its links: without a setting they lead to an API process on this machine. */
function publicUrlOf({ publicUrl, smtpUrl, host, port }: Environment, log: Log): string {
  if (publicUrl !== undefined) return publicUrl;
  const url = listeningUrl(host, port);
  if (smtpUrl !== undefined) log.warn({ url }, 'PUBLIC_URL is not set: the links in mails lead to this machine alone');
  return url;
}

/** `projection`: what the follower is at, which is the one that takes the place of another while it builds that. */
function reportOf(database: Database, projection: () => Projection): Report {
  return {
    standpoint: () => readStandpoint(database, projection()),
    trouble: (trouble, at) => reportTrouble(database, projection(), trouble, at),
    foundNothing: () => clearFailing(database, projection()),
  };
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
