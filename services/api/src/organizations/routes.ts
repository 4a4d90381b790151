/** Organizations: namespaces that several people own together. Any account may create one and is its first owner. */
import { namespaceName } from '@docket/shared/names';
import { memberRoles } from '@docket/shared/organizations';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { lookUpNamespace } from '@docket/store/read/look-up';
import type { NamespaceAt } from '@docket/store/read/look-up';
import { z } from 'zod';

import { accountByName } from '../access/accounts.ts';
import { authenticatePerson } from '../access/authorize.ts';
import type { Person } from '../access/authorize.ts';
import { may } from '../access/rights.ts';
import type { Action } from '../access/rights.ts';
import { commandEnvelope } from '../commands/envelope.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { offsetOf, pageAnswer, pageQuery } from '../http/paging.ts';
import type { PageLinks } from '../http/paging.ts';
import { parseField, readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { smallBodyBytesMax } from '../limits.ts';
import type { Commanding } from '../repositories/command.ts';
import { changeMember, createOrganization } from './change.ts';
import type { OrganizationCommand } from './decider.ts';
import { membersOf } from './queries.ts';

export type OrganizationRoutes = Commanding & PageLinks;

export function organizationRoutes(using: OrganizationRoutes): Route[] {
  return [
    { path: '/v2/orgs', handlers: { POST: (request) => create(using, request) } },
    { path: '/v2/orgs/:orgname', handlers: { GET: (request) => organization(using, request) } },
    { path: '/v2/orgs/:orgname/members', handlers: { GET: (request) => listMembers(using, request) } },
    {
      path: '/v2/orgs/:orgname/members/:username',
      handlers: { PUT: (request) => putMember(using, request), DELETE: (request) => removeMember(using, request) },
    },
  ];
}

export const organizationBody = z.object({ orgname: namespaceName });
export const memberBody = z.object({ role: z.enum(memberRoles) });

async function create(using: OrganizationRoutes, request: ApiRequest): Promise<Outcome> {
  const caller = await authenticatePerson(using, request);
  if (isRefusal(caller)) return caller;
  const given = await readJson(request, organizationBody, smallBodyBytesMax);
  if (isRefusal(given)) return given;
  const envelope = await envelopeOf(using, request, caller);
  if (isRefusal(envelope)) return envelope;
  const done = await createOrganization(using, given.orgname, caller.account.id, envelope);
  return isRefusal(done) ? done : answer(201, { orgname: given.orgname });
}

async function organization(using: OrganizationRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await organizationTarget(using, request, 'see_members');
  if (isRefusal(target)) return target;
  const { name, viewerRole } = target.found;
  return answer(200, { orgname: name, role: viewerRole });
}

async function listMembers(using: OrganizationRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await organizationTarget(using, request, 'see_members');
  if (isRefusal(target)) return target;
  const asked = parseField(pageQuery, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const { count, results } = await membersOf(using.database, target.found.id, offsetOf(asked), asked.page_size);
  return pageAnswer(using, request, asked, count, results);
}

async function putMember(using: OrganizationRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await organizationTarget(using, request, 'manage_members');
  if (isRefusal(target)) return target;
  const given = await readJson(request, memberBody, smallBodyBytesMax);
  if (isRefusal(given)) return given;
  const changed = await change(using, request, target, (accountId) => ({
    type: 'SetMember',
    accountId,
    role: given.role,
  }));
  return isRefusal(changed) ? changed : answer(200, { username: changed.name, role: given.role });
}

/** Owners remove members; everybody may leave. */
async function removeMember(using: OrganizationRoutes, request: ApiRequest): Promise<Outcome> {
  const seen = await organizationTarget(using, request, 'see_members');
  if (isRefusal(seen)) return seen;
  const leaves = seen.caller.account.name === request.parameters['username'] && seen.found.viewerRole !== null;
  const target = leaves ? seen : await organizationTarget(using, request, 'manage_members');
  if (isRefusal(target)) return target;
  const changed = await change(using, request, target, (accountId) => ({ type: 'RemoveMember', accountId }));
  return isRefusal(changed) ? changed : answer(204, undefined);
}

interface Target {
  readonly caller: Person;
  readonly found: NamespaceAt;
}

/** To those who do not belong to it there is no such organization. */
async function organizationTarget(
  using: OrganizationRoutes,
  request: ApiRequest,
  action: Extract<Action, 'see_members' | 'manage_members'>,
): Promise<Target | Refusal> {
  const caller = await authenticatePerson(using, request);
  if (isRefusal(caller)) return caller;
  const named = parseField(organizationBody, request.parameters);
  if (isRefusal(named)) return named;
  const found = await lookUpNamespace(using.database, named.orgname, caller.account.id);
  if (!found?.isOrganization || !may('see_members', caller.account, found)) {
    return refuse('not_found', `there is no organization ${named.orgname}`);
  }
  return may(action, caller.account, found)
    ? { caller, found }
    : refuse('forbidden', `only an owner of ${named.orgname} may do this`);
}

async function change(
  using: OrganizationRoutes,
  request: ApiRequest,
  { caller, found }: Target,
  commandOn: (accountId: string) => Exclude<OrganizationCommand, { type: 'CreateOrganization' }>,
): Promise<{ readonly name: string } | Refusal> {
  const username = request.parameters['username'] ?? '';
  const account = await accountByName(using.database, username);
  if (!account) return refuse('not_found', `there is no account ${username}`, 'username');
  const envelope = await envelopeOf(using, request, caller);
  if (isRefusal(envelope)) return envelope;
  const done = await changeMember(using, found.id, commandOn(account.id), envelope);
  return isRefusal(done) ? done : { name: account.name };
}

async function envelopeOf(using: OrganizationRoutes, request: ApiRequest, caller: Person) {
  const body = await request.text(smallBodyBytesMax);
  return commandEnvelope(request, caller, typeof body === 'string' ? body : '', using.tokenKeys);
}
