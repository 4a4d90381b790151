import { confirmationHoursMax } from '@docket/shared/limits';
import type { NamespaceName } from '@docket/shared/names';
import type { Database } from '@docket/store/connect';
import { sql } from 'kysely';

/** True when somebody holds the name or it is reserved; a registration that lapsed holds nothing. */
export async function isNamespaceTaken(database: Database, name: NamespaceName): Promise<boolean> {
  const row = await database
    .selectFrom('directory.namespaces as namespace')
    .leftJoin('directory.accounts as account', 'account.id', 'namespace.account_id')
    .select('namespace.id')
    .where('namespace.name', '=', name)
    .where((namespace) =>
      namespace.or([
        namespace('account.status', 'is distinct from', 'inactive'),
        namespace('account.registered_at', '>=', hoursAgo(confirmationHoursMax)),
      ]),
    )
    .executeTakeFirst();
  return row !== undefined;
}

/** One mailbox is one address, however it is written. */
export function addressKey(email: string): string {
  return email.toLowerCase();
}

/** Confirmed or not. */
export async function hasAddress(database: Database, accountId: string, email: string): Promise<boolean> {
  const row = await database
    .selectFrom('directory.addresses')
    .select('id')
    .where('account_id', '=', accountId)
    .where('address_key', '=', addressKey(email))
    .executeTakeFirst();
  return row !== undefined;
}

/** A moment in the past by the clock of the database, with which it is compared. */
export function hoursAgo(hours: number) {
  return sql<Date>`clock_timestamp() - make_interval(hours => ${hours}::int)`;
}
