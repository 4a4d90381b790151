/** The running instance of a data directory, as `up` describes it to the other verbs in run.json. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { readIfThere, writePrivateFile } from '@docket/infra/private-file';
import { identityOf } from '@docket/infra/process-identity';
import { parseSettings, withSecretsFromFiles } from '@docket/runtime/environment';
import { z } from 'zod';

const instance = z.object({
  pid: z.int().positive(),
  url: z.string(),
  database_url: z.string(),
  projector_database_url: z.string(),
  migration_database_url: z.string(),
  meilisearch_url: z.string().optional(),
  /** For people who look into the engine: more than a process has, and not the master key. Older versions tell this one alone. */
  meilisearch_key: z.string().optional(),
  meilisearch_search_key: z.string().optional(),
  projector_meilisearch_key: z.string().optional(),
  processes: z.array(z.object({ name: z.string(), pid: z.int().positive(), url: z.string().optional() })),
});
export type Instance = z.infer<typeof instance>;

export const tokenKeysFile = 'token-keys';

/**
 * The environment of a verb: its own when that names a database, else that of the running instance with its own on top. Never a
 * mixture of two databases.
 */
export function findInstance(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { databaseUrl, dataDirectory } = parseSettings(env);
  if (databaseUrl !== undefined) return env;
  const path = join(dataDirectory, 'run.json');
  const running = readInstance(path);
  if (running === undefined) {
    throw new Error(
      `no Docket runs on ${dataDirectory}: start one (npm start), name its folder in DOCKET_DATA_DIR, or set DATABASE_URL`,
    );
  }
  const found = {
    DATABASE_URL: running.database_url,
    PROJECTOR_DATABASE_URL: running.projector_database_url,
    MIGRATION_DATABASE_URL: running.migration_database_url,
    MEILISEARCH_URL: running.meilisearch_url,
    MEILISEARCH_API_KEY: running.meilisearch_search_key ?? running.meilisearch_key,
    PROJECTOR_MEILISEARCH_API_KEY: running.projector_meilisearch_key ?? running.meilisearch_key,
    TOKEN_KEYS: readIfThere(join(dataDirectory, tokenKeysFile))?.trim(),
  };
  const own = Object.entries(withSecretsFromFiles(env)).filter(([, value]) => value !== undefined && value !== '');
  return { ...found, ...Object.fromEntries(own) };
}

export function publishInstance(dataDirectory: string, description: Instance): void {
  writePrivateFile(join(dataDirectory, 'run.json'), `${JSON.stringify(description, undefined, 2)}\n`);
}

export function withdrawInstance(dataDirectory: string): void {
  rmSync(join(dataDirectory, 'run.json'), { force: true });
}

function readInstance(path: string): Instance | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  const running = instance.parse(JSON.parse(text));
  // One that was killed could not take its description back.
  return identityOf(running.pid) === undefined ? undefined : running;
}
