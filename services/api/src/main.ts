/** The API process: environment → connections → app → listening, and back in the reverse order. The only place that wires. */
import type { Environment } from '@docket/runtime/environment';
import { operations } from '@docket/runtime/health';
import type { Check } from '@docket/runtime/health';
import type { Log } from '@docket/runtime/log';
import {
  createRegistry,
  measureAppends,
  measureHttp,
  measureLogins,
  measurePools,
  measurePrimary,
  measureProjections,
  measureWaiting,
} from '@docket/runtime/metrics';
import { databaseConnectionsMax, heldBackLoginMsMax, heldBackLoginStepMs } from '@docket/shared/limits';
import { connect } from '@docket/store/connect';
import type { Database } from '@docket/store/connect';
import { groupCommit } from '@docket/store/log/group-commit';
import { notifier } from '@docket/store/log/notify';
import { readInstallationId } from '@docket/store/directory/installation';
import { readStandings } from '@docket/store/followers/standings';
import { isReadOnly, watchPrimary } from '@docket/store/primary';
import type { Primary } from '@docket/store/primary';
import { rateLimits } from '@docket/store/rate-limits';

import { logins } from './access/logins.ts';
import { passwords } from './access/password.ts';
import { rateLimiters } from './access/rates.ts';
import { sessions } from './access/sessions.ts';
import { tokens } from './access/tokens.ts';
import { createApp } from './app.ts';
import { usage } from './commands/usage.ts';
import { listen } from './http/listener.ts';
import { repositoryDecider } from './repositories/decider.ts';
import { repositoryQueue } from './repositories/execute.ts';
import { meilisearchSearch } from './search/meilisearch.ts';
import type { MeilisearchEngine } from './search/meilisearch.ts';
import { postgresSearch } from './search/postgres.ts';

export interface RunningApi {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export async function runApi(environment: Environment, log: Log): Promise<RunningApi> {
  const onIdleError = (error: Error) => log.warn({ err: error }, 'an idle database connection broke');
  const pooler = environment.databasePooler;
  const url = environment.databaseUrl;
  const primary = watchPrimary({
    url,
    applicationName: 'docket api watch',
    onLost: (why) => log.error({ reason: why }, 'there is no primary database: requests are refused until there is'),
    onFound: (lostMs) => log.info({ lost_ms: Math.round(lostMs) }, 'there is a primary database again'),
  });
  const connection = { url, pooler, onIdleError, primary };
  const { database, pool, stop } = connect({
    ...connection,
    applicationName: 'docket api',
    connectionsMax: databaseConnectionsMax,
  });
  // Appends have a connection of their own: a push must not wait behind reads.
  const appends = connect({ ...connection, applicationName: 'docket api log', connectionsMax: 1 });
  const registry = createRegistry();
  measurePools(registry, { api: pool, log: appends.pool });
  measurePrimary(registry, () => primary.breaker.refusal() === undefined);
  measureProjections(registry, () => readStandings(database));
  const onCall = measureAppends(registry);
  const notify = notifier(database);
  const counted = usage({ database, log, quotas: environment.quotas });
  const queue = repositoryQueue({
    database,
    decider: repositoryDecider({
      imagesMax: environment.repositoryImagesMax,
      tagsMax: environment.repositoryTagsMax,
    }),
    usage: counted,
    quotas: environment.quotas,
    groupCommit: groupCommit({
      database: appends.database,
      onAppended: notify,
      onCall,
    }),
    onAppended: notify,
    onCall,
  });
  measureWaiting(registry, () => queue.size().waiting);
  const limits = rateLimits({
    database,
    onTrouble: (error) =>
      log.warn({ err: error }, 'the database cannot count what may not happen too often: this process counts alone'),
  });
  const limiters = rateLimiters(limits, environment.rates);
  const passwordPool = passwords({
    cost: environment.passwordCost,
    clientWaitingPasswordsMax: environment.rates.clientWaitingPasswordsMax,
  });
  const meilisearch = await searchEngine(environment, database);
  const app = createApp({
    ...environment,
    database,
    log,
    repositoryQueue: queue,
    usage: counted,
    onAppended: notify,
    onCall,
    rates: limiters,
    passwords: passwordPool,
    logins: logins({
      passwords: passwordPool,
      rates: limiters,
      secret: environment.tokenKeys[0]?.secret ?? '',
      heldBack: { stepMs: heldBackLoginStepMs, msMax: heldBackLoginMsMax },
      log,
      onOutcome: measureLogins(registry),
    }),
    tokens: tokens(environment.tokenKeys, environment.tokenTtlSeconds),
    sessions: sessions(environment.tokenKeys),
    engines: [...(meilisearch ? [meilisearch] : []), postgresSearch(database)],
  });
  const ready = operations({ registry, checks: checksOf({ database, primary, meilisearch }) });
  const { host, port } = environment;
  const { url: listening, drain } = await listen({
    host,
    port,
    operations: ready,
    onRequest: measureHttp(registry),
    app,
  });
  log.info({ url: listening, host }, 'listening');
  return {
    url: listening,
    stop: async () => {
      ready.drain();
      await drain();
      limits.stop();
      await counted.stop();
      await Promise.all([passwordPool.stop(), meilisearch?.stop(), appends.stop(), stop()]);
      primary.stop();
    },
  };
}

interface Dependencies {
  readonly database: Database;
  readonly primary: Primary;
  readonly meilisearch: MeilisearchEngine | undefined;
}

/** Without the database nothing is answered; without the search engine search is, from the tables. */
function checksOf({ database, primary, meilisearch }: Dependencies): readonly Check[] {
  const answers: Check = {
    name: 'database',
    required: true,
    probe: async () => {
      if (!(await isReadOnly(database))) return undefined;
      // Nobody wrote since it is, or it would be known.
      primary.breaker.suspect();
      return 'it is read-only';
    },
  };
  if (meilisearch === undefined) return [answers];
  return [answers, { name: 'search', required: false, probe: meilisearch.unavailable }];
}

async function searchEngine({ meilisearchUrl: url, meilisearchApiKey: apiKey }: Environment, database: Database) {
  if (url === undefined) return undefined;
  return meilisearchSearch(database, { url, apiKey, installationId: await readInstallationId(database) });
}
