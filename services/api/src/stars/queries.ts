import type { Reader } from '@docket/store/connect';

import type { StargazerDto } from './dto.ts';

/** The latest first. */
export async function stargazers(
  reader: Reader,
  repositoryId: string,
  life: number,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly StargazerDto[] }> {
  const rows = await reader.query<{ name: string; starred_at: Date; count: bigint }>(
    'stargazers',
    `select a.name, s.starred_at, count(*) over () as count
     from directory.stars s join directory.accounts a on a.id = s.account_id
     where s.repository_id = $1 and s.life = $2 and a.name is not null
     order by s.starred_at desc, a.name limit $3 offset $4`,
    [repositoryId, life, limit, offset],
  );
  return {
    count: Number(rows[0]?.count ?? 0),
    results: rows.map(({ name, starred_at }) => ({ user: name, starred_at: starred_at.toISOString() })),
  };
}
