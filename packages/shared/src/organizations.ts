/** An organization: a namespace that several people own together. Its events, and the state that they add up to. */
import { z } from 'zod';

export const memberRoles = ['owner', 'member'] as const;
export type MemberRole = (typeof memberRoles)[number];

export const organizationEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('OrganizationCreated'), data: z.object({ namespace_id: z.uuid() }) }),
  /** The account becomes a member, or a member is given another role. */
  z.object({
    type: z.literal('MemberAdded'),
    data: z.object({ account_id: z.uuid(), role: z.enum(memberRoles) }),
  }),
  z.object({ type: z.literal('MemberRemoved'), data: z.object({ account_id: z.uuid() }) }),
]);
export type OrganizationEvent = z.infer<typeof organizationEvent>;

export type Organization =
  { readonly status: 'absent' } | { readonly status: 'there'; readonly members: Readonly<Record<string, MemberRole>> };

export const absentOrganization: Organization = { status: 'absent' };

export function evolveOrganization(state: Organization, event: OrganizationEvent): Organization {
  if (event.type === 'OrganizationCreated') return { status: 'there', members: {} };
  if (state.status === 'absent') return state;
  switch (event.type) {
    case 'MemberAdded':
      return { ...state, members: { ...state.members, [event.data.account_id]: event.data.role } };
    case 'MemberRemoved': {
      const { [event.data.account_id]: _, ...members } = state.members;
      return { ...state, members };
    }
  }
}
