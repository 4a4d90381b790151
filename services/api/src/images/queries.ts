import type { ImageId } from '@docket/shared/names';
import type { Store } from '@docket/store/connect';

import type { AccountRow } from '../accounts/queries.ts';

/** Whether the image stands in any repository that the account may read (undefined: in any public one). */
export async function isImageReadable(store: Store, image: ImageId, account: AccountRow | undefined): Promise<boolean> {
  const rows = await store.query(
    'image_readable',
    `select 1 from read.images i
     join read.repositories r on r.repository_id = i.repository_id
     left join directory.namespaces n on n.id = r.namespace_id
     where i.image_id = $1 and r.status = 'active' and (not r.is_private or $2 or n.account_id = $3)
     limit 1`,
    [image, account?.isAdmin ?? false, account?.id ?? null],
  );
  return rows.length > 0;
}
