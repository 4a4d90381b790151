/** Organizations: namespaces that several people own together. Any account may create one and is its first owner. */
import { namespaceName, typedName } from '@docket/shared/names';
import type { NamespaceName } from '@docket/shared/names';
import { memberRoles } from '@docket/shared/organizations';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUpNamespace } from '@docket/store/read/look-up';
import type { NamespaceAt } from '@docket/store/read/look-up';
import { z } from 'zod';

import { accountByName } from '../access/accounts.ts';
import type { AccountRow } from '../access/accounts.ts';
import type { Person } from '../access/authenticate.ts';
import { person } from '../access/credentials.ts';
import { may } from '../access/rights.ts';
import type { Action } from '../access/rights.ts';
import { envelopeOf } from '../commands/envelope.ts';
import { answer } from '../http/answer.ts';
import { asked, commanded, commandedOfAll, done, idempotency, v2 } from '../http/common-answers.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { offsetOf, pageAnswer, pageOf, pageQuery } from '../http/paging.ts';
import { accountName } from '../http/paths.ts';
import type { ApiRequest } from '../http/request.ts';
import type { Commanding } from '../repositories/command.ts';
import { changeMember, createOrganization } from './change.ts';
import type { MemberChange, OrganizationExecution } from './change.ts';
import { member, organizationAnswer } from './dto.ts';
import type { MemberDto, OrganizationDto } from './dto.ts';
import { membersOf } from './queries.ts';

export type OrganizationRoutes = Commanding & OrganizationExecution;

const newOrganization = z.object({ orgname: namespaceName });
const organizationParameter = z.object({ orgname: typedName });
const memberParameters = organizationParameter.extend({ username: accountName });

export const organizationOperations: readonly Operation<OrganizationRoutes>[] = [
  operation({
    method: 'POST',
    path: '/v2/orgs',
    summary: 'Creates an organization, with the asker as its owner.',
    needs: 'an account; a name that is taken is refused',
    credentials: person,
    headers: idempotency,
    body: newOrganization,
    answers: {
      201: { description: 'Created.', body: z.object({ orgname: z.string() }) },
      ...commandedOfAll,
      409: v2.conflict,
    },
    handle: async (using: OrganizationRoutes, { request, caller, body: { orgname } }) => {
      const envelope = await envelopeOf(request, caller, using.tokenKeys);
      if (isRefusal(envelope)) return envelope;
      const outcome = await createOrganization(using, orgname, caller.account.id, envelope);
      return isRefusal(outcome) ? outcome : answer(201, { orgname });
    },
  }),
  operation({
    method: 'GET',
    path: '/v2/orgs/{orgname}',
    summary: 'An organization that the asker belongs to.',
    needs: 'member',
    credentials: person,
    parameters: organizationParameter,
    authorize: (using: OrganizationRoutes, at) => organizationFor(using, at, 'see_members'),
    answers: { 200: { description: 'The organization.', body: organizationAnswer }, ...asked },
    handle: (_using, { target: { name, viewerRole } }) => {
      const body: OrganizationDto = { orgname: name, role: viewerRole };
      return answer(200, body);
    },
  }),
  operation({
    method: 'GET',
    path: '/v2/orgs/{orgname}/members',
    summary: 'Who belongs to it, by name.',
    needs: 'member',
    credentials: person,
    parameters: organizationParameter,
    authorize: (using: OrganizationRoutes, at) => organizationFor(using, at, 'see_members'),
    query: pageQuery,
    answers: { 200: { description: 'A page of members.', body: pageOf('MemberPage', member) }, ...asked },
    handle: async (using, { request, target, query }) => {
      const { count, results } = await membersOf(using.database, target.id, offsetOf(query), query.page_size);
      return pageAnswer(request, query, count, results);
    },
  }),
  operation({
    method: 'PUT',
    path: '/v2/orgs/{orgname}/members/{username}',
    summary: 'Adds a member, or gives one another role.',
    needs: 'owner',
    credentials: person,
    parameters: memberParameters,
    headers: idempotency,
    authorize: (using: OrganizationRoutes, at) => organizationFor(using, at, 'manage_members'),
    body: z.object({ role: z.enum(memberRoles) }),
    answers: { 200: { description: 'The member.', body: member }, ...commanded, 409: v2.conflict },
    handle: async (using, { request, caller, parameters: { username }, target, body: { role } }) => {
      const changed = await change(using, request, {
        caller,
        username,
        organization: target,
        judge: (account, found) => refuseAction('manage_members', account, found, target.name),
        commandOn: (accountId) => ({ type: 'SetMember', accountId, role }),
      });
      if (isRefusal(changed)) return changed;
      const body: MemberDto = { username: changed.name, role };
      return answer(200, body);
    },
  }),
  operation({
    method: 'DELETE',
    path: '/v2/orgs/{orgname}/members/{username}',
    summary: 'Removes a member; everybody may remove themselves, but not the last owner.',
    needs: 'owner, or to be that member',
    credentials: person,
    parameters: memberParameters,
    headers: idempotency,
    authorize: async (using: OrganizationRoutes, { caller: { account }, parameters }) => {
      const found = await lookUpNamespace(using.database, parameters.orgname, account.id);
      return refuseRemoving(account, found, parameters) ?? found ?? hidden(parameters.orgname);
    },
    answers: { 204: done, ...commanded, 409: v2.conflict },
    handle: async (using, { request, caller, parameters, target }) => {
      const changed = await change(using, request, {
        caller,
        username: parameters.username,
        organization: target,
        judge: (account, found) => refuseRemoving(account, found, parameters),
        commandOn: (accountId) => ({ type: 'RemoveMember', accountId }),
      });
      return isRefusal(changed) ? changed : answer(204, undefined);
    },
  }),
];

async function organizationFor(
  { database }: OrganizationRoutes,
  {
    caller: { account },
    parameters: { orgname },
  }: { readonly caller: Person; readonly parameters: z.output<typeof organizationParameter> },
  action: OrganizationAction,
): Promise<NamespaceAt | Refusal> {
  const found = await lookUpNamespace(database, orgname, account.id);
  return refuseAction(action, account, found, orgname) ?? found ?? hidden(orgname);
}

type OrganizationAction = Extract<Action, 'see_members' | 'manage_members'>;

/** 404 for everybody who may not see the members: an organization is hidden from them. */
function refuseAction(
  action: OrganizationAction,
  account: AccountRow | undefined,
  found: NamespaceAt | undefined,
  orgname: NamespaceName,
): Refusal | undefined {
  if (!found?.isOrganization || !may('see_members', account, found)) return hidden(orgname);
  if (may(action, account, found)) return undefined;
  return refuse('forbidden', `only an owner of ${found.name} may do this`);
}

/** Everybody may leave. */
function refuseRemoving(
  account: AccountRow | undefined,
  found: NamespaceAt | undefined,
  { orgname, username }: z.output<typeof memberParameters>,
): Refusal | undefined {
  const leaves = account?.name === username && found?.viewerRole !== null;
  return refuseAction(leaves ? 'see_members' : 'manage_members', account, found, orgname);
}

function hidden(orgname: NamespaceName): Refusal {
  return refuse('not_found', `there is no organization ${orgname}`);
}

interface ChangeOfMember extends Pick<MemberChange, 'organization' | 'judge'> {
  readonly caller: Person;
  readonly username: string;
  readonly commandOn: (accountId: string) => MemberChange['command'];
}

async function change(
  using: OrganizationRoutes,
  request: ApiRequest,
  { caller, username, organization, judge, commandOn }: ChangeOfMember,
): Promise<{ readonly name: string } | Refusal> {
  const account = await accountByName(using.database, username);
  if (!account) return refuse('not_found', `there is no account ${username}`, 'username');
  const envelope = await envelopeOf(request, caller, using.tokenKeys);
  if (isRefusal(envelope)) return envelope;
  const outcome = await changeMember(using, { organization, command: commandOn(account.id), judge }, envelope);
  return isRefusal(outcome) ? outcome : { name: account.name };
}
