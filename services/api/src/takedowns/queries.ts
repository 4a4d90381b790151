import type { Database } from '@docket/store/connect';
import { sql } from 'kysely';

import type { TakedownDto } from './dto.ts';

/** What is taken down at present, by name. */
export async function listTakedowns(
  database: Database,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly TakedownDto[] }> {
  const { rows } = await sql<
    TakedownDto & { readonly count: bigint }
  >`select kind, name, reason, count(*) over () as count
    from (
      select 'image' as kind, image_id as name, reason from directory.blocked_images
      union all
      select 'repository', n.name || '/' || r.name, r.state ->> 'taken_down'
      from read.repositories r join directory.namespaces n on n.id = r.namespace_id where r.status = 'taken_down'
    ) t
    order by kind, name limit ${limit} offset ${offset}`.execute(database);
  return {
    count: Number(rows[0]?.count ?? 0),
    results: rows.map(({ kind, name, reason }) => ({ kind, name, reason })),
  };
}
