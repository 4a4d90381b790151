/** Sends what addresses wait for: at least once, and normally once. The checkpoint moves after every mail. */
import type { Log } from '@docket/runtime/log';
import { mailProjection, readCheckpoint, recordFailure } from '@docket/store/checkpoint';
import type { Checkpoint } from '@docket/store/checkpoint';
import { readConfirmationPage } from '@docket/store/confirmations';
import type { AddedAddress } from '@docket/store/confirmations';
import type { Store } from '@docket/store/connect';
import { moveLeasedCheckpoint } from '@docket/store/lease';
import type { Lease } from '@docket/store/lease';

import type { Progress } from '../follow.ts';
import { LeaseLost } from '../hold-lease.ts';
import type { HeldLease } from '../hold-lease.ts';
import { confirmationMail } from './confirmation-mail.ts';
import type { MailOptions } from './confirmation-mail.ts';
import { MailRefused } from './deliver-mail.ts';
import type { Delivery } from './deliver-mail.ts';

const pageEventsMax = 10_000;

export interface MailStepOptions extends MailOptions {
  readonly store: Store;
  readonly delivery: Delivery;
  readonly log: Log;
}

export function mailStep({ store: { pool }, delivery, log, ...options }: MailStepOptions) {
  return async ({ lease, ended }: HeldLease): Promise<Progress> => {
    const { position } = await readCheckpoint(pool, mailProjection);
    const page = await readConfirmationPage(pool, position, pageEventsMax);
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

  async function send(added: AddedAddress): Promise<void> {
    const mail = confirmationMail(added, options, new Date());
    if (mail === undefined) return;
    const { accountId, addressId, at } = added;
    try {
      await delivery.deliver(mail);
      log.info({ account: accountId, address_id: addressId, position: `${at.position}` }, 'sent a confirmation mail');
    } catch (error) {
      if (!(error instanceof MailRefused)) throw error;
      // The server's words may repeat the address, which the database must be able to forget: they go to the log alone.
      const failure = { projection: mailProjection.name, position: at.position, subject: addressId };
      await recordFailure(pool, { ...failure, reason: 'the mail server refuses it for good' });
      log.error({ account: accountId, address_id: addressId, err: error }, 'a confirmation mail is refused for good');
    }
  }

  async function move(lease: Lease, to: Checkpoint): Promise<void> {
    if (!(await moveLeasedCheckpoint(pool, lease, to))) throw new LeaseLost('the mail checkpoint is not ours to move');
  }
}
