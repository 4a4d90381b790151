/** The names of the repositories that somebody may see, in the order of their bytes, a page at a time. */
import { fullNameText } from '@docket/shared/names';
import type { FullName, NamespaceName, RepositoryName } from '@docket/shared/names';
import type { Store } from '@docket/store/connect';
import { lookUpMany } from '@docket/store/read/look-up';

import type { AccountRow } from '../access/accounts.ts';
import { may } from '../access/rights.ts';

/** Where a page begins: behind this name, which need not be one that exists. */
export interface CatalogPlace {
  readonly namespace: string;
  readonly name: string;
}

interface Row {
  namespace: NamespaceName;
  name: RepositoryName;
  namespace_id: string;
  /** Null: reserved, nobody's but the admins'. */
  owner_id: string | null;
  viewer_role: 'owner' | 'member' | null;
  /** There are events that its row does not hold yet. */
  behind: boolean;
}

/**
 * Names come from the directory, which is as fresh as the log. The lateral limit bounds what is read of one large namespace, so that
 * a page costs what it holds and not what stands around it; `offset 0` keeps the planner from joining all of the namespace at once.
 * It is no prepared statement: a plan for any page would be a plan for none.
 */
export const catalogStatement = `select n.name as namespace, n.id as namespace_id, n.account_id as owner_id, n.viewer_role, x.name, x.behind
  from (
    select n.id, n.name, n.account_id, m.role as viewer_role
    from directory.namespaces n
    left join directory.members m on m.namespace_id = n.id and m.account_id = $4
    where n.name collate "C" >= $1
  ) n
  cross join lateral (
    select x.name,
      exists (
        select from es.events e
        where e.stream_id = 'repository-' || x.repository_id and e.version > coalesce(r.version, 0)
      ) as behind
    from directory.repository_names x
    left join lateral (
      select * from read.repositories r where r.repository_id = x.repository_id offset 0
    ) r on true
    where x.namespace_id = n.id and x.name collate "C" > case when n.name = $1 then $2 else '' end
      and (r.repository_id is null or r.status = 'active' and (not r.is_private or $3 or n.account_id = $4
        or n.viewer_role is not null
        or exists (select from read.grants g where g.repository_id = x.repository_id and g.account_id = $4)))
    order by x.name collate "C"
    limit $5
  ) x
  order by n.name collate "C", x.name collate "C"
  limit $5`;

/** At most `limit` of them; fewer only when there are no more. */
export async function catalogPage(
  database: Store,
  viewer: AccountRow | undefined,
  after: CatalogPlace,
  limit: number,
): Promise<readonly FullName[]> {
  const found: FullName[] = [];
  let place = after;
  while (found.length < limit) {
    const { rows } = await database.pool.query<Row>({
      text: catalogStatement,
      values: [place.namespace, place.name, viewer?.isAdmin ?? false, viewer?.id ?? null, limit],
    });
    const shown = await visible(database, viewer, rows);
    found.push(...shown.slice(0, limit - found.length));
    const last = rows.at(-1);
    if (rows.length < limit || last === undefined) break;
    place = last;
  }
  return found;
}

/** The read model lags: what was hidden a moment ago is not shown, and what was created a moment ago is. */
async function visible(database: Store, viewer: AccountRow | undefined, rows: readonly Row[]): Promise<Row[]> {
  const behind = rows.filter((row) => row.behind);
  if (behind.length === 0) return [...rows];
  const states = await lookUpMany(database.pool, behind);
  return rows.filter((row) => {
    if (!row.behind) return true;
    const namespace = { id: row.namespace_id, ownerId: row.owner_id, viewerRole: row.viewer_role };
    return may('read', viewer, namespace, states.get(fullNameText(row))?.state);
  });
}
