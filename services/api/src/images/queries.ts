import type { ImageId } from '@docket/shared/names';
import type { Database } from '@docket/store/connect';
import { isBehind } from '@docket/store/log/tail';
import { readNamedImages } from '@docket/store/read/images';
import type { RepositoryAt } from '@docket/store/read/look-up';
import { sql } from 'kysely';

import type { AccountRow } from '../access/accounts.ts';
import { readableNow } from '../access/readable.ts';
import type { NamedRow } from '../access/readable.ts';

/** What was deleted holds nothing. */
export async function holdsImage(database: Database, { id, state }: RepositoryAt, image: ImageId): Promise<boolean> {
  if (state.status !== 'active' && state.status !== 'deleting') return false;
  const { images } = await readNamedImages(database, id, { imageIds: [image], tags: [], announcedLengths: [] });
  return images.has(image);
}

interface Row extends NamedRow {
  /** There are events that its row does not hold yet. */
  readonly behind: boolean;
}

/** Repositories that hold the image; of more than these none was changed in the last moments, all of them at once. */
const candidatesMax = 100;

/** Whether the image stands in any repository that the account may read (undefined: in any public one), as it is at this moment. */
export async function isImageReadable(
  database: Database,
  image: ImageId,
  account: AccountRow | undefined,
): Promise<boolean> {
  const accountId = account?.id ?? null;
  const { rows } = await sql<Row>`select n.name as namespace, n.id as namespace_id, n.account_id as owner_id,
      m.role as viewer_role, r.name, ${sql.raw(isBehind('r.repository_id', 'r.version'))} as behind
    from read.images i
    join read.repositories r on r.repository_id = i.repository_id
    join directory.namespaces n on n.id = r.namespace_id
    left join directory.members m on m.namespace_id = n.id and m.account_id = ${accountId}::uuid
    where i.image_id = ${image} and r.status = 'active'
      and (not r.is_private or ${account?.isAdmin ?? false}::boolean or n.account_id = ${accountId}::uuid
        or m.role is not null or exists (select from read.grants g
          where g.repository_id = r.repository_id and g.account_id = ${accountId}::uuid))
    limit ${candidatesMax}`.execute(database);
  if (rows.some(({ behind }) => !behind)) return true;
  return (await readableNow(database, account, rows)).length > 0;
}
