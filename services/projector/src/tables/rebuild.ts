/**
 * The tables built anew from the first event, in a schema beside the one that is read, with a checkpoint of their own; then one
 * transaction in which they take its place. It can end at any page and go on from there, in any process.
 */
import { restartCheckpoint, tablesProjection, versionInUse } from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import { isPassing } from '@docket/store/connect';
import type { Store } from '@docket/store/connect';
import type { Executor } from '@docket/store/log';
import { inTransaction } from '@docket/store/transaction';
import { transactionClient } from '@docket/store/transaction-client';

import { pageEventsMax, projectPage } from './follower.ts';
import type { Page } from './follower.ts';

/** Beside those of the log and of the migrations. */
const beginLockKey = 1_163_087_700;
/** Readers of the old tables are waited for this often, five seconds each. */
const dropAttemptsMax = 10;

const nextName = 'tables_next';

function targetOf(version: number) {
  return { projection: { name: nextName, version }, schema: 'read_next' } as const;
}

/** Where the pages of the rebuild go: `projectPage` fills it as it fills the running one. */
export const rebuildTarget = targetOf(tablesProjection.version);

/** In one transaction: an earlier attempt is gone, and the new one stands at the beginning. */
export function beginRebuild(client: Executor): Promise<void> {
  return beginRebuildOf(client, tablesProjection.version);
}

async function beginRebuildOf(client: Executor, version: number): Promise<void> {
  await client.query({ text: 'select es.begin_rebuild()' });
  await client.query({ text: 'delete from es.projections where name = $1', values: [nextName] });
  await restartCheckpoint(client, targetOf(version).projection);
}

export interface RebuildOptions {
  readonly database: Store;
  readonly prepared: boolean;
  /** Of the program: what it builds. */
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

export function tablesRebuild({ database, prepared, projection }: RebuildOptions): TablesRebuild {
  const target = targetOf(projection.version);
  return {
    open: () =>
      inTransaction(database, async (client) => {
        // Two who begin at once must not undo each other's beginning.
        await client.query('select pg_advisory_xact_lock($1)', [beginLockKey]);
        const [inUse = 0, next] = [await versionInUse(client, projection.name), await versionInUse(client, nextName)];
        if (inUse > projection.version || (next ?? 0) > projection.version) return undefined;
        if (next === projection.version) return 'resumed';
        await beginRebuildOf(client, projection.version);
        return 'begun';
      }),

    page: () =>
      inTransaction(database, async (client) => {
        // Pages that a power cut takes back are built again: rows and checkpoint go together.
        await client.query('set local synchronous_commit = off');
        return projectPage(transactionClient(client, prepared), { ...target, eventsMax: pageEventsMax });
      }),

    takePlace: async () => {
      const switched = await inTransaction<boolean>(database, async (client, abort) => {
        // Waits for the page that is being projected; the next one stands by until this is over.
        const running = await client.query<{ position: bigint; version: number }>(
          `select position, version from es.projections where name = $1 for update`,
          [projection.name],
        );
        const [{ position, version } = { position: 0n, version: 0 }] = running.rows;
        if (version > projection.version) return abort(false);
        // What reads the tables must never find them before where they were.
        for (;;) {
          const page = await projectPage(transactionClient(client, prepared), { ...target, eventsMax: pageEventsMax });
          if (page.outcome === 'standby') return abort(false);
          if (page.outcome === 'idle' || (page.position >= position && page.events < pageEventsMax)) break;
        }
        await client.query('select es.switch_read_models()');
        await client.query(
          `update es.projections p set version = n.version, position = n.position, command_id = n.command_id,
             moved_at = clock_timestamp(), trouble = null, trouble_reason = null, trouble_since = null
           from es.projections n where p.name = $1 and n.name = $2 and n.version = $3`,
          [projection.name, nextName, projection.version],
        );
        await client.query('delete from es.projections where name = $1', [nextName]);
        return true;
      });
      if (switched) await dropOld(database);
      return switched;
    },

    discard: () =>
      inTransaction<void>(database, async (client) => {
        await client.query('select es.discard_rebuild()');
        await client.query('delete from es.projections where name = $1', [nextName]);
      }),
  };
}

/** What is not dropped now is dropped by the next switch. */
async function dropOld({ pool }: Store): Promise<void> {
  for (let attempt = 1; attempt <= dropAttemptsMax; attempt++) {
    try {
      await pool.query('select es.drop_superseded_read_models()');
      return;
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }
}
