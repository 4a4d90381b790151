/** How many repositories a namespace shows to everybody, and how many to some: counted by differences, in the page's transaction. */
import type { Repository } from '@docket/shared/repositories';
import type { Transaction } from '@docket/store/connect';
import { prepared } from '@docket/store/prepared';

import type { RowChange } from './repositories.ts';
import { inEachSchema } from './schema.ts';
import type { ReadSchema } from './schema.ts';

export interface NamespaceCounts {
  readonly namespaceId: string;
  readonly public: number;
  readonly private: number;
}

/** Pure. What is to be added, and taken away where it is below zero. */
export function projectNamespaces(changes: readonly RowChange[]): NamespaceCounts[] {
  const sums = new Map<string, NamespaceCounts>();
  const count = (state: Repository | undefined, by: 1 | -1): void => {
    if (state?.status !== 'active' || state.taken_down !== null) return;
    const { namespace_id: namespaceId, is_private: hidden } = state;
    const sum = sums.get(namespaceId) ?? { namespaceId, public: 0, private: 0 };
    sums.set(namespaceId, {
      namespaceId,
      public: sum.public + (hidden ? 0 : by),
      private: sum.private + (hidden ? by : 0),
    });
  };
  for (const { before, after } of changes) {
    count(before?.state, -1);
    count(after.state, 1);
  }
  return [...sums.values()].filter((sum) => sum.public !== 0 || sum.private !== 0);
}

const write = inEachSchema((schema) =>
  prepared<
    never,
    readonly [namespaceIds: readonly string[], publicCounts: readonly number[], privateCounts: readonly number[]]
  >(
    `write_namespaces_${schema}`,
    `insert into ${schema}.namespaces as n (namespace_id, public_count, private_count)
     select * from unnest($1::uuid[], $2::bigint[], $3::bigint[])
     on conflict (namespace_id) do update set
       public_count = n.public_count + excluded.public_count, private_count = n.private_count + excluded.private_count`,
  ),
);

export async function writeNamespaces(
  transaction: Transaction,
  schema: ReadSchema,
  counts: readonly NamespaceCounts[],
): Promise<void> {
  if (counts.length === 0) return;
  await write[schema](transaction, [
    counts.map(({ namespaceId }) => namespaceId),
    counts.map((count) => count.public),
    counts.map((count) => count.private),
  ]);
}
