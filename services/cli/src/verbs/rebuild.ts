/** `docket projections rebuild`: pages until the end of the log with a line of progress, then the switch. */
import { randomUUID } from 'node:crypto';
import { setTimeout as elapsed } from 'node:timers/promises';

import { failedAgain, isTrouble } from '@docket/projector/failing';
import type { Failures } from '@docket/projector/failing';
import { leaseHolder } from '@docket/projector/hold-lease';
import { tablesRebuild } from '@docket/projector/tables/rebuild';
import { searchStep } from '@docket/projector/search/follower';
import { discardSearchRebuild, openSearchRebuild, switchSearch } from '@docket/projector/search/rebuild';
import { createLog } from '@docket/runtime/log';
import { askedWith } from '@docket/runtime/meilisearch';
import type { MeilisearchConnection } from '@docket/runtime/meilisearch';
import {
  nextOf,
  readCheckpoint,
  readStandpoint,
  searchProjection,
  tablesProjection,
  versionInUse,
} from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import { failedSentence, reportTrouble } from '@docket/store/followers/trouble';
import { readSafePosition } from '@docket/store/log/read';
import type { Database } from '@docket/store/connect';

import { withDatabase } from '../database.ts';
import { withMeilisearch } from '../meilisearch.ts';

const progressMs = 1_000;
const busyMs = 100;
const againMs = 500;

export async function rebuild(name: string, what: 'build' | 'discard'): Promise<number> {
  if (name === 'mail') return refused('mail is not built anew: every mail that was ever sent would go out again');
  if (name !== 'tables' && name !== 'search') return refused(`there is no projection ${name}: tables, search`);
  return withDatabase('projector', ({ database, environment }) => {
    if (name === 'tables') {
      return rebuildTables({ database, projection: tablesProjection }, what);
    }
    if (what === 'discard') return discardSearchRebuild(database).then(() => 0);
    return withMeilisearch(environment, async (client) =>
      client === undefined
        ? refused('there is no search engine: MEILISEARCH_URL names one')
        : rebuildSearch(database, client),
    );
  });
}

function refused(sentence: string): number {
  process.stderr.write(`${sentence}\n`);
  return 1;
}

async function rebuildTables(options: Parameters<typeof tablesRebuild>[0], what: 'build' | 'discard'): Promise<number> {
  const { open, page, takePlace, discard } = tablesRebuild(options);
  if (what === 'discard') {
    await discard();
    return 0;
  }
  const opened = await open();
  if (opened === undefined) return refused('the tables of a newer version are in use or are being built');
  const next = nextOf(options.projection);
  const progress = await progressOf(options.database, next);
  process.stderr.write(`${opened === 'begun' ? 'beginning' : 'going on'} at position ${progress.from}\n`);
  const insisting = insist(options.database, next);
  while (!progress.stopped()) {
    const { outcome, ...reached } = await insisting(page);
    if ('position' in reached) progress.reached(reached.position);
    // Another of these works on it too.
    if (outcome === 'standby') {
      if (!(await isOpen(options.database, next))) return done('the tables were switched by another process');
      await elapsed(busyMs);
    }
    if (outcome === 'idle' && (await takePlace())) return done('the new tables are in use, the old ones are dropped');
  }
  return stopped('tables');
}

async function rebuildSearch(database: Database, client: MeilisearchConnection['client']): Promise<number> {
  const opened = await openSearchRebuild(database, searchProjection);
  if (opened === undefined) return refused('the search index of a newer version is in use or is being built');
  const projection = nextOf(searchProjection);
  const progress = await progressOf(database, projection);
  process.stderr.write(`${opened === 'begun' ? 'beginning' : 'going on'} at position ${progress.from}\n`);
  const log = createLog({ name: 'rebuild', level: 'warn' });
  const lease = leaseHolder({ database, projection, holder: `rebuild ${process.pid} ${randomUUID()}`, log });
  const step = searchStep({ database, client, log, projection, onTask: () => undefined });
  const insisting = insist(database, projection);
  try {
    while (!progress.stopped()) {
      const state = await insisting(() => askedWith('PROJECTOR_MEILISEARCH_API_KEY', () => lease.under(step)));
      const switched = state === 'idle' && (await lease.under(({ lease: held }) => switchSearch(database, held)));
      if (switched === true) {
        return done('the new search index is in use; a projector drops the old one when nobody asks it any more');
      }
      if (!(await isOpen(database, projection))) return done('the search index was switched by another process');
      progress.reached((await readCheckpoint(database, projection)).position);
      if (state !== 'advanced') await elapsed(busyMs);
    }
  } finally {
    await lease.stop();
  }
  return stopped('search');
}

/** A page that fails is tried again; one that goes on failing is told beside the checkpoint, and ends the verb. */
function insist(database: Database, projection: Projection): <Page>(page: () => Promise<Page>) => Promise<Page> {
  return async (page) => {
    let failures: Failures | undefined;
    for (;;) {
      try {
        return await page();
      } catch (error) {
        const at = await readStandpoint(database, projection);
        if (at === undefined) throw error;
        const now = performance.now();
        failures = failedAgain(failures, at, now);
        if (isTrouble(failures)) {
          const failing = { position: at.next, failures: failures.failures, forMs: now - failures.sinceMs };
          const reason = error instanceof Error ? error.message : String(error);
          await reportTrouble(database, projection, { kind: 'failing', reason, failing }, at);
          throw new Error(`${projection.name} ${failedSentence(failing)}`, { cause: error });
        }
        await elapsed(againMs);
      }
    }
  };
}

async function isOpen(database: Database, { name }: Projection): Promise<boolean> {
  return (await versionInUse(database, name)) !== undefined;
}

function done(sentence: string): number {
  process.stdout.write(`${sentence}\n`);
  return 0;
}

function stopped(name: string): number {
  process.stderr.write(`stopped; docket projections rebuild ${name} goes on from here, with --discard it is dropped\n`);
  return 1;
}

interface Progress {
  readonly from: bigint;
  /** Whether somebody asked for the end. */
  readonly stopped: () => boolean;
  readonly reached: (position: bigint) => void;
}

async function progressOf(database: Database, projection: Projection): Promise<Progress> {
  const { position: from } = await readCheckpoint(database, projection);
  const last = await readSafePosition(database);
  const started = performance.now();
  let saidAt = started;
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopping = true;
    });
  }
  return {
    from,
    stopped: () => stopping,
    reached: (position) => {
      if (performance.now() - saidAt < progressMs) return;
      saidAt = performance.now();
      const perSecond = Number(position - from) / ((saidAt - started) / 1_000);
      const left = perSecond > 0 ? Math.max(0, Number(last - position) / perSecond) : Number.NaN;
      const percent = last === 0n ? 100 : Math.min(100, (Number(position) / Number(last)) * 100);
      process.stderr.write(
        `position ${position} of ${last} (${percent.toFixed(0)} %), ${perSecond.toFixed(0)} a second, ${left.toFixed(0)} s left\n`,
      );
    },
  };
}
