/**
 * One PostgreSQL and one Meilisearch for the whole run, and a migrated database with an admin in it, which every world clones.
 * Durability is off here: worlds test what processes do; what survives a power cut is tested where `up` is.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startMeilisearch, stopLeftMeilisearch } from '@docket/infra/meilisearch';
import type { Meilisearch } from '@docket/infra/meilisearch';
import { startPostgres, stopLeftPostgres } from '@docket/infra/postgres';
import type { Postgres } from '@docket/infra/postgres';
import { identityOf } from '@docket/infra/process-identity';
import { makeSearchKeys } from '@docket/runtime/search-keys';
import type { SearchKeys } from '@docket/runtime/search-keys';
import { migrate } from '@docket/store/migrate';
import type { TestProject } from 'vitest/node';

import { serveCommonWorld } from './support/common-world.ts';
import type { CommonWorldServer } from './support/common-world.ts';
import { runDocket } from './support/docket.ts';

declare module 'vitest' {
  interface ProvidedContext {
    stack: Stack & { readonly commonWorldUrl: string };
  }
}

export interface Stack {
  readonly superuserUrl: string;
  readonly template: string;
  /** The URLs of a database for each role; its name replaces `templateName`. */
  readonly urls: { readonly owner: string; readonly api: string; readonly projector: string };
  readonly meilisearch: { readonly url: string; readonly masterKey: string; readonly keys: SearchKeys };
  readonly admin: { readonly name: string; readonly password: string };
}

const folderPrefix = 'docket-test-';
const templateName = 'docket_template';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // In memory where that is possible: the first document of a new search index takes seconds on a disk.
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  await removeLeftOver(base);
  const dataDirectory = join(base, `${folderPrefix}${process.pid}-${randomBytes(3).toString('hex')}`);
  mkdirSync(dataDirectory, { mode: 0o711 });
  const running: { stop(): Promise<void> }[] = [];
  let common: CommonWorldServer | undefined;
  const stop = async () => {
    await common?.stop();
    await Promise.all(running.map((engine) => engine.stop()));
    rmSync(dataDirectory, { recursive: true, force: true });
  };
  try {
    const [postgres, meilisearch] = await bothEngines(dataDirectory, running);
    const admin = { name: 'admin', password: randomBytes(12).toString('hex') };
    await makeTemplate(postgres, admin, dataDirectory);
    const stack: Stack = {
      superuserUrl: postgres.superuserUrl('postgres'),
      template: templateName,
      urls: postgres.urls(templateName),
      meilisearch: {
        url: meilisearch.url,
        masterKey: meilisearch.masterKey,
        keys: await makeSearchKeys(meilisearch),
      },
      admin,
    };
    common = await serveCommonWorld(stack);
    project.provide('stack', { ...stack, commonWorldUrl: common.url });
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** Stops and removes what interrupted runs left: their engines do not feel the Ctrl-C of a terminal. */
async function removeLeftOver(base: string): Promise<void> {
  for (const name of readdirSync(base).filter((candidate) => candidate.startsWith(folderPrefix))) {
    const owner = Number(name.slice(folderPrefix.length).split('-')[0]);
    if (identityOf(owner) !== undefined) continue;
    const dataDirectory = join(base, name);
    await Promise.all([stopLeftPostgres(dataDirectory), stopLeftMeilisearch(dataDirectory)]);
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

async function bothEngines(
  dataDirectory: string,
  running: { stop(): Promise<void> }[],
): Promise<readonly [Postgres, Meilisearch]> {
  const [postgres, search] = await Promise.allSettled([
    startPostgres({ dataDirectory, durable: false }),
    startMeilisearch({ dataDirectory }),
  ]);
  if (postgres.status === 'fulfilled') running.push(postgres.value);
  if (search.status === 'fulfilled' && search.value.status === 'started') running.push(search.value.meilisearch);
  if (postgres.status === 'rejected') throw postgres.reason;
  if (search.status === 'rejected') throw search.reason;
  // A run without a search engine would prove the fallback and say that it proved the search.
  if (search.value.status === 'unavailable') throw new Error(`the tests need Meilisearch: ${search.value.reason}`);
  return [postgres.value, search.value.meilisearch];
}

async function makeTemplate(postgres: Postgres, admin: Stack['admin'], dataDirectory: string): Promise<void> {
  await postgres.createDatabase(templateName);
  const { owner, api, projector } = postgres.urls(templateName);
  await migrate({ ownerUrl: owner, apiUrl: api, projectorUrl: projector });
  await runDocket(['user', 'create', admin.name, '--email', 'admin@example.org', '--admin'], {
    DATABASE_URL: api,
    PROJECTOR_DATABASE_URL: projector,
    MIGRATION_DATABASE_URL: owner,
    DOCKET_DATA_DIR: dataDirectory,
    DOCKET_PASSWORD: admin.password,
    PASSWORD_COST: '4',
  });
}
