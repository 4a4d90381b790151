/** The engines of `up`: those that the environment names, embedded ones for the rest. */
import { startMeilisearch } from '@docket/infra/meilisearch';
import type { Meilisearch } from '@docket/infra/meilisearch';
import { startPostgres } from '@docket/infra/postgres';
import type { DatabaseUrls, Postgres } from '@docket/infra/postgres';
import type { ProcessIdentity } from '@docket/infra/process-identity';
import type { Settings } from '@docket/runtime/environment';
import { makeSearchKeys } from '@docket/runtime/search-keys';
import type { SearchKeys } from '@docket/runtime/search-keys';

import { supervise } from './supervisor.ts';
import type { Supervised } from './supervisor.ts';

export interface Engines {
  readonly databaseUrls: DatabaseUrls;
  /** Whether the database is Docket's own, to be filled with what it likes. */
  readonly databaseIsEmbedded: boolean;
  readonly meilisearch: SearchEngine | undefined;
  processes(): readonly { readonly name: string; readonly identity: ProcessIdentity }[];
  stop(): Promise<void>;
}

interface SearchEngine {
  readonly url: string;
  readonly keys: KnownKeys;
}

/** An engine that the environment names may ask for none. */
type KnownKeys = { readonly [kind in keyof SearchKeys]: string | undefined };

interface Options {
  readonly settings: Settings;
  /** The urls that the environment names; undefined: an embedded database. */
  readonly databaseUrls: DatabaseUrls | undefined;
  readonly say: (line: string) => void;
  readonly changed: () => void;
}

/** Starts both engines at once; when one cannot start, neither is left running. */
export async function startEngines(options: Options): Promise<Engines> {
  const [postgres, meilisearch] = await Promise.allSettled([database(options), searchEngine(options)]);
  if (postgres.status === 'rejected' || meilisearch.status === 'rejected') {
    const failures: unknown[] = [];
    for (const engine of [postgres, meilisearch]) {
      if (engine.status === 'rejected') failures.push(engine.reason);
      else await engine.value?.supervised?.stop();
    }
    throw failures.length === 1 ? failures[0] : new AggregateError(failures);
  }
  const running = {
    postgres: postgres.value.supervised,
    meilisearch: meilisearch.value?.supervised,
  };
  return {
    databaseUrls: postgres.value.urls,
    databaseIsEmbedded: running.postgres !== undefined,
    meilisearch: meilisearch.value,
    processes: () =>
      Object.entries(running).flatMap(([name, engine]) =>
        engine === undefined ? [] : [{ name, identity: engine.current().identity }],
      ),
    stop: async () => {
      await Promise.all([running.meilisearch?.stop(), running.postgres?.stop()]);
    },
  };
}

async function database({ settings, databaseUrls, say, changed }: Options): Promise<{
  readonly urls: DatabaseUrls;
  readonly supervised: Supervised<Postgres> | undefined;
}> {
  if (databaseUrls !== undefined) return { urls: databaseUrls, supervised: undefined };
  say('starting PostgreSQL');
  const supervised = await supervise<Postgres>({
    name: 'PostgreSQL',
    // The engine gets the port that it had before: its clients look for it there.
    start: (before) =>
      startPostgres({
        dataDirectory: settings.dataDirectory,
        durable: true,
        say,
        ...(before === undefined ? {} : { port: before.port }),
      }),
    say,
    changed,
  });
  return { urls: supervised.current().urls(), supervised };
}

class NoSearchEngineError extends Error {}

async function searchEngine({
  settings,
  say,
  changed,
}: Options): Promise<(SearchEngine & { readonly supervised: Supervised<Meilisearch> | undefined }) | undefined> {
  if (settings.meilisearchUrl !== undefined) {
    return {
      url: settings.meilisearchUrl,
      keys: await keysOfNamed(settings.meilisearchUrl, settings),
      supervised: undefined,
    };
  }
  say('starting Meilisearch');
  let keys: KnownKeys = { search: undefined, projector: undefined, operator: undefined };
  const start = async (before: Meilisearch | undefined) => {
    const { dataDirectory } = settings;
    const started = await startMeilisearch({
      dataDirectory,
      say,
      ...(before === undefined ? {} : { port: before.port }),
    });
    if (started.status === 'unavailable') throw new NoSearchEngineError(started.reason);
    const { meilisearch } = started;
    try {
      // Every time: whoever removed what it held removed its keys, and these are the same again.
      keys = await makeSearchKeys(meilisearch);
    } catch (error) {
      await meilisearch.stop();
      throw error;
    }
    return meilisearch;
  };
  try {
    const supervised = await supervise<Meilisearch>({ name: 'Meilisearch', start, say, changed });
    return { url: supervised.current().url, keys, supervised };
  } catch (error) {
    if (!(error instanceof NoSearchEngineError)) throw error;
    say(`${error.message}: searching in PostgreSQL; MEILISEARCH_URL names one`);
    return undefined;
  }
}

/** Of an engine that the environment names: its master key makes them, or they are given. */
async function keysOfNamed(url: string, settings: Settings): Promise<KnownKeys> {
  const {
    meilisearchMasterKey: masterKey,
    meilisearchApiKey: search,
    projectorMeilisearchApiKey: projector,
  } = settings;
  if (masterKey !== undefined) return makeSearchKeys({ url, masterKey });
  return { search, projector, operator: projector };
}
