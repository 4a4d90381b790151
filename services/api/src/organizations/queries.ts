import type { MemberRole } from '@docket/shared/organizations';
import type { Reader } from '@docket/store/connect';

import type { MemberDto } from './dto.ts';

export async function membersOf(
  reader: Reader,
  namespaceId: string,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly MemberDto[] }> {
  const rows = await reader.query<{ username: string; role: MemberRole; count: bigint }>(
    'members_of',
    `select a.name as username, m.role, count(*) over () as count
     from directory.members m join directory.accounts a on a.id = m.account_id
     where m.namespace_id = $1 and a.name is not null order by a.name limit $2 offset $3`,
    [namespaceId, limit, offset],
  );
  return { count: Number(rows[0]?.count ?? 0), results: rows.map(({ username, role }) => ({ username, role })) };
}
