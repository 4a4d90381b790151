import type { Database } from '@docket/store/connect';
import type { NotNull } from 'kysely';

import type { MemberDto } from './dto.ts';

export async function membersOf(
  database: Database,
  namespaceId: string,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly MemberDto[] }> {
  const rows = await database
    .selectFrom('directory.members as member')
    .innerJoin('directory.accounts as account', 'account.id', 'member.account_id')
    .where('member.namespace_id', '=', namespaceId)
    .where('account.name', 'is not', null)
    .select(['account.name as username', 'member.role'])
    .select(({ fn }) => fn.countAll<bigint>().over().as('count'))
    .orderBy('account.name')
    .limit(limit)
    .offset(offset)
    .$narrowType<{ username: NotNull }>()
    .execute();
  return { count: Number(rows[0]?.count ?? 0), results: rows.map(({ username, role }) => ({ username, role })) };
}
