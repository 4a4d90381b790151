import type { Transaction } from '@docket/store/connect';
import { brokenStreams, countEvents } from '@docket/store/log/streams';

import type { Differs } from './difference.ts';

/** Versions 1, 2, 3… without a gap in every stream. Answers with the number of events. */
export async function verifyLog(transaction: Transaction, differs: Differs): Promise<bigint> {
  for (const { stream_id, events, last } of await brokenStreams(transaction)) {
    differs(`${stream_id} has ${events} events and ends at version ${last}`);
  }
  return countEvents(transaction);
}
