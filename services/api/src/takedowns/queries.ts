import type { Reader } from '@docket/store/connect';

export interface TakedownDto {
  readonly kind: 'image' | 'repository';
  /** An image id, or `namespace/name`. */
  readonly name: string;
  readonly reason: string;
}

/** What is taken down at present, by name. */
export async function listTakedowns(
  reader: Reader,
  offset: number,
  limit: number,
): Promise<{ readonly count: number; readonly results: readonly TakedownDto[] }> {
  const rows = await reader.query<TakedownDto & { count: bigint }>(
    'takedowns',
    `select kind, name, reason, count(*) over () as count from (
       select 'image' as kind, image_id as name, reason from directory.blocked_images
       union all
       select 'repository', n.name || '/' || r.name, r.state ->> 'taken_down'
       from read.repositories r join directory.namespaces n on n.id = r.namespace_id where r.status = 'taken_down'
     ) t order by kind, name limit $1 offset $2`,
    [limit, offset],
  );
  return {
    count: Number(rows[0]?.count ?? 0),
    results: rows.map(({ kind, name, reason }) => ({ kind, name, reason })),
  };
}
