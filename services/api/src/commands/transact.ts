/**
 * Commands that touch what must be unique or true at once: a transaction of their own, side tables first, the append last; either all
 * of it counts or nothing. Who lost a race does it again with the streams to itself, so that it does not lose another; who lost its
 * connection asks the log first whether it was written.
 */
import { setTimeout as elapsed } from 'node:timers/promises';

import { contendedMsMax } from '@docket/shared/limits';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { DomainEvent } from '@docket/shared/stored-event';
import { isConnectionLoss, isDeadlock, isUniqueViolation } from '@docket/store/connect';
import type { Database, Transaction } from '@docket/store/connect';
import type { AppendCall } from '@docket/store/log/group-commit';
import { appendAll } from '@docket/store/log/append';
import type { AppendCommand, Verdict } from '@docket/store/log/append';
import { lockAccount } from '@docket/store/directory/accounts';
import type { AccountLock } from '@docket/store/directory/accounts';
import { lockStreams } from '@docket/store/log/lock-streams';
import { inTransaction } from '@docket/store/transaction';

import { accountOf, callerNow } from '../access/authenticate.ts';
import type { Caller } from '../access/authenticate.ts';
import { earlierOutcome, pastCommand, raceLost } from './envelope.ts';
import type { CommandEnvelope } from './envelope.ts';
import { refuseBeyondDay } from './daily-quota.ts';
import { retryPauseMs } from './retry-pause.ts';
import type { Usage } from './usage.ts';

export interface TransactionExecution {
  readonly database: Database;
  /** After a transaction that appended something. */
  readonly onAppended: () => void;
  /** After every transaction that came to its append, whatever the log said. */
  readonly onCall?: ((call: AppendCall) => void) | undefined;
  readonly usage: Usage;
}

/**
 * `work` gives the appends that go with what it wrote; `taken` is the answer when something that must be unique is not. Who sent the
 * command is asked about first, and nobody changes that account until the transaction ends: a password, a mark of an admin or an
 * activation that ended before counts no more, and one that ends now does so afterwards. `work` judges who that is now. A command that
 * changes the account itself, or counts what it has, says so.
 */
export async function transact(
  { database, onAppended, onCall, usage }: TransactionExecution,
  envelope: CommandEnvelope,
  taken: Refusal,
  work: (transaction: Transaction, present: Caller) => Promise<readonly AppendCommand[] | Refusal>,
  lock: AccountLock = 'kept',
): Promise<'done' | Refusal> {
  const since = performance.now();
  let contended: readonly string[] = [];
  let losses = 0;
  // Once a connection was lost nobody knows whether it was written, whether or not the client named its command.
  const earlier = () => (losses > 0 ? pastCommand : earlierOutcome)(database, envelope);
  const unlessWritten = async (refusal: Refusal) => {
    const past = await earlier();
    if (past === undefined) return refusal;
    return isRefusal(past) ? past : 'done';
  };
  while (performance.now() - since < contendedMsMax) {
    const past = await earlier();
    if (past !== undefined) return isRefusal(past) ? past : 'done';
    const left = await usage.left(envelope.heldTo);
    const started = performance.now();
    let outcomes: readonly Verdict['outcome'][] = [];
    let events: readonly DomainEvent[] = [];
    let begun = false;
    try {
      const outcome = await inTransaction<'done' | 'again' | Refusal>(database, async (transaction, abort) => {
        begun = true;
        const present = await lockedCaller(transaction, envelope.caller, lock);
        if (isRefusal(present)) return abort(present);
        if (contended.length > 0) await lockStreams(transaction, contended);
        const appends = await work(transaction, present);
        if (isRefusal(appends)) return abort(appends);
        if (appends.length === 0) return 'done';
        events = appends.flatMap((append) => append.events);
        const refusal = refuseBeyondDay(left, events);
        if (refusal) return abort(refusal);
        contended = appends.map(({ streamId }) => streamId);
        const verdicts = await appendAll(transaction, appends);
        outcomes = verdicts.map((verdict) => verdict.outcome);
        return outcomes.every((verdict) => verdict === 'appended') ? 'done' : abort('again');
      });
      if (outcomes.length > 0) {
        onCall?.({ way: 'transaction', seconds: (performance.now() - started) / 1_000, outcomes });
      }
      if (outcome === 'done') {
        await usage.add(envelope.heldTo, events);
        onAppended();
      }
      if (outcome === 'again') continue;
      // A try that was lost, or the same command sent twice at once, may have been written after the log was asked.
      return isRefusal(outcome) ? await unlessWritten(outcome) : outcome;
    } catch (error) {
      // Two of whom one has its row and the other the stream.
      if (isDeadlock(error)) continue;
      if (begun && isConnectionLoss(error)) {
        losses += 1;
        await elapsed(retryPauseMs(losses, performance.now() - since, Math.random()));
        continue;
      }
      if (!isUniqueViolation(error)) throw error;
      // Somebody else took the name or address, or this very command did when it was sent twice at once.
      return unlessWritten(taken);
    }
  }
  return raceLost;
}

async function lockedCaller(transaction: Transaction, caller: Caller, lock: AccountLock): Promise<Caller | Refusal> {
  const account = accountOf(caller);
  return account ? callerNow(caller, await lockAccount(transaction, account.id, lock)) : caller;
}
