/**
 * The directory is written with the events, in one transaction: it can differ from them only if somebody else wrote to it, or a
 * command forgot the half of what it had to write.
 */
import { isDeepStrictEqual } from 'node:util';

import { absentAccount, evolveAccount } from '@docket/shared/accounts';
import type { Account } from '@docket/shared/accounts';
import { fold } from '@docket/shared/decider';
import { absentOrganization, evolveOrganization } from '@docket/shared/organizations';
import {
  accountStream,
  imageStream,
  organizationStream,
  readAccountEvent,
  readImageEvent,
  readOrganizationEvent,
} from '@docket/shared/stored-event';
import { evolveImage, untouchedImage } from '@docket/shared/takedowns';
import type { Transaction } from '@docket/store/connect';
import { givenStars, readStreamsOf } from '@docket/store/log/streams';

import type { Differs } from './difference.ts';

/** Answers with the number of accounts. */
export async function verifyDirectory(transaction: Transaction, differs: Differs): Promise<number> {
  const accounts = await readAccounts(transaction);
  await verifyAddresses(transaction, accounts, differs);
  await verifyMembers(transaction, differs);
  await verifyStars(transaction, differs);
  await verifyBlockedImages(transaction, differs);
  return verifyAccounts(transaction, accounts, differs);
}

interface KnownAccount {
  readonly state: Account;
  /** Addresses that nobody has to confirm, because activation was open when they were added. */
  readonly unasked: ReadonlySet<string>;
}

type Accounts = ReadonlyMap<string, KnownAccount>;

/** Reads the accounts of the log by their streams. */
async function readAccounts(transaction: Transaction): Promise<Accounts> {
  const streams = await readStreamsOf(transaction, accountStream(''));
  return new Map(
    [...streams].map(([streamId, rows]) => {
      const events = rows.map(readAccountEvent);
      const unasked = events.flatMap((event) =>
        event.type === 'AddressAdded' && event.data.confirmation === 'none' ? [event.data.address_id] : [],
      );
      return [streamId, { state: fold(evolveAccount, absentAccount, events), unasked: new Set(unasked) }];
    }),
  );
}

async function verifyAccounts(transaction: Transaction, accounts: Accounts, differs: Differs): Promise<number> {
  const rows = await transaction
    .selectFrom('directory.accounts')
    .select(['id', 'status', 'is_admin', 'credential_version', 'namespace_id'])
    .execute();
  const unseen = new Set(accounts.keys());
  for (const { id, ...account } of rows) {
    const state = accounts.get(accountStream(id))?.state;
    unseen.delete(accountStream(id));
    const { status, is_admin, credential_version, namespace_id } =
      state?.status === 'absent' || state === undefined ? noAccount : state;
    if (!isDeepStrictEqual(account, { status, is_admin, credential_version, namespace_id })) {
      differs(`account ${id}: the directory is not the fold of its events`);
    }
  }
  for (const stream of unseen) differs(`${stream} has events and is not in the directory`);
  return rows.length;
}

const noAccount = { status: undefined, is_admin: undefined, credential_version: undefined, namespace_id: undefined };

/** Addresses that nobody confirmed may be gone: they are dropped without an event when somebody else needs them. */
async function verifyAddresses(transaction: Transaction, accounts: Accounts, differs: Differs): Promise<void> {
  const rows = await transaction.selectFrom('directory.addresses').select(['id', 'account_id', 'confirmed']).execute();
  const stored = new Map(rows.map((row) => [row.id, row]));
  for (const [streamId, { state, unasked }] of accounts) {
    if (state.status === 'absent' || state.status === 'lapsed') continue;
    for (const address of state.addresses) {
      const confirmed = address.confirmed || unasked.has(address.id);
      const row = stored.get(address.id);
      stored.delete(address.id);
      const isSame =
        row === undefined ? !confirmed : accountStream(row.account_id) === streamId && row.confirmed === confirmed;
      if (!isSame) differs(`address ${address.id} of ${streamId} is another in the directory`);
    }
  }
  for (const { id } of stored.values()) differs(`address ${id} is in the directory and no event added it`);
}

async function verifyMembers(transaction: Transaction, differs: Differs): Promise<void> {
  const rows = await transaction
    .selectFrom('directory.members')
    .select(['namespace_id', 'account_id', 'role'])
    .execute();
  const streams = await readStreamsOf(transaction, organizationStream(''));
  const expected = [...streams].flatMap(([streamId, events]) => {
    const state = fold(evolveOrganization, absentOrganization, events.map(readOrganizationEvent));
    const members = state.status === 'absent' ? {} : state.members;
    return Object.entries(members).map(([accountId, role]) => `${accountId} is ${role} of ${streamId}`);
  });
  const found = rows.map((row) => `${row.account_id} is ${row.role} of ${organizationStream(row.namespace_id)}`);
  compare(found, expected, differs);
}

async function verifyStars(transaction: Transaction, differs: Differs): Promise<void> {
  const rows = await transaction
    .selectFrom('directory.stars')
    .select(['repository_id', 'account_id', 'life'])
    .execute();
  const sentence = ({ repository_id, account_id, life }: (typeof rows)[number]) =>
    `${account_id} starred repository ${repository_id} in life ${life}`;
  compare(rows.map(sentence), (await givenStars(transaction)).map(sentence), differs);
}

async function verifyBlockedImages(transaction: Transaction, differs: Differs): Promise<void> {
  const rows = await transaction.selectFrom('directory.blocked_images').select(['image_id', 'reason']).execute();
  const sentence = (streamId: string, reason: string) => `${streamId} was taken down: ${reason}`;
  const streams = await readStreamsOf(transaction, imageStream(''));
  const expected = [...streams].flatMap(([streamId, events]) => {
    const { taken_down } = fold(evolveImage, untouchedImage, events.map(readImageEvent));
    return taken_down === null ? [] : [sentence(streamId, taken_down)];
  });
  compare(
    rows.map(({ image_id, reason }) => sentence(imageStream(image_id), reason)),
    expected,
    differs,
  );
}

/** Facts, each in one sentence: in the directory and in the log. */
function compare(found: readonly string[], expected: readonly string[], differs: Differs): void {
  const [inDirectory, inLog] = [new Set(found), new Set(expected)];
  for (const fact of inDirectory) if (!inLog.has(fact)) differs(`the directory says, and the log does not: ${fact}`);
  for (const fact of inLog) if (!inDirectory.has(fact)) differs(`the log says, and the directory does not: ${fact}`);
}
