import { memberRoles } from '@docket/shared/organizations';
import { z } from 'zod';

const role = z.enum(memberRoles);

export const organizationAnswer = z.object({ orgname: z.string(), role: role.nullable() });
export type OrganizationDto = z.infer<typeof organizationAnswer>;

export const member = z.object({ username: z.string(), role }).meta({ id: 'Member' });
export type MemberDto = z.infer<typeof member>;
