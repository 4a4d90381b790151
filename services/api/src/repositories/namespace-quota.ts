/** How many repositories a namespace may have; one that is deleted does not count, and counts again when it is had back or begun anew. */
import { quotaLockedFromLeft } from '@docket/shared/limits';
import type { NamespaceName } from '@docket/shared/names';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { Transaction } from '@docket/store/connect';
import { countNames, countRepositories, lockNamespace } from '@docket/store/directory/names';

/** `contended`: somebody else begins one there at this moment, and it may be the last for which there is room. */
export type Room = 'free' | 'contended' | Refusal;

/**
 * Whether the namespace may have one more. Near its bound nobody else begins one until the transaction ends; far from it nothing is locked,
 * because fewer are on their way at once than there is room.
 */
export async function roomFor(
  transaction: Transaction,
  { id, name }: { readonly id: string; readonly name: NamespaceName },
  max: number,
): Promise<Room> {
  if (max === Number.POSITIVE_INFINITY) return 'free';
  // Names that were ever used are at least as many as there are repositories, and counted from an index.
  if ((await countNames(transaction, id, max)) < max - quotaLockedFromLeft) return 'free';
  // Not waited for: those who wait would take all connections of the process.
  if (!(await lockNamespace(transaction, id))) return 'contended';
  if ((await countNames(transaction, id, max)) < max) return 'free';
  const count = await countRepositories(transaction, id);
  if (count < max) return 'free';
  return {
    ...refuse(
      'quota_reached',
      `${name} has ${count} of at most ${max} repositories; delete some, or ask an admin of this index for more`,
    ),
    quota: { limit: max, left: 0 },
  };
}
