/** The account as it is now: read on every request that names one, so that what changes counts at once in every process. */
import { typedName } from '@docket/shared/names';
import type { NamespaceName } from '@docket/shared/names';
import type { Database } from '@docket/store/connect';
import { prepared } from '@docket/store/prepared';
import { accountColumns } from '@docket/store/read/look-up';
import type { StoredAccount } from '@docket/store/read/look-up';
import { sql } from 'kysely';

export interface AccountRow {
  readonly id: string;
  readonly namespaceId: string;
  readonly name: NamespaceName;
  readonly isAdmin: boolean;
  readonly status: 'inactive' | 'active';
  readonly passwordHash: string;
  readonly credentialVersion: number;
}

const columns = accountColumns.join(', ');
const byName = prepared<StoredAccount, readonly [name: string]>(
  'account_by_name',
  `select ${columns} from directory.accounts where status <> 'lapsed' and name = $1`,
);
const byId = prepared<StoredAccount, readonly [id: string]>(
  'account_by_id',
  `select ${columns} from directory.accounts where status <> 'lapsed' and id = $1`,
);

/** `typed`: as somebody wrote it, whether it is a name or not. */
export async function accountByName(database: Database, typed: string): Promise<AccountRow | undefined> {
  // A text that is no name belongs to no account, and Postgres refuses some texts.
  const name = typedName.safeParse(typed);
  if (!name.success) return undefined;
  const [row] = await byName(database, [name.data]);
  return row && accountRow(row);
}

export async function accountById(database: Database, id: string): Promise<AccountRow | undefined> {
  const [row] = await byId(database, [id]);
  return row && accountRow(row);
}

export function accountRow(row: StoredAccount): AccountRow {
  return {
    id: row.id,
    namespaceId: row.namespace_id,
    name: row.name,
    isAdmin: row.is_admin,
    status: row.status,
    passwordHash: row.password_hash,
    credentialVersion: row.credential_version,
  };
}

/** The names of accounts by their ids. An account that was erased has none. */
export async function accountNames(database: Database, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await database
    .selectFrom('directory.accounts')
    .select(['id', 'name'])
    .where('id', '=', sql<string>`any(${[...new Set(ids)]}::uuid[])`)
    .execute();
  return new Map(rows.flatMap(({ id, name }) => (name === null ? [] : [[id, name] as const])));
}
