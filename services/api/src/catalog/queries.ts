/** The names of the repositories that somebody may see, in the order of their bytes, a page at a time. */
import type { FullName } from '@docket/shared/names';
import type { Database } from '@docket/store/connect';
import { isBehind } from '@docket/store/log/tail';
import { sql } from 'kysely';

import type { AccountRow } from '../access/accounts.ts';
import { readableNow } from '../access/readable.ts';
import type { NamedRow } from '../access/readable.ts';

/** Where a page begins: behind this name, which need not be one that exists. */
export interface CatalogPlace {
  readonly namespace: string;
  readonly name: string;
}

interface Row extends NamedRow {
  /** There are events that its row does not hold yet. */
  readonly behind: boolean;
}

/**
 * Names come from the directory, which is as fresh as the log. The lateral limit bounds what is read of one large namespace, so that
 * a page costs what it holds and not what stands around it; `offset 0` keeps the planner from joining all of the namespace at once.
 * It is not prepared: a plan for any page would be a plan for none.
 */
export function catalogStatement(viewer: Viewer, after: CatalogPlace, limit: number) {
  return sql<Row>`select n.name as namespace, n.id as namespace_id, n.account_id as owner_id, n.viewer_role, x.name, x.behind
    from (
      select n.id, n.name, n.account_id, m.role as viewer_role
      from directory.namespaces n
      left join directory.members m on m.namespace_id = n.id and m.account_id = ${viewer.id}::uuid
      where n.name collate "C" >= ${after.namespace}
    ) n
    cross join lateral (
      select x.name, ${sql.raw(isBehind('x.repository_id', 'coalesce(r.version, 0)'))} as behind
      from directory.repository_names x
      left join lateral (
        select * from read.repositories r where r.repository_id = x.repository_id offset 0
      ) r on true
      where x.namespace_id = n.id
        and x.name collate "C" > case when n.name = ${after.namespace} then ${after.name} else '' end
        and (r.repository_id is null or r.status = 'active' and (not r.is_private or ${viewer.isAdmin}::boolean
          or n.account_id = ${viewer.id}::uuid or n.viewer_role is not null
          or exists (select from read.grants g
            where g.repository_id = x.repository_id and g.account_id = ${viewer.id}::uuid)))
      order by x.name collate "C"
      limit ${limit}
    ) x
    order by n.name collate "C", x.name collate "C"
    limit ${limit}`;
}

export interface Viewer {
  /** Null is nobody in particular. */
  readonly id: string | null;
  readonly isAdmin: boolean;
}

/** At most `limit` of them; fewer only when there are no more. */
export async function catalogPage(
  database: Database,
  viewer: AccountRow | undefined,
  after: CatalogPlace,
  limit: number,
): Promise<readonly FullName[]> {
  const found: FullName[] = [];
  let place = after;
  while (found.length < limit) {
    const seenBy = { id: viewer?.id ?? null, isAdmin: viewer?.isAdmin ?? false };
    const { rows } = await catalogStatement(seenBy, place, limit).execute(database);
    const shown = await visible(database, viewer, rows);
    found.push(...shown.slice(0, limit - found.length));
    const last = rows.at(-1);
    if (rows.length < limit || last === undefined) break;
    place = last;
  }
  return found;
}

/** What was hidden a moment ago is not shown, and what was created a moment ago is. */
async function visible(
  database: Database,
  viewer: AccountRow | undefined,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const behind = rows.filter((row) => row.behind);
  const readable = new Set((await readableNow(database, viewer, behind)).map(({ row }) => row));
  return rows.filter((row) => !row.behind || readable.has(row));
}
