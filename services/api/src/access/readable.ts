/** The read model lags: what its rows do not hold yet is read from the log, and judged as it is at this moment. */
import { fullNameText } from '@docket/shared/names';
import type { NamespaceName, RepositoryName } from '@docket/shared/names';
import type { Database } from '@docket/store/connect';
import { lookUpMany } from '@docket/store/read/look-up';
import type { RepositoryAt } from '@docket/store/read/look-up';

import type { AccountRow } from './accounts.ts';
import { may } from './rights.ts';

/** A repository by its name, and what the viewer is to its namespace. */
export interface NamedRow {
  readonly namespace: NamespaceName;
  readonly name: RepositoryName;
  readonly namespace_id: string;
  /** Null: reserved, nobody's but the admins'. */
  readonly owner_id: string | null;
  readonly viewer_role: 'owner' | 'member' | null;
}

/** The repositories that the viewer may read, each with the row that named it. */
export async function readableNow<Row extends NamedRow>(
  database: Database,
  viewer: AccountRow | undefined,
  rows: readonly Row[],
): Promise<readonly { readonly row: Row; readonly repository: RepositoryAt }[]> {
  if (rows.length === 0) return [];
  const repositories = await lookUpMany(database, rows);
  return rows.flatMap((row) => {
    const repository = repositories.get(fullNameText(row));
    const namespace = { id: row.namespace_id, ownerId: row.owner_id, viewerRole: row.viewer_role };
    return repository && may('read', viewer, namespace, repository.state) ? [{ row, repository }] : [];
  });
}
