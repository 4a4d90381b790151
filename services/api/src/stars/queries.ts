import type { Database } from '@docket/store/connect';
import type { NotNull } from 'kysely';

import type { StargazerDto } from './dto.ts';

/** The latest first. */
export async function stargazers(
  database: Database,
  repositoryId: string,
  life: number,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly StargazerDto[] }> {
  const rows = await database
    .selectFrom('directory.stars as star')
    .innerJoin('directory.accounts as account', 'account.id', 'star.account_id')
    .where('star.repository_id', '=', repositoryId)
    .where('star.life', '=', life)
    .where('account.name', 'is not', null)
    .select(['account.name', 'star.starred_at'])
    .select(({ fn }) => fn.countAll<bigint>().over().as('count'))
    .orderBy('star.starred_at', 'desc')
    .orderBy('account.name')
    .limit(limit)
    .offset(offset)
    .$narrowType<{ name: NotNull }>()
    .execute();
  return {
    count: Number(rows[0]?.count ?? 0),
    results: rows.map(({ name, starred_at }) => ({ user: name, starred_at: starred_at.toISOString() })),
  };
}
