import type { Transaction } from '../connect.ts';

/** Until the transaction ends nobody else counts what the account has, to add to it. */
export async function lockAccount(transaction: Transaction, accountId: string): Promise<void> {
  await transaction
    .selectFrom('directory.accounts')
    .select('id')
    .where('id', '=', accountId)
    .forNoKeyUpdate()
    .execute();
}
