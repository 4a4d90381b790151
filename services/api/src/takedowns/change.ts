import { fold } from '@docket/shared/decider';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { imageStream, readImageEvent, schemaVersion } from '@docket/shared/stored-event';
import { readStream } from '@docket/store/log';

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
  return transact(execution, envelope, changedMeanwhile, async (client) => {
    const streamId = imageStream(command.imageId);
    const past = await readStream(client, streamId);
    const known = past.map(({ event }) => readImageEvent({ ...event, schema_version: schemaVersion }));
    const state = fold(imageDecider.evolve, imageDecider.initial, known);
    const events = imageDecider.decide(state, command);
    if (isRefusal(events)) return events;
    if (events.length === 0) return [];
    switch (command.type) {
      case 'TakeDown':
        await client.query(
          `insert into directory.blocked_images (image_id, reason) values ($1, $2)
           on conflict (image_id) do update set reason = excluded.reason`,
          [command.imageId, command.reason],
        );
        break;
      case 'Reinstate':
        await client.query('delete from directory.blocked_images where image_id = $1', [command.imageId]);
        break;
    }
    return [{ streamId, expectedVersion: past.length, events, ...envelope }];
  });
}
