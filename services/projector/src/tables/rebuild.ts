/**
 * The tables built anew from the first event, in a schema beside the one that is read, with a checkpoint of their own; then one
 * transaction in which they take its place. It can end at any page and go on from there, in any process.
 */
import { nextOf, restartCheckpoint, tablesProjection, versionInUse } from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import { isPassing } from '@docket/store/connect';
import type { Database, Transaction } from '@docket/store/connect';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';

import { pageEventsMax, projectPage, projectPageWithin } from './follower.ts';
import type { Page } from './follower.ts';

/** Beside those of the log and of the migrations. */
const beginLockKey = 1_163_087_700;
/** Readers of the old tables are waited for this often, five seconds each. */
const dropAttemptsMax = 10;

const { name: nextName } = nextOf(tablesProjection);

function targetOf(version: number) {
  return { projection: { name: nextName, version }, schema: 'read_next' } as const;
}

/** Where the pages of the rebuild go: `projectPage` fills it as it fills the running one. */
export const rebuildTarget = targetOf(tablesProjection.version);

/** In one transaction: an earlier attempt is gone, and the new one stands at the beginning. */
export function beginRebuild(transaction: Transaction): Promise<void> {
  return beginRebuildOf(transaction, tablesProjection.version);
}

async function beginRebuildOf(transaction: Transaction, version: number): Promise<void> {
  await sql`select es.begin_rebuild()`.execute(transaction);
  await forgetNext(transaction);
  await restartCheckpoint(transaction, targetOf(version).projection);
}

export interface RebuildOptions {
  readonly database: Database;
  /** The projection that this program builds. */
  readonly projection: Projection;
}

export interface TablesRebuild {
  /** Begins, or goes on with what somebody began. Undefined: a newer version is in use or is being built. */
  readonly open: () => Promise<'begun' | 'resumed' | undefined>;
  readonly page: () => Promise<Page>;
  /** False: not now, or there is nothing to switch to any more. */
  readonly takePlace: () => Promise<boolean>;
  readonly discard: () => Promise<void>;
}

export function tablesRebuild({ database, projection }: RebuildOptions): TablesRebuild {
  const target = targetOf(projection.version);
  return {
    open: () =>
      inTransaction(database, async (transaction) => {
        // Two who begin at once must not undo each other's beginning.
        await sql`select pg_advisory_xact_lock(${beginLockKey}::bigint)`.execute(transaction);
        const [inUse = 0, next] = [
          await versionInUse(transaction, projection.name),
          await versionInUse(transaction, nextName),
        ];
        if (inUse > projection.version || (next ?? 0) > projection.version) return undefined;
        if (next === projection.version) return 'resumed';
        await beginRebuildOf(transaction, projection.version);
        return 'begun';
      }),

    // Pages that a power cut takes back are built again: rows and checkpoint go together.
    page: () => projectPage(database, { ...target, eventsMax: pageEventsMax, durability: 'later' }),

    takePlace: async () => {
      const switched = await inTransaction<boolean>(database, async (transaction, abort) => {
        // Waits for the page that is being projected; the next one stands by until this is over.
        const { position, version } = await transaction
          .selectFrom('es.projections')
          .select(['position', 'version'])
          .where('name', '=', projection.name)
          .forUpdate()
          .executeTakeFirstOrThrow();
        if (version > projection.version) return abort(false);
        // What reads the tables must never find them before where they were.
        for (;;) {
          const page = await projectPageWithin(transaction, { ...target, eventsMax: pageEventsMax });
          if (page.outcome === 'standby') return abort(false);
          if (page.outcome === 'idle' || (page.position >= position && page.events < pageEventsMax)) break;
          // Too much is left to be done while others wait.
          if (page.events === pageEventsMax) return abort(false);
        }
        await sql`select es.switch_read_models()`.execute(transaction);
        await transaction
          .updateTable('es.projections as running')
          .from('es.projections as next')
          .set((row) => ({
            version: row.ref('next.version'),
            position: row.ref('next.position'),
            command_id: row.ref('next.command_id'),
            moved_at: sql<Date>`clock_timestamp()`,
            trouble: null,
            trouble_reason: null,
            trouble_since: null,
          }))
          .where('running.name', '=', projection.name)
          .where('next.name', '=', nextName)
          .where('next.version', '=', projection.version)
          .execute();
        await forgetNext(transaction);
        return true;
      });
      if (switched) await dropOld(database);
      return switched;
    },

    discard: () =>
      inTransaction<void>(database, async (transaction) => {
        await sql`select es.discard_rebuild()`.execute(transaction);
        await forgetNext(transaction);
      }),
  };
}

/** What is not dropped now is dropped by the next switch. */
async function dropOld(database: Database): Promise<void> {
  for (let attempt = 1; attempt <= dropAttemptsMax; attempt++) {
    try {
      await sql`select es.drop_superseded_read_models()`.execute(database);
      return;
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }
}

async function forgetNext(transaction: Transaction): Promise<void> {
  await transaction.deleteFrom('es.projections').where('name', '=', nextName).execute();
}
