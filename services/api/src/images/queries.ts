import { fullNameText } from '@docket/shared/names';
import type { ImageId, NamespaceName, RepositoryName } from '@docket/shared/names';
import type { Store } from '@docket/store/connect';
import { lookUpMany } from '@docket/store/read/look-up';

import type { AccountRow } from '../access/accounts.ts';
import { may } from '../access/rights.ts';

interface Row {
  namespace: NamespaceName;
  namespace_id: string;
  owner_id: string | null;
  viewer_role: 'owner' | 'member' | null;
  name: RepositoryName;
  /** There are events that its row does not hold yet. */
  behind: boolean;
}

/** Repositories that hold the image; of more than these none was changed in the last moments, all of them at once. */
const candidatesMax = 100;

/** Whether the image stands in any repository that the account may read (undefined: in any public one), as it is at this moment. */
export async function isImageReadable(
  database: Store,
  image: ImageId,
  account: AccountRow | undefined,
): Promise<boolean> {
  const rows = await database.query<Row>(
    'image_readable',
    `select n.name as namespace, n.id as namespace_id, n.account_id as owner_id, m.role as viewer_role, r.name,
       exists (
         select from es.events e where e.stream_id = 'repository-' || r.repository_id and e.version > r.version
       ) as behind
     from read.images i
     join read.repositories r on r.repository_id = i.repository_id
     join directory.namespaces n on n.id = r.namespace_id
     left join directory.members m on m.namespace_id = n.id and m.account_id = $3
     where i.image_id = $1 and r.status = 'active'
       and (not r.is_private or $2 or n.account_id = $3 or m.role is not null
         or exists (select from read.grants g where g.repository_id = r.repository_id and g.account_id = $3))
     limit $4`,
    [image, account?.isAdmin ?? false, account?.id ?? null, candidatesMax],
  );
  if (rows.some(({ behind }) => !behind)) return true;
  if (rows.length === 0) return false;
  const states = await lookUpMany(database.pool, rows);
  return rows.some((row) => {
    const namespace = { id: row.namespace_id, ownerId: row.owner_id, viewerRole: row.viewer_role };
    return may('read', account, namespace, states.get(fullNameText(row))?.state);
  });
}
