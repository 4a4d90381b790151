/** Who was let into which repository: for lists of what an account may see. Written whole for a repository whose grants changed. */
import { isDeepStrictEqual } from 'node:util';

import type { GrantRole, Repository } from '@docket/shared/repositories';
import type { Transaction } from '@docket/store/connect';
import { prepared } from '@docket/store/prepared';

import type { RowChange } from './repositories.ts';
import { inEachSchema } from './schema.ts';
import type { ReadSchema } from './schema.ts';

export interface GrantChanges {
  /** Repositories whose rows are to go before those of `written` come. */
  readonly cleared: readonly string[];
  readonly written: readonly { readonly repositoryId: string; readonly accountId: string; readonly role: GrantRole }[];
}

/** Pure. */
export function projectGrants(changes: readonly RowChange[]): GrantChanges {
  const changed = changes.filter(
    ({ before, after }) => !isDeepStrictEqual(grantsOf(before?.state), grantsOf(after.state)),
  );
  return {
    cleared: changed.map(({ after }) => after.repositoryId),
    written: changed.flatMap(({ after: { repositoryId, state } }) =>
      Object.entries(grantsOf(state)).map(([accountId, role]) => ({ repositoryId, accountId, role })),
    ),
  };
}

function grantsOf(state: Repository | undefined): Readonly<Record<string, GrantRole>> {
  return state !== undefined && 'grants' in state ? state.grants : {};
}

const clear = inEachSchema((schema) =>
  prepared<never, readonly [repositoryIds: readonly string[]]>(
    `clear_grants_${schema}`,
    `delete from ${schema}.grants where repository_id = any($1::uuid[])`,
  ),
);

const write = inEachSchema((schema) =>
  prepared<
    never,
    readonly [repositoryIds: readonly string[], accountIds: readonly string[], granted: readonly GrantRole[]]
  >(
    `write_grants_${schema}`,
    `insert into ${schema}.grants (repository_id, account_id, role)
     select * from unnest($1::uuid[], $2::uuid[], $3::text[])`,
  ),
);

export async function writeGrants(
  transaction: Transaction,
  schema: ReadSchema,
  { cleared, written }: GrantChanges,
): Promise<void> {
  if (cleared.length > 0) await clear[schema](transaction, [cleared]);
  if (written.length > 0) {
    await write[schema](transaction, [
      written.map(({ repositoryId }) => repositoryId),
      written.map(({ accountId }) => accountId),
      written.map(({ role }) => role),
    ]);
  }
}
