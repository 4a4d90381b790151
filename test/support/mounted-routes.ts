/** The routes of the API as its processes mount them, with nothing behind them. */
import { routeTable } from '@docket/api/app';
import { sessions } from '@docket/api/access/sessions';
import { tokens } from '@docket/api/access/tokens';
import { parseEnvironment } from '@docket/runtime/environment';
import { createLog } from '@docket/runtime/log';
import { connect } from '@docket/store/connect';
import { groupCommit } from '@docket/store/log/group-commit';

/** `GET /v1/users`, once for each method; and the paths that hold a wildcard, whose handlers tell methods apart themselves. */
export async function mountedRoutes(
  settings: Readonly<Record<string, string>>,
): Promise<{ readonly exact: readonly string[]; readonly wildcards: readonly string[] }> {
  const environment = parseEnvironment({ ...settings });
  const database = connect({
    url: environment.databaseUrl,
    applicationName: 'docket test',
    pooler: 'none',
    connectionsMax: 1,
    onIdleError: () => undefined,
  });
  try {
    const mounted = routeTable({
      ...environment,
      database,
      log: createLog({ name: 'api', level: 'silent' }),
      groupCommit: groupCommit({ executor: database.pool, prepared: false, onAppended: () => undefined }),
      onAppended: () => undefined,
      passwords: {
        isRight: () => Promise.resolve(false),
        hash: () => Promise.resolve(''),
        stop: () => Promise.resolve(),
      },
      tokens: tokens(environment.tokenKeys, environment.tokenTtlSeconds),
      sessions: sessions(environment.tokenKeys),
      engines: [],
    }).flatMap(([, routes]) => routes);
    return {
      exact: mounted
        .filter(({ path }) => !path.includes('*'))
        .flatMap(({ path, handlers }) =>
          Object.keys(handlers)
            .filter((method) => method !== 'HEAD')
            .map((method) => `${method} ${path}`),
        ),
      wildcards: mounted.filter(({ path }) => path.includes('*')).map(({ path }) => path),
    };
  } finally {
    await database.stop();
  }
}
