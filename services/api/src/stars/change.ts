import type { FullName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { repositoryStream } from '@docket/shared/stored-event';
import { lockMembership } from '@docket/store/directory/accounts';
import { lookUp } from '@docket/store/read/look-up';
import type { Lookup } from '@docket/store/read/look-up';
import { sql } from 'kysely';
import type { Transaction } from '@docket/store/connect';

import { missing } from '../access/rights.ts';
import type { CommandEnvelope } from '../commands/envelope.ts';
import { transact } from '../commands/transact.ts';
import type { TransactionExecution } from '../commands/transact.ts';
import { decideStar } from '../repositories/decider.ts';

interface StarChange {
  readonly type: 'Star' | 'Unstar';
  readonly fullName: FullName;
  readonly namespaceId: string;
  readonly accountId: string;
  readonly judge: (found: Lookup) => Refusal | undefined;
}

const starredMeanwhile = refuse('contended', 'the same account stars it at the same time; try again in a moment');

/** The row decides whether it counts, in the transaction of the event: however often it is asked for, it is one star. */
export async function changeStar(
  execution: TransactionExecution,
  { type, fullName, namespaceId, accountId, judge }: StarChange,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  return transact(execution, envelope, starredMeanwhile, async (transaction) => {
    await lockMembership(transaction, namespaceId, accountId);
    const found = await lookUp(transaction, fullName, accountId);
    const refusal = judge(found);
    if (refusal) return refusal;
    const { repository } = found;
    if (!repository || repository.state.status === 'absent') return missing(fullName);
    const star = { repository_id: repository.id, account_id: accountId, life: repository.state.life };
    const counts = await (type === 'Star' ? addStar(transaction, star) : removeStar(transaction, star));
    if (!counts) return [];
    const events = decideStar(repository.state, { type, accountId });
    if (isRefusal(events)) return events;
    return [{ streamId: repositoryStream(repository.id), expectedVersion: repository.version, events, ...envelope }];
  });
}

interface Star {
  readonly repository_id: string;
  readonly account_id: string;
  readonly life: number;
}

/** False when it is there. A star of an earlier life is none of this one: its row is taken over. */
async function addStar(transaction: Transaction, star: Star): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await transaction
    .insertInto('directory.stars')
    .values(star)
    .onConflict((conflict) =>
      conflict
        .columns(['repository_id', 'account_id'])
        .doUpdateSet({ life: star.life, starred_at: sql<Date>`clock_timestamp()` })
        .where('directory.stars.life', '<>', star.life),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** False when there is none. */
async function removeStar(transaction: Transaction, { repository_id, account_id, life }: Star): Promise<boolean> {
  const { numDeletedRows } = await transaction
    .deleteFrom('directory.stars')
    .where('repository_id', '=', repository_id)
    .where('account_id', '=', account_id)
    .where('life', '=', life)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n;
}
