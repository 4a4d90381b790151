import type { FullName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { repositoryStream } from '@docket/shared/stored-event';
import { lookUp } from '@docket/store/read/look-up';
import type { Lookup } from '@docket/store/read/look-up';
import { transactionReader } from '@docket/store/transaction-client';

import { missing } from '../access/rights.ts';
import type { CommandEnvelope } from '../commands/envelope.ts';
import { transact } from '../commands/transact.ts';
import type { TransactionExecution } from '../commands/transact.ts';
import { repositoryDecider } from '../repositories/decider.ts';

interface StarChange {
  readonly type: 'Star' | 'Unstar';
  readonly fullName: FullName;
  readonly accountId: string;
  readonly judge: (found: Lookup) => Refusal | undefined;
}

const starredMeanwhile = refuse('contended', 'the same account stars it at the same time; try again in a moment');

/** A star of an earlier life is none of this one: its row is taken over. */
const starring = `insert into directory.stars as s (repository_id, account_id, life) values ($1, $2, $3)
  on conflict (repository_id, account_id) do update set life = excluded.life, starred_at = excluded.starred_at
  where s.life <> excluded.life`;
const unstarring = 'delete from directory.stars where repository_id = $1 and account_id = $2 and life = $3';

/** The row decides whether it counts, in the transaction of the event: however often it is asked for, it is one star. */
export async function changeStar(
  execution: TransactionExecution,
  { type, fullName, accountId, judge }: StarChange,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  return transact(execution, envelope, starredMeanwhile, async (client) => {
    const found = await lookUp(transactionReader(client), fullName, accountId);
    const refusal = judge(found);
    if (refusal) return refusal;
    const { repository } = found;
    if (!repository || repository.state.status === 'absent') return missing(fullName);
    const { rowCount } = await client.query(type === 'Star' ? starring : unstarring, [
      repository.id,
      accountId,
      repository.state.life,
    ]);
    if (rowCount === 0) return [];
    const events = repositoryDecider.decide(repository.state, { type, accountId });
    if (isRefusal(events)) return events;
    return [{ streamId: repositoryStream(repository.id), expectedVersion: repository.version, events, ...envelope }];
  });
}
