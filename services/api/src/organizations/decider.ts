/** What may happen to an organization. It never is without an owner. */
import type { Decider } from '@docket/shared/decider';
import { absentOrganization, evolveOrganization } from '@docket/shared/organizations';
import type { MemberRole, Organization, OrganizationEvent } from '@docket/shared/organizations';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';

export type OrganizationCommand =
  | { readonly type: 'CreateOrganization'; readonly namespaceId: string; readonly ownerId: string }
  /** Adds, or gives another role. */
  | { readonly type: 'SetMember'; readonly accountId: string; readonly role: MemberRole }
  | { readonly type: 'RemoveMember'; readonly accountId: string };

export const organizationDecider: Decider<Organization, OrganizationCommand, OrganizationEvent> = {
  initial: absentOrganization,
  decide,
  evolve: evolveOrganization,
};

const lastOwner = refuse('conflict', 'an organization needs an owner; make somebody else one first');

function decide(state: Organization, command: OrganizationCommand): readonly OrganizationEvent[] | Refusal {
  if (command.type === 'CreateOrganization') {
    if (state.status === 'there') return refuse('conflict', 'there is such an organization');
    return [
      { type: 'OrganizationCreated', data: { namespace_id: command.namespaceId } },
      { type: 'MemberAdded', data: { account_id: command.ownerId, role: 'owner' } },
    ];
  }
  if (state.status === 'absent') return refuse('not_found', 'there is no such organization');
  const { accountId } = command;
  const present = state.members[accountId];
  const owners = Object.values(state.members).filter((role) => role === 'owner');
  const isLastOwner = present === 'owner' && owners.length === 1;
  switch (command.type) {
    case 'SetMember':
      if (present === command.role) return [];
      if (isLastOwner) return lastOwner;
      return [{ type: 'MemberAdded', data: { account_id: accountId, role: command.role } }];
    case 'RemoveMember':
      if (present === undefined) return refuse('not_found', 'that account does not belong to the organization');
      return isLastOwner ? lastOwner : [{ type: 'MemberRemoved', data: { account_id: accountId } }];
  }
}
