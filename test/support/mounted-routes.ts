/** The operations of the API as its table has them, and the paths at which its processes mount them. */
import { createApp, slices } from '@docket/api/app';
import { uncounted } from '@docket/api/commands/usage';
import { endpointsOf } from '@docket/api/http/operation';
import { repositoryDecider } from '@docket/api/repositories/decider';
import { repositoryQueue } from '@docket/api/repositories/execute';
import { rateLimiters } from '@docket/api/access/rates';
import { sessions } from '@docket/api/access/sessions';
import { tokens } from '@docket/api/access/tokens';
import { parseEnvironment } from '@docket/runtime/environment';
import { createLog } from '@docket/runtime/log';
import { connect } from '@docket/store/connect';
import { groupCommit } from '@docket/store/log/group-commit';
import { rateLimits } from '@docket/store/rate-limits';

export const endpoints = endpointsOf(Object.values(slices).flat());

/** The endpoints of the Hub's present API, by which repositories are managed. */
export const managementEndpoints = endpoints.filter(
  ({ path }) => path.startsWith('/v2/') && path !== '/v2/' && path !== '/v2/_catalog' && !path.endsWith('/history'),
);

/** Paths of express, of the very app that a process serves, with nothing behind it. */
export async function mountedRoutes(settings: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const environment = parseEnvironment({ ...settings });
  const { database, stop } = connect({
    url: environment.databaseUrl,
    applicationName: 'docket test',
    pooler: 'none',
    connectionsMax: 1,
    onIdleError: () => undefined,
  });
  const limits = rateLimits({ database, onTrouble: () => undefined });
  try {
    const app = createApp({
      ...environment,
      database,
      log: createLog({ name: 'api', level: 'silent' }),
      usage: uncounted,
      repositoryQueue: repositoryQueue({
        database,
        decider: repositoryDecider({ imagesMax: 0, tagsMax: 0 }),
        usage: uncounted,
        quotas: environment.quotas,
        groupCommit: groupCommit({ database, onAppended: () => undefined }),
        onAppended: () => undefined,
      }),
      onAppended: () => undefined,
      passwords: { hash: () => Promise.resolve('') },
      logins: { judge: () => Promise.resolve('wrong') },
      rates: rateLimiters(limits, environment.rates),
      tokens: tokens(environment.tokenKeys, environment.tokenTtlSeconds),
      sessions: sessions(environment.tokenKeys),
      engines: [],
    });
    return app.router.stack.flatMap(({ route }) => (route ? [route.path] : []));
  } finally {
    limits.stop();
    await stop();
  }
}
