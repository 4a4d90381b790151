/** The account as it is now: read on every request that names one, so that what changes counts at once in every process. */
import { namespaceName } from '@docket/shared/names';
import type { NamespaceName } from '@docket/shared/names';
import type { Store } from '@docket/store/connect';
import type { StoredAccount } from '@docket/store/read/look-up';

export interface AccountRow {
  readonly id: string;
  readonly namespaceId: string;
  readonly name: NamespaceName;
  readonly isAdmin: boolean;
  readonly status: 'inactive' | 'active';
  readonly passwordHash: string;
  readonly credentialVersion: number;
}

const select = `select id, namespace_id, name, is_admin, status, password_hash, credential_version
  from directory.accounts where status <> 'lapsed' and`;

export async function accountByName(database: Store, name: string): Promise<AccountRow | undefined> {
  // What is no name cannot be one of an account, and Postgres refuses some texts.
  if (!namespaceName.safeParse(name).success) return undefined;
  const [row] = await database.query<StoredAccount>('account_by_name', `${select} name = $1`, [name]);
  return row && accountRow(row);
}

export async function accountById(database: Store, id: string): Promise<AccountRow | undefined> {
  const [row] = await database.query<StoredAccount>('account_by_id', `${select} id = $1`, [id]);
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

/** By id. An account that was erased has none. */
export async function accountNames(database: Store, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await database.query<{ id: string; name: string }>(
    'account_names',
    'select id, name from directory.accounts where id = any($1::uuid[]) and name is not null',
    [[...new Set(ids)]],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}
