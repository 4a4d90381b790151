/**
 * A search index built anew beside the one that is asked, under a name and a checkpoint of its own; then the row that says which index
 * is asked names it. Whoever still asks the old one finds it for a while, and it goes.
 */
import { meilisearchRefusal } from '@docket/runtime/meilisearch';
import { searchIndexUid } from '@docket/shared/search-index';
import { searchProjection, versionInUse } from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import type { Store } from '@docket/store/connect';
import type { Lease } from '@docket/store/followers/lease';
import type { Executor } from '@docket/store/log';
import { forgetSupersededIndex, readInstallationId, supersededIndexes } from '@docket/store/search-pages';
import { inTransaction } from '@docket/store/transaction';
import type { Meilisearch } from 'meilisearch';

const beginLockKey = 1_163_087_701;
const nextName = `${searchProjection.name}_next`;
/** Longer than any API process asks an index without having looked which one it is. */
const supersededMs = 10_000;

export function nextSearch({ version }: Projection): Projection {
  return { name: nextName, version };
}

/** Begins, or goes on with what somebody began. Undefined: a newer version is in use or is being built. */
export function openSearchRebuild(database: Store, projection: Projection): Promise<'begun' | 'resumed' | undefined> {
  return inTransaction(database, async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [beginLockKey]);
    const [inUse = 0, next] = [await versionInUse(client, projection.name), await versionInUse(client, nextName)];
    if (inUse > projection.version || (next ?? 0) > projection.version) return undefined;
    if (next === projection.version) return 'resumed';
    await discard(client);
    const uid = `${searchIndexUid(await readInstallationId(client))}_${Date.now().toString(36)}`;
    await client.query('insert into es.projections (name, version, target) values ($1, $2, $3)', [
      nextName,
      projection.version,
      uid,
    ]);
    return 'begun';
  });
}

export function discardSearchRebuild(database: Store): Promise<void> {
  return inTransaction(database, (client) => discard(client));
}

async function discard(client: Executor): Promise<void> {
  await client.query({
    text: `with gone as (delete from es.projections where name = $1 returning target)
      insert into es.superseded_indexes (uid) select target from gone where target is not null on conflict do nothing`,
    values: [nextName],
  });
}

/** Under the lease of the new one. False when it is not far enough, or there is nothing to switch to any more. */
export function switchSearch(database: Store, { projection, holder, fence }: Lease): Promise<boolean> {
  return inTransaction(database, async (client, abort) => {
    const { rows } = await client.query<{ name: string; position: bigint; target: string | null; mine: boolean }>(
      `select name, position, target, name = $1 and version = $3 and holder = $4 and fence = $5 as mine
       from es.projections where name in ($1, $2) order by name for update`,
      [nextName, searchProjection.name, projection.version, holder, fence],
    );
    const next = rows.find(({ name }) => name === nextName);
    const running = rows.find(({ name }) => name === searchProjection.name);
    if (!next?.mine || !running || next.position < running.position) return abort(false);
    const first = searchIndexUid(await readInstallationId(client));
    await client.query('delete from es.projections where name = $1', [nextName]);
    // The fence: what the holder of the old one still writes goes to the old index, and it moves no checkpoint any more.
    await client.query(
      `update es.projections set version = $2, position = $3, target = $4, fence = fence + 1, held_until = '-infinity',
         command_id = (select command_id from es.events where position = $3), moved_at = clock_timestamp(),
         trouble = null, trouble_reason = null, trouble_since = null
       where name = $1`,
      [searchProjection.name, projection.version, next.position, next.target],
    );
    await client.query('insert into es.superseded_indexes (uid) values ($1) on conflict do nothing', [
      running.target ?? first,
    ]);
    return true;
  });
}

export async function dropSupersededIndexes({ pool }: Store, client: Meilisearch): Promise<void> {
  for (const uid of await supersededIndexes(pool, supersededMs)) {
    try {
      await client.deleteIndex(uid);
    } catch (error) {
      if (meilisearchRefusal(error)?.code !== 'index_not_found') throw error;
    }
    await forgetSupersededIndex(pool, uid);
  }
}
