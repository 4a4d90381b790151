import { specification } from '@docket/shared/decider.testing';
import { fold } from '@docket/shared/decider';
import type { OrganizationEvent } from '@docket/shared/organizations';
import { isRefusal } from '@docket/shared/refusal';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { organizationDecider } from './decider.ts';
import type { OrganizationCommand } from './decider.ts';

const { given } = specification(organizationDecider);

const namespaceId = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11';
const [ann, ben] = ['0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e22', '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e33'];
const created: OrganizationEvent = { type: 'OrganizationCreated', data: { namespace_id: namespaceId } };
const owner = (account_id: string): OrganizationEvent => ({ type: 'MemberAdded', data: { account_id, role: 'owner' } });
const member = (account_id: string): OrganizationEvent => ({
  type: 'MemberAdded',
  data: { account_id, role: 'member' },
});
const create: OrganizationCommand = { type: 'CreateOrganization', namespaceId, ownerId: ann };

it('is created once, with its first owner', () => {
  given().when(create).thenEvents(created, owner(ann));
  given(created, owner(ann)).when(create).thenRefused('conflict');
});

it('takes members, and gives them other roles', () => {
  const command = { type: 'SetMember', accountId: ben, role: 'member' } as const;
  given(created, owner(ann)).when(command).thenEvents(member(ben));
  given(created, owner(ann), member(ben)).when(command).thenEvents();
  given(created, owner(ann), member(ben))
    .when({ ...command, role: 'owner' })
    .thenEvents(owner(ben));
  given().when(command).thenRefused('not_found');
});

it('lets everybody go but the last owner', () => {
  const leave = (accountId: string): OrganizationCommand => ({ type: 'RemoveMember', accountId });
  given(created, owner(ann), member(ben))
    .when(leave(ben))
    .thenEvents({ type: 'MemberRemoved', data: { account_id: ben } });
  given(created, owner(ann), member(ben)).when(leave(ann)).thenRefused('conflict');
  given(created, owner(ann), owner(ben))
    .when(leave(ann))
    .thenEvents({ type: 'MemberRemoved', data: { account_id: ann } });
  given(created, owner(ann)).when({ type: 'SetMember', accountId: ann, role: 'member' }).thenRefused('conflict');
  given(created, owner(ann)).when(leave(ben)).thenRefused('not_found');
});

it('is never without an owner, whatever is done to it', () => {
  const accountId = fc.constantFrom(ann, ben, namespaceId);
  const command: fc.Arbitrary<OrganizationCommand> = fc.oneof(
    fc.record({
      type: fc.constant('SetMember' as const),
      accountId,
      role: fc.constantFrom('owner' as const, 'member' as const),
    }),
    fc.record({ type: fc.constant('RemoveMember' as const), accountId }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      let state = fold(organizationDecider.evolve, organizationDecider.initial, [created, owner(ann)]);
      for (const next of commands) {
        const events = organizationDecider.decide(state, next);
        if (!isRefusal(events)) state = fold(organizationDecider.evolve, state, events);
        expect(state.status === 'there' && Object.values(state.members)).toContain('owner');
      }
    }),
  );
});
