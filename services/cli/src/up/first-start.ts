/** The contents of a new Docket: an admin, and in a database of its own a few repositories to look at. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { accountByName } from '@docket/api/access/accounts';
import { keptInPrivateFile, writePrivateFile } from '@docket/infra/private-file';
import type { Environment } from '@docket/runtime/environment';
import { connect } from '@docket/store/connect';

import { createAccount } from '../create-account.ts';
import { runVerb } from './service-process.ts';

const sampleCatalogue = new URL('../../../../infra/sample-catalogue.ndjson', import.meta.url);

/** 72 bits: nobody has to type it twice. */
const adminPasswordBytes = 9;
const connectionsMax = 2;
const firstAdminName = 'admin';
/** The address belongs to nobody; the operator sets a real one with the first change. */
const firstAdminAddress = 'admin@localhost.localdomain';

/** The admin of the first hour, unless the database has one of that name; answers with the file that its password is kept in, if any. */
export async function makeFirstAdmin(environment: Environment): Promise<string | undefined> {
  const { migrationDatabaseUrl, databasePooler, dataDirectory, adminPassword } = environment;
  const passwordFile = join(dataDirectory, 'admin-password');
  const { database, stop } = connect({
    // The role of the API may make no admin.
    url: migrationDatabaseUrl,
    applicationName: 'docket up',
    pooler: databasePooler,
    connectionsMax,
    // The query that was to use it fails and says why.
    onIdleError: () => undefined,
  });
  try {
    if ((await accountByName(database, firstAdminName)) === undefined) {
      const password = adminPassword ?? keptInPrivateFile(passwordFile, newPassword);
      const account = { name: firstAdminName, email: firstAdminAddress, password, isAdmin: true };
      const refusal = await createAccount({ database, environment, ...account });
      if (refusal !== undefined) throw new Error(`the first admin cannot be made: ${refusal}`);
    }
  } finally {
    await stop();
  }
  return existsSync(passwordFile) ? passwordFile : undefined;
}

function newPassword(): string {
  return randomBytes(adminPasswordBytes).toString('base64url');
}

interface Options {
  /** The environment, with every database URL. */
  readonly env: NodeJS.ProcessEnv;
  readonly dataDirectory: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Loads the catalogue at every start until it has once been loaded to its end; one that was then deleted stays deleted. */
export async function loadSampleCatalogue({ env, dataDirectory, say, signal }: Options): Promise<void> {
  const done = join(dataDirectory, 'sample-catalogue-loaded');
  if (existsSync(done)) return;
  say('loading the sample catalogue');
  await runVerb(['import', fileURLToPath(sampleCatalogue)], env, signal);
  writePrivateFile(done, '');
}
