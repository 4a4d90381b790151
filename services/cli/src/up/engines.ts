/** The engines of `up`: those that the environment names, embedded ones for the rest. */
import { startMeilisearch } from '@docket/infra/meilisearch';
import type { Meilisearch } from '@docket/infra/meilisearch';
import { startPostgres } from '@docket/infra/postgres';
import type { DatabaseUrls, Postgres } from '@docket/infra/postgres';
import type { ProcessIdentity } from '@docket/infra/process-identity';
import type { Settings } from '@docket/runtime/environment';

import { supervise } from './supervisor.ts';
import type { Supervised } from './supervisor.ts';

export interface Engines {
  readonly databaseUrls: DatabaseUrls;
  /** Whether the database is Docket's own, to be filled with what it likes. */
  readonly databaseIsEmbedded: boolean;
  readonly meilisearch: { readonly url: string; readonly key: string | undefined } | undefined;
  processes(): readonly { readonly name: string; readonly identity: ProcessIdentity }[];
  stop(): Promise<void>;
}

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

async function searchEngine({ settings, say, changed }: Options): Promise<
  | {
      readonly url: string;
      readonly key: string | undefined;
      readonly supervised: Supervised<Meilisearch> | undefined;
    }
  | undefined
> {
  if (settings.meilisearchUrl !== undefined) {
    return { url: settings.meilisearchUrl, key: settings.meilisearchApiKey, supervised: undefined };
  }
  say('starting Meilisearch');
  const start = async (before: Meilisearch | undefined) => {
    const { dataDirectory } = settings;
    const started = await startMeilisearch({
      dataDirectory,
      say,
      ...(before === undefined ? {} : { port: before.port }),
    });
    if (started.status === 'unavailable') throw new NoSearchEngineError(started.reason);
    return started.meilisearch;
  };
  try {
    const supervised = await supervise<Meilisearch>({ name: 'Meilisearch', start, say, changed });
    const { url, key } = supervised.current();
    return { url, key, supervised };
  } catch (error) {
    if (!(error instanceof NoSearchEngineError)) throw error;
    say(`${error.message}: searching in PostgreSQL; MEILISEARCH_URL names one`);
    return undefined;
  }
}
