import { confirmationHoursMax } from '@docket/shared/accounts';
import type { NamespaceName } from '@docket/shared/names';
import type { Store } from '@docket/store/connect';

/** Known to be held by somebody, or reserved; a registration that lapsed holds nothing. */
export async function isNamespaceTaken(database: Store, name: NamespaceName): Promise<boolean> {
  const rows = await database.query(
    'namespace_taken',
    `select 1 from directory.namespaces n
     left join directory.accounts a on a.id = n.account_id
     where n.name = $1
       and (a.status is distinct from 'inactive' or a.registered_at >= clock_timestamp() - make_interval(hours => $2))`,
    [name, confirmationHoursMax],
  );
  return rows.length > 0;
}
