import { fold } from '@docket/shared/decider';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { imageStream, readImageEvent } from '@docket/shared/stored-event';
import { readStream } from '@docket/store/log/read';

import { accountOf } from '../access/authenticate.ts';
import { refuseAllButAdmins } from '../access/rights.ts';
import type { CommandEnvelope } from '../commands/envelope.ts';
import { transact } from '../commands/transact.ts';
import type { TransactionExecution } from '../commands/transact.ts';
import { imageDecider } from './decider.ts';
import type { ImageCommand } from './decider.ts';

const changedMeanwhile = refuse('contended', 'somebody else changes this at the same time; try again in a moment');

/** The row that every push and every image list asks, and the event, in one transaction. */
export async function changeImage(
  execution: TransactionExecution,
  command: ImageCommand,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  return transact(execution, envelope, changedMeanwhile, async (transaction, present) => {
    const refusal = refuseAllButAdmins(accountOf(present));
    if (refusal) return refusal;
    const streamId = imageStream(command.imageId);
    const past = await readStream(transaction, streamId, readImageEvent);
    const known = past.map(({ event }) => event);
    const state = fold(imageDecider.evolve, imageDecider.initial, known);
    const events = imageDecider.decide(state, command);
    if (isRefusal(events)) return events;
    if (events.length === 0) return [];
    switch (command.type) {
      case 'TakeDown':
        await transaction
          .insertInto('directory.blocked_images')
          .values({ image_id: command.imageId, reason: command.reason })
          .onConflict((conflict) => conflict.column('image_id').doUpdateSet({ reason: command.reason }))
          .execute();
        break;
      case 'Reinstate':
        await transaction.deleteFrom('directory.blocked_images').where('image_id', '=', command.imageId).execute();
        break;
    }
    return [{ streamId, expectedVersion: past.length, events, ...envelope }];
  });
}
