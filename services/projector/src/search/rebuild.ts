/**
 * A search index built anew beside the one that is asked, under a name and a checkpoint of its own; then the row that says which index
 * is asked names it. Whoever still asks the old one finds it for a while, and it goes.
 */
import { meilisearchRefusal } from '@docket/runtime/meilisearch';
import { searchIndexUid } from '@docket/shared/search-index';
import { nextOf, searchProjection, versionInUse } from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import type { Database, Transaction } from '@docket/store/connect';
import type { Lease } from '@docket/store/followers/lease';
import { noTrouble } from '@docket/store/followers/trouble';
import { readInstallationId } from '@docket/store/directory/installation';
import {
  forgetSupersededIndex,
  noteSupersededIndex,
  supersededIndexes,
} from '@docket/store/followers/superseded-indexes';
import { commandAt } from '@docket/store/log/search-pages';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';
import type { Meilisearch } from 'meilisearch';

const beginLockKey = 1_163_087_701;
const { name: nextName } = nextOf(searchProjection);
/** Longer than any API process asks an index without having looked which one it is. */
const supersededMs = 10_000;

/** Begins, or goes on with what somebody began. Undefined: a newer version is in use or is being built. */
export function openSearchRebuild(
  database: Database,
  projection: Projection,
): Promise<'begun' | 'resumed' | undefined> {
  return inTransaction(database, async (transaction) => {
    await sql`select pg_advisory_xact_lock(${beginLockKey}::bigint)`.execute(transaction);
    const [inUse = 0, next] = [
      await versionInUse(transaction, projection.name),
      await versionInUse(transaction, nextName),
    ];
    if (inUse > projection.version || (next ?? 0) > projection.version) return undefined;
    if (next === projection.version) return 'resumed';
    await discard(transaction);
    const uid = `${searchIndexUid(await readInstallationId(transaction))}_${Date.now().toString(36)}`;
    await transaction
      .insertInto('es.projections')
      .values({ name: nextName, version: projection.version, target: uid })
      .execute();
    return 'begun';
  });
}

export function discardSearchRebuild(database: Database): Promise<void> {
  return inTransaction(database, (transaction) => discard(transaction));
}

async function discard(transaction: Transaction): Promise<void> {
  const gone = await transaction
    .deleteFrom('es.projections')
    .where('name', '=', nextName)
    .returning('target')
    .execute();
  for (const { target } of gone) if (target !== null) await noteSupersededIndex(transaction, target);
}

/** Under the lease of the new one. False when it is not far enough, or there is nothing to switch to any more. */
export function switchSearch(database: Database, { projection, holder, fence }: Lease): Promise<boolean> {
  return inTransaction(database, async (transaction, abort) => {
    const rows = await transaction
      .selectFrom('es.projections')
      .select(['name', 'version', 'position', 'target', 'holder', 'fence'])
      .where('name', 'in', [nextName, searchProjection.name])
      .orderBy('name')
      .forUpdate()
      .execute();
    const next = rows.find(({ name }) => name === nextName);
    const running = rows.find(({ name }) => name === searchProjection.name);
    const mine = next?.version === projection.version && next.holder === holder && next.fence === fence;
    if (!mine || !running || next.position < running.position) return abort(false);
    const first = searchIndexUid(await readInstallationId(transaction));
    const command = await commandAt(transaction, next.position);
    await transaction.deleteFrom('es.projections').where('name', '=', nextName).execute();
    // The fence: what the holder of the old one still writes goes to the old index, and it moves no checkpoint any more.
    await transaction
      .updateTable('es.projections')
      .set((row) => ({
        version: projection.version,
        position: next.position,
        target: next.target,
        command_id: command ?? null,
        fence: row('fence', '+', 1n),
        held_until: sql<Date>`'-infinity'`,
        moved_at: sql<Date>`clock_timestamp()`,
        ...noTrouble,
      }))
      .where('name', '=', searchProjection.name)
      .execute();
    await noteSupersededIndex(transaction, running.target ?? first);
    return true;
  });
}

export async function dropSupersededIndexes(database: Database, client: Meilisearch): Promise<void> {
  for (const uid of await supersededIndexes(database, supersededMs)) {
    try {
      await client.deleteIndex(uid);
    } catch (error) {
      if (meilisearchRefusal(error)?.code !== 'index_not_found') throw error;
    }
    await forgetSupersededIndex(database, uid);
  }
}
