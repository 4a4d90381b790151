/** Sends what addresses wait for: at least once, and normally once. The checkpoint moves after every mail. */
import type { Log } from '@docket/runtime/log';
import { readCheckpoint } from '@docket/store/followers/checkpoint';
import type { Checkpoint, Projection } from '@docket/store/followers/checkpoint';
import { readConfirmationPage } from '@docket/store/log/confirmations';
import type { AddedAddress } from '@docket/store/log/confirmations';
import type { Database } from '@docket/store/connect';
import { dueFailures, recordFailure, resolveFailures } from '@docket/store/followers/failures';
import { moveLeasedCheckpoint } from '@docket/store/followers/lease';
import type { Lease } from '@docket/store/followers/lease';

import type { Progress } from '../follow.ts';
import { LeaseLost } from '../hold-lease.ts';
import type { HeldLease } from '../hold-lease.ts';
import { confirmationMail } from './confirmation.ts';
import type { MailOptions } from './confirmation.ts';
import { MailRefused } from './delivery.ts';
import type { Delivery } from './delivery.ts';

/** A few ids of each event are read at the most: some megabytes, whatever else the events say. */
const pageEventsMax = 10_000;
/** Half a day: a mailbox that is full is emptied, and the link is good for two days. */
const retriesMax = 8;
const retryCheckMs = 1_000;

export interface MailStepOptions extends MailOptions {
  readonly database: Database;
  readonly delivery: Delivery;
  readonly log: Log;
  readonly projection: Projection;
}

export function mailStep({ database, delivery, log, projection, ...options }: MailStepOptions) {
  let retriedAt = -Infinity;

  return async ({ lease, ended }: HeldLease): Promise<Progress> => {
    const { position } = await readCheckpoint(database, projection);
    if (performance.now() - retriedAt > retryCheckMs) {
      retriedAt = performance.now();
      await retryFailures(ended);
    }
    const page = await readConfirmationPage(database, position, pageEventsMax);
    if (page === undefined) return 'idle';
    for (const added of page.added) {
      ended.throwIfAborted();
      await send(added);
      await move(lease, added.at);
    }
    await move(lease, page.end);
    // A short page is the end of the log for now: going on at once would be a commit for every few events of others.
    return page.full ? 'advanced' : 'idle';
  };

  /** True when there is nothing left to do for it. */
  async function send(added: AddedAddress): Promise<boolean> {
    const mail = confirmationMail(added, options, new Date());
    if (mail === undefined) return true;
    const { accountId, addressId, at } = added;
    try {
      await delivery.deliver(mail);
      log.info({ account: accountId, address_id: addressId, position: `${at.position}` }, 'sent a confirmation mail');
      return true;
    } catch (error) {
      if (!(error instanceof MailRefused)) throw error;
      // The server's words may repeat the address, which the database must be able to forget: they go to the log alone.
      await recordFailure(database, {
        projection: projection.name,
        position: at.position,
        subject: addressId,
        reason: error.forGood ? 'the mail server refuses it for good' : 'the mail server refuses it for now',
        retriesMax: error.forGood ? 0 : retriesMax,
      });
      log.error({ account: accountId, address_id: addressId, err: error }, 'a confirmation mail is refused');
      return false;
    }
  }

  async function retryFailures(ended: AbortSignal): Promise<void> {
    for (const { position, subject } of await dueFailures(database, projection.name)) {
      ended.throwIfAborted();
      const page = await readConfirmationPage(database, position - 1n, 1);
      const added = page?.added.find(({ addressId }) => addressId === subject);
      // Noted as done at once: whoever dies in between has it sent again, as with every mail.
      if (added === undefined || (await send(added))) await resolveFailures(database, projection.name, [subject]);
    }
  }

  async function move(lease: Lease, to: Checkpoint): Promise<void> {
    if (!(await moveLeasedCheckpoint(database, lease, to)))
      throw new LeaseLost('the mail checkpoint is not ours to move');
  }
}
