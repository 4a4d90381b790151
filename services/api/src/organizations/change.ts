/** Commands on an organization: the directory, which every request asks who belongs to what, and the event in one transaction. */
import type { Quotas } from '@docket/runtime/environment';
import { fold } from '@docket/shared/decider';
import type { NamespaceName } from '@docket/shared/names';
import type { MemberRole, Organization } from '@docket/shared/organizations';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { organizationStream, readOrganizationEvent } from '@docket/shared/stored-event';
import type { Transaction } from '@docket/store/connect';
import { lockStreams } from '@docket/store/log/lock-streams';
import { readStream } from '@docket/store/log/read';
import { lookUpNamespace } from '@docket/store/read/look-up';
import type { NamespaceAt } from '@docket/store/read/look-up';
import { v7 as uuidv7 } from 'uuid';

import type { AccountRow } from '../access/accounts.ts';
import { accountOf } from '../access/authenticate.ts';
import type { CommandEnvelope } from '../commands/envelope.ts';
import { transact } from '../commands/transact.ts';
import type { TransactionExecution } from '../commands/transact.ts';
import { organizationDecider } from './decider.ts';
import type { OrganizationCommand } from './decider.ts';

const nameTaken = refuse('conflict', 'the name belongs to somebody, or is reserved', 'orgname');
const changedMeanwhile = refuse('contended', 'the organization is changed by others; try again in a moment');

export interface OrganizationExecution extends TransactionExecution {
  readonly quotas: Pick<Quotas, 'accountOrganizationsMax'>;
}

export async function createOrganization(
  execution: OrganizationExecution,
  name: NamespaceName,
  ownerId: string,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  const namespaceId = uuidv7();
  const create = async (transaction: Transaction) => {
    const events = organizationDecider.decide(organizationDecider.initial, {
      type: 'CreateOrganization',
      namespaceId,
      ownerId,
    });
    if (isRefusal(events)) return events;
    const refusal = await refuseMore(transaction, execution.quotas.accountOrganizationsMax, envelope.heldTo);
    if (refusal) return refusal;
    await transaction
      .insertInto('directory.namespaces')
      .values({ id: namespaceId, name, is_organization: true, made_by: ownerId })
      .execute();
    await setMember(transaction, namespaceId, ownerId, 'owner');
    return [{ streamId: organizationStream(namespaceId), expectedVersion: 0, events, ...envelope }];
  };
  return transact(execution, envelope, nameTaken, create, 'changed');
}

/**
 * An account's quota counts the organizations that it made, whoever owns them now: handing them on makes no room, and an owner whom
 * others named is not to blame. The account is locked, so that two at once count each other.
 */
async function refuseMore(
  transaction: Transaction,
  max: number,
  accountId: string | undefined,
): Promise<Refusal | undefined> {
  if (accountId === undefined || max === Number.POSITIVE_INFINITY) return undefined;
  const { count } = await transaction
    .selectFrom('directory.namespaces')
    .select(({ fn }) => fn.countAll<bigint>().as('count'))
    .where('made_by', '=', accountId)
    .executeTakeFirstOrThrow();
  if (Number(count) < max) return undefined;
  return {
    ...refuse(
      'quota_reached',
      `you made ${count} of at most ${max} organizations; ask an admin of this index for more`,
    ),
    quota: { limit: max, left: 0 },
  };
}

export interface MemberChange {
  readonly organization: NamespaceAt;
  readonly command: Exclude<OrganizationCommand, { type: 'CreateOrganization' }>;
  /** Whether the account may, being to the organization what it is then. */
  readonly judge: (account: AccountRow | undefined, organization: NamespaceAt | undefined) => Refusal | undefined;
}

/** Changes of one organization are one after the other, so that who was put out by one does not pass with the next. */
export async function changeMember(
  execution: TransactionExecution,
  { organization: { id: namespaceId, name }, command, judge }: MemberChange,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  return transact(execution, envelope, changedMeanwhile, async (transaction, present) => {
    await lockStreams(transaction, [organizationStream(namespaceId)]);
    const account = accountOf(present);
    const refusal = judge(account, await lookUpNamespace(transaction, name, account?.id));
    if (refusal) return refusal;
    const { state, version } = await readOrganization(transaction, namespaceId);
    const events = organizationDecider.decide(state, command);
    if (isRefusal(events)) return events;
    if (events.length === 0) return [];
    switch (command.type) {
      case 'SetMember':
        await setMember(transaction, namespaceId, command.accountId, command.role);
        break;
      case 'RemoveMember':
        await transaction
          .deleteFrom('directory.members')
          .where('namespace_id', '=', namespaceId)
          .where('account_id', '=', command.accountId)
          .execute();
        break;
    }
    return [{ streamId: organizationStream(namespaceId), expectedVersion: version, events, ...envelope }];
  });
}

async function setMember(
  transaction: Transaction,
  namespaceId: string,
  accountId: string,
  role: MemberRole,
): Promise<void> {
  await transaction
    .insertInto('directory.members')
    .values({ namespace_id: namespaceId, account_id: accountId, role })
    .onConflict((conflict) => conflict.columns(['namespace_id', 'account_id']).doUpdateSet({ role }))
    .execute();
}

async function readOrganization(
  transaction: Transaction,
  namespaceId: string,
): Promise<{ readonly state: Organization; readonly version: number }> {
  const past = await readStream(transaction, organizationStream(namespaceId), readOrganizationEvent);
  const events = past.map(({ event }) => event);
  return { state: fold(organizationDecider.evolve, organizationDecider.initial, events), version: past.length };
}
