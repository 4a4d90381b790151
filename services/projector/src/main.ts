/** Wires the followers of the log: tables, search index, mail. Each goes its own way; one that fails does not stop the others. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';

import type { Environment } from '@docket/runtime/environment';
import type { Log } from '@docket/runtime/log';
import { connectMeilisearch } from '@docket/runtime/meilisearch';
import { mailProjection, searchProjection, tablesProjection } from '@docket/store/checkpoint';
import type { Projection } from '@docket/store/checkpoint';
import { connect } from '@docket/store/connect';
import type { Store } from '@docket/store/connect';
import { listen, notifier } from '@docket/store/notify';
import { inTransaction } from '@docket/store/transaction';
import { transactionClient } from '@docket/store/transaction-client';

import { mailDelivery } from './accounts/deliver-mail.ts';
import { mailStep } from './accounts/mail.ts';
import { follow, pollMsAlone, pollMsWhenWoken } from './follow.ts';
import type { Follower, Progress } from './follow.ts';
import { leaseHolder } from './hold-lease.ts';
import type { HeldLease } from './hold-lease.ts';
import { searchStep } from './search/project.ts';
import { pageEventsMax, projectPage } from './tables.ts';

/** One for each follower, one for each lease, one for hints. */
const connectionsMax = 6;
const meilisearchConnectionsMax = 2;
/** A payload of 20 MB on a slow disk. */
const meilisearchRequestMsMax = 30_000;
/** Nobody sees it in a mail, and so it need not look at every event as it comes. */
const mailPollMs = 200;
/** Without a listener this is how the search index learns of tables that another process projects. */
const searchPollMsAlone = 100;

export interface Projector {
  readonly stop: () => Promise<void>;
}

interface Wiring {
  readonly environment: Environment;
  readonly log: Log;
  readonly store: Store;
  /** Of the leases: a process that comes back under its own number is another one. */
  readonly holder: string;
}

export async function runProjector(environment: Environment, log: Log): Promise<Projector> {
  const store = connect({
    url: environment.projectorDatabaseUrl,
    applicationName: `docket projector ${process.pid}`,
    pooler: environment.databasePooler,
    connectionsMax,
    onIdleError: (error) => log.warn({ err: error }, 'a connection to the database broke'),
  });
  const wiring = { environment, log, store, holder: `${hostname()} ${process.pid} ${randomUUID()}` };
  const search = followSearch(wiring);
  const tables = followTables(wiring, search);
  const mail = followMail(wiring);

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
      await listener?.stop();
      await Promise.all([tables.stop(), search?.stop(), mail.stop()]);
      await store.stop();
    },
  };
}

function followTables({ environment, log, store }: Wiring, search: Follower | undefined): Follower {
  const prepared = environment.databasePooler === 'none';
  // Those who stand behind the tables in other processes.
  const notify = notifier(store.pool);
  let eventsMax = pageEventsMax;
  return follow({
    name: tablesProjection.name,
    log,
    pollMs: environment.listenDatabaseUrl === undefined ? pollMsAlone : pollMsWhenWoken,
    step: async () => {
      const allowed = eventsMax;
      // A page that took too long for a timeout would take too long again; a smaller one may not.
      eventsMax = Math.max(1, allowed >> 1);
      const page = await inTransaction(store, (client) =>
        projectPage(transactionClient(client, prepared), {
          projection: tablesProjection,
          schema: 'read',
          eventsMax: allowed,
        }),
      );
      eventsMax = Math.min(allowed * 2, pageEventsMax);
      if (page.outcome === 'advanced') {
        search?.wake();
        notify();
      }
      return page.outcome;
    },
  });
}

/** Undefined where there is no search engine: search answers from the tables then. */
function followSearch(wiring: Wiring): Follower | undefined {
  const { environment, log, store } = wiring;
  const { meilisearchUrl, meilisearchApiKey, listenDatabaseUrl } = environment;
  if (meilisearchUrl === undefined) return undefined;
  const { client, stop } = connectMeilisearch({
    url: meilisearchUrl,
    apiKey: meilisearchApiKey,
    connectionsMax: meilisearchConnectionsMax,
    requestMsMax: meilisearchRequestMsMax,
  });
  const pollMs = listenDatabaseUrl === undefined ? searchPollMsAlone : pollMsWhenWoken;
  return followUnderLease(wiring, searchProjection, pollMs, searchStep({ store, client, log }), stop);
}

function followMail(wiring: Wiring): Follower {
  const { environment, log, store } = wiring;
  const delivery = mailDelivery({
    smtpUrl: environment.smtpUrl,
    from: environment.mailFrom,
    directory: join(environment.dataDirectory, 'mail'),
  });
  const step = mailStep({
    store,
    delivery,
    log,
    publicUrl: environment.publicUrl ?? `http://localhost:${environment.port}`,
    tokenKeys: environment.tokenKeys,
  });
  return followUnderLease(wiring, mailProjection, mailPollMs, step, async () => delivery.stop());
}

function followUnderLease(
  { store, log, holder }: Wiring,
  projection: Projection,
  pollMs: number,
  step: (held: HeldLease) => Promise<Progress>,
  release: () => Promise<void>,
): Follower {
  const lease = leaseHolder({ store, projection, holder, log });
  const follower = follow({ name: projection.name, log, pollMs, step: () => lease.under(step) });
  return {
    wake: follower.wake,
    stop: async () => {
      // What waits for the outside gives up: it would hold up the end, and the next holder does it again.
      await lease.stop();
      await release();
      await follower.stop();
    },
  };
}
