/** For verbs that work on the database of a running instance, or of the environment, and end. */
import { parseEnvironment } from '@docket/runtime/environment';
import type { Environment } from '@docket/runtime/environment';
import { connect } from '@docket/store/connect';
import type { Database } from '@docket/store/connect';

import { findInstance } from './instance.ts';

const connectionsMax = 4;

export async function withDatabase(
  role: 'api' | 'projector',
  work: (using: { readonly database: Database; readonly environment: Environment }) => Promise<number>,
): Promise<number> {
  const environment = parseEnvironment(findInstance(process.env));
  const { database, stop } = connect({
    url: role === 'api' ? environment.databaseUrl : environment.projectorDatabaseUrl,
    applicationName: 'docket cli',
    pooler: environment.databasePooler,
    connectionsMax,
    onIdleError: (error) => process.stderr.write(`a database connection broke: ${error.message}\n`),
  });
  try {
    return await work({ database, environment });
  } finally {
    await stop();
  }
}
