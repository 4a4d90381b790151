import type { NotNull } from 'kysely';

import type { Transaction } from '../connect.ts';
import { accountColumns } from '../read/look-up.ts';
import type { StoredAccount } from '../read/look-up.ts';

/**
 * `kept`: nobody changes the account until the transaction ends. `changed`: nor does anybody else who comes to change it, or to count what
 * it has and add to it.
 */
export type AccountLock = 'kept' | 'changed';

/** The account as it is, and as it stays until the transaction ends. Undefined when there is none, or it lapsed. */
export async function lockAccount(
  transaction: Transaction,
  accountId: string,
  lock: AccountLock,
): Promise<StoredAccount | undefined> {
  return transaction
    .selectFrom('directory.accounts')
    .select(accountColumns)
    .where('id', '=', accountId)
    .where('status', '<>', 'lapsed')
    .$call((query) => (lock === 'kept' ? query.forShare() : query.forNoKeyUpdate()))
    .$narrowType<{ name: NotNull; status: StoredAccount['status'] }>()
    .executeTakeFirst();
}

/** Until the transaction ends the account stays what it is to the organization whose namespace it is. */
export async function lockMembership(transaction: Transaction, namespaceId: string, accountId: string): Promise<void> {
  await transaction
    .selectFrom('directory.members')
    .select('role')
    .where('namespace_id', '=', namespaceId)
    .where('account_id', '=', accountId)
    .forShare()
    .execute();
}
