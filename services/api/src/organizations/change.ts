/** Commands on an organization: the directory, which every request asks who belongs to what, and the event in one transaction. */
import { fold } from '@docket/shared/decider';
import type { NamespaceName } from '@docket/shared/names';
import type { Organization } from '@docket/shared/organizations';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { organizationStream, readOrganizationEvent, schemaVersion } from '@docket/shared/stored-event';
import { readStream } from '@docket/store/log';
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

import type { CommandEnvelope } from '../commands/envelope.ts';
import { transact } from '../commands/transact.ts';
import type { TransactionExecution } from '../commands/transact.ts';
import { organizationDecider } from './decider.ts';
import type { OrganizationCommand } from './decider.ts';

const nameTaken = refuse('conflict', 'the name belongs to somebody, or is reserved', 'orgname');
const changedMeanwhile = refuse('contended', 'the organization is changed by others; try again in a moment');

export async function createOrganization(
  execution: TransactionExecution,
  name: NamespaceName,
  ownerId: string,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  const namespaceId = uuidv7();
  return transact(execution, envelope, nameTaken, async (client) => {
    const events = organizationDecider.decide(organizationDecider.initial, {
      type: 'CreateOrganization',
      namespaceId,
      ownerId,
    });
    if (isRefusal(events)) return events;
    await client.query('insert into directory.namespaces (id, name, is_organization) values ($1, $2, true)', [
      namespaceId,
      name,
    ]);
    await setMember(client, namespaceId, ownerId, 'owner');
    return [{ streamId: organizationStream(namespaceId), expectedVersion: 0, events, ...envelope }];
  });
}

export async function changeMember(
  execution: TransactionExecution,
  namespaceId: string,
  command: Exclude<OrganizationCommand, { type: 'CreateOrganization' }>,
  envelope: CommandEnvelope,
): Promise<'done' | Refusal> {
  return transact(execution, envelope, changedMeanwhile, async (client) => {
    const { state, version } = await readOrganization(client, namespaceId);
    const events = organizationDecider.decide(state, command);
    if (isRefusal(events)) return events;
    if (events.length === 0) return [];
    switch (command.type) {
      case 'SetMember':
        await setMember(client, namespaceId, command.accountId, command.role);
        break;
      case 'RemoveMember':
        await client.query('delete from directory.members where namespace_id = $1 and account_id = $2', [
          namespaceId,
          command.accountId,
        ]);
        break;
    }
    return [{ streamId: organizationStream(namespaceId), expectedVersion: version, events, ...envelope }];
  });
}

async function setMember(client: pg.PoolClient, namespaceId: string, accountId: string, role: 'owner' | 'member') {
  await client.query(
    `insert into directory.members (namespace_id, account_id, role) values ($1, $2, $3)
     on conflict (namespace_id, account_id) do update set role = excluded.role`,
    [namespaceId, accountId, role],
  );
}

async function readOrganization(
  client: pg.PoolClient,
  namespaceId: string,
): Promise<{ state: Organization; version: number }> {
  const past = await readStream(client, organizationStream(namespaceId));
  const events = past.map(({ event }) => readOrganizationEvent({ ...event, schema_version: schemaVersion }));
  return { state: fold(organizationDecider.evolve, organizationDecider.initial, events), version: past.length };
}
