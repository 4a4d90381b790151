/** For verbs that work on the database of a running instance, or of the environment, and end. */
import { parseEnvironment } from '@docket/runtime/environment';
import type { Environment } from '@docket/runtime/environment';
import { connect } from '@docket/store/connect';
import type { Database } from '@docket/store/connect';

import { findInstance } from './instance.ts';

const connectionsMax = 4;

/** `owner`: of the tables, for what neither process may. */
export async function withDatabase(
  role: 'api' | 'projector' | 'owner',
  work: (using: { readonly database: Database; readonly environment: Environment }) => Promise<number>,
): Promise<number> {
  const environment = parseEnvironment(findInstance(process.env));
  const { database, stop } = connect({
    url: databaseUrlOf(role, environment),
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

function databaseUrlOf(role: 'api' | 'projector' | 'owner', environment: Environment): string {
  switch (role) {
    case 'api':
      return environment.databaseUrl;
    case 'projector':
      return environment.projectorDatabaseUrl;
    case 'owner':
      return environment.migrationDatabaseUrl;
  }
}
