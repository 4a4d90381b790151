/** The operations that manage repositories, in the paths and bodies of the Hub's present API. */
import { imageId, namespaceName, repositoryName, tagName } from '@docket/shared/names';
import { z } from 'zod';

import { grantBody } from '../grants/routes.ts';
import { pageQuery } from '../http/paging.ts';
import { listQuery } from '../namespaces/routes.ts';
import { memberBody, organizationBody } from '../organizations/routes.ts';
import { detailsChange, newRepository } from '../repositories/routes-v2.ts';
import { accessTokenBody, loginBody } from '../sessions/routes.ts';
import { takedownBody } from '../takedowns/routes.ts';
import * as bodies from './bodies.ts';
import { v2Common } from './operation.ts';
import type { Operation, OperationAnswer } from './operation.ts';

const idempotency = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .meta({ description: 'Names this command; sent again with the same key it has the first outcome.' }),
});
const conditional = idempotency.extend({
  'If-Match': z.string().optional().meta({ description: 'The ETag of what is meant to be changed.' }),
});

const refused = (description: string): OperationAnswer => ({ description, body: bodies.message });
const badRequest = refused('The request is not understood; `fields` names the field.');
const unauthorized: OperationAnswer = {
  ...refused('There are no credentials, or wrong ones, or they are of a kind that opens nothing here.'),
  headers: ['WWW-Authenticate'],
};
const forbidden = refused('The account is not active, or it may not do this.');
const missing = refused('There is no such thing, as far as the asker may know.');
const conflict = refused('Something that is there speaks against it.');
const changed = refused('It was changed since it was read.');

/** Of everything that is asked by a person. */
const asked: Operation['answers'] = { 400: badRequest, 401: unauthorized, 403: forbidden, 404: missing, ...v2Common };
/** Of everything that changes something. */
const commanded: Operation['answers'] = {
  ...asked,
  413: refused('The body is too large.'),
  422: refused('The Idempotency-Key was used for another request.'),
};

const namespaceField = z.object({ namespace: namespaceName });
const target = z.object({ namespace: namespaceName, repo_name: repositoryName });
const done = { description: 'Done.' };

/** Both ways in which the Hub writes the path of a repository. */
const forms = [
  { prefix: '/v2/repositories/{namespace}/{repo_name}', route: '/v2/repositories/:namespace/:repo_name' },
  {
    prefix: '/v2/namespaces/{namespace}/repositories/{repo_name}',
    route: '/v2/namespaces/:namespace/repositories/:repo_name',
  },
] as const;

const ofRepository = forms.flatMap(({ prefix, route }): Operation[] => [
  {
    method: 'GET',
    path: prefix,
    route,
    summary: 'The repository as it is described.',
    credentials: 'optional person',
    parameters: target,
    answers: { 200: { description: 'The repository.', body: bodies.repositoryAnswer, headers: ['ETag'] }, ...asked },
  },
  {
    method: 'PATCH',
    path: prefix,
    route,
    summary: 'Changes what is given of it, and nothing else; texts come back byte for byte.',
    credentials: 'person',
    parameters: target,
    headers: conditional,
    body: detailsChange,
    answers: {
      200: { description: 'As it is now.', body: bodies.repositoryAnswer, headers: ['ETag'] },
      ...commanded,
      412: changed,
    },
  },
  {
    method: 'DELETE',
    path: prefix,
    route,
    summary: 'Deletes it at once. Its owner may have it back for a while.',
    credentials: 'person',
    parameters: target,
    headers: conditional,
    answers: { 202: { description: 'It is gone.', body: z.object({}) }, ...commanded, 412: changed },
  },
  {
    method: 'POST',
    path: `${prefix}/restore`,
    route: `${route}/restore`,
    summary: 'Has a deleted one back, with everything that it had.',
    credentials: 'person',
    parameters: target,
    headers: idempotency,
    answers: {
      200: { description: 'It is there again.', body: bodies.repositoryAnswer, headers: ['ETag'] },
      ...commanded,
      409: conflict,
    },
  },
  {
    method: 'GET',
    path: `${prefix}/tags`,
    route: `${route}/tags`,
    summary: 'Its tags by name, with the images that pushes announced under them.',
    credentials: 'optional person',
    parameters: target,
    query: pageQuery,
    answers: { 200: { description: 'A page of tags.', body: bodies.tagPage }, ...asked },
  },
  {
    method: 'GET',
    path: `${prefix}/tags/{tag}`,
    route: `${route}/tags/:tag`,
    summary: 'One tag.',
    credentials: 'optional person',
    parameters: target.extend({ tag: tagName }),
    answers: { 200: { description: 'The tag.', body: bodies.tagAnswer }, ...asked },
  },
  {
    method: 'GET',
    path: `${prefix}/stars`,
    route: `${route}/stars`,
    summary: 'Who starred it, the latest first.',
    credentials: 'optional person',
    parameters: target,
    query: pageQuery,
    answers: { 200: { description: 'A page of accounts.', body: bodies.stargazerPage }, ...asked },
  },
  {
    method: 'POST',
    path: `${prefix}/stars`,
    route: `${route}/stars`,
    summary: 'Stars it; however often, it is one star of the account.',
    credentials: 'person',
    parameters: target,
    headers: idempotency,
    answers: { 204: done, ...commanded },
  },
  {
    method: 'DELETE',
    path: `${prefix}/stars`,
    route: `${route}/stars`,
    summary: 'Takes the star back.',
    credentials: 'person',
    parameters: target,
    headers: idempotency,
    answers: { 204: done, ...commanded },
  },
  {
    method: 'GET',
    path: `${prefix}/collaborators`,
    route: `${route}/collaborators`,
    summary: 'Who was let into it, by name.',
    credentials: 'person',
    parameters: target,
    query: pageQuery,
    answers: { 200: { description: 'A page of accounts.', body: bodies.collaboratorPage }, ...asked },
  },
  {
    method: 'PUT',
    path: `${prefix}/collaborators/{username}`,
    route: `${route}/collaborators/:username`,
    summary: 'Lets an account read, write or manage it; each includes the one before.',
    credentials: 'person',
    parameters: target.extend({ username: namespaceName }),
    headers: conditional,
    body: grantBody,
    answers: { 200: { description: 'Given.', body: bodies.collaborator }, ...commanded, 412: changed },
  },
  {
    method: 'DELETE',
    path: `${prefix}/collaborators/{username}`,
    route: `${route}/collaborators/:username`,
    summary: 'Takes what an account was given.',
    credentials: 'person',
    parameters: target.extend({ username: namespaceName }),
    headers: conditional,
    answers: { 204: done, ...commanded, 412: changed },
  },
]);

const listForms = [
  { path: '/v2/repositories/{namespace}', route: '/v2/repositories/:namespace' },
  { path: '/v2/namespaces/{namespace}/repositories', route: '/v2/namespaces/:namespace/repositories' },
] as const;

const ofNamespace = listForms.flatMap((form): Operation[] => [
  {
    ...form,
    method: 'GET',
    summary: 'The repositories of a namespace that the asker may read.',
    credentials: 'optional person',
    parameters: namespaceField,
    query: listQuery,
    answers: { 200: { description: 'A page of repositories.', body: bodies.repositoryPage }, ...asked },
  },
  {
    ...form,
    method: 'POST',
    summary: 'Creates a repository.',
    credentials: 'person',
    parameters: namespaceField,
    headers: idempotency,
    body: newRepository,
    answers: {
      201: { description: 'Created.', body: bodies.repositoryAnswer, headers: ['ETag'] },
      400: badRequest,
      401: unauthorized,
      403: forbidden,
      ...v2Common,
      409: conflict,
      413: refused('The body is too large.'),
      422: refused('The Idempotency-Key was used for another request.'),
    },
  },
]);

const { 404: _missing, ...askedOfAll } = asked;
const { 404: _gone, ...commandedOfAll } = commanded;
const login: Operation['answers'] = {
  400: badRequest,
  401: refused('Incorrect authentication credentials.'),
  403: refused('They are right, and the account is not active yet.'),
  413: refused('The body is too large.'),
  ...v2Common,
};

export const managementOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v2/users/login',
    route: '/v2/users/login',
    summary: 'A session for a name and password. `refresh_token=true` adds one that begins other sessions.',
    credentials: 'none',
    query: z.object({ refresh_token: z.string().optional() }),
    body: loginBody,
    answers: {
      200: { description: 'A session.', body: z.object({ token: z.string(), refresh_token: z.string().optional() }) },
      ...login,
    },
  },
  {
    method: 'POST',
    path: '/v2/auth/token',
    route: '/v2/auth/token',
    summary: 'A session of ten minutes for a name and a password or refresh token.',
    credentials: 'none',
    body: accessTokenBody,
    answers: { 200: { description: 'A session.', body: z.object({ access_token: z.string() }) }, ...login },
  },
  {
    method: 'GET',
    path: '/v2/namespaces',
    route: '/v2/namespaces',
    summary: "The asker's own namespace, and those of the organizations that the asker belongs to.",
    credentials: 'person',
    query: pageQuery,
    answers: { 200: { description: 'A page of namespaces.', body: bodies.namespacePage }, ...askedOfAll },
  },
  {
    method: 'GET',
    path: '/v2/namespaces/{namespace}',
    route: '/v2/namespaces/:namespace',
    summary: 'Whether there is such a namespace, and whose kind it is.',
    credentials: 'optional person',
    parameters: namespaceField,
    answers: { 200: { description: 'The namespace.', body: bodies.namespaceAnswer }, ...asked },
  },
  ...ofNamespace,
  ...ofRepository,
  {
    method: 'POST',
    path: '/v2/orgs',
    route: '/v2/orgs',
    summary: 'Creates an organization, with the asker as its owner.',
    credentials: 'person',
    headers: idempotency,
    body: organizationBody,
    answers: {
      201: { description: 'Created.', body: z.object({ orgname: z.string() }) },
      ...commandedOfAll,
      409: conflict,
    },
  },
  {
    method: 'GET',
    path: '/v2/orgs/{orgname}',
    route: '/v2/orgs/:orgname',
    summary: 'An organization that the asker belongs to.',
    credentials: 'person',
    parameters: z.object({ orgname: namespaceName }),
    answers: {
      200: {
        description: 'The organization.',
        body: z.object({ orgname: z.string(), role: z.enum(['owner', 'member']).nullable() }),
      },
      ...asked,
    },
  },
  {
    method: 'GET',
    path: '/v2/orgs/{orgname}/members',
    route: '/v2/orgs/:orgname/members',
    summary: 'Who belongs to it, by name.',
    credentials: 'person',
    parameters: z.object({ orgname: namespaceName }),
    query: pageQuery,
    answers: { 200: { description: 'A page of members.', body: bodies.memberPage }, ...asked },
  },
  {
    method: 'PUT',
    path: '/v2/orgs/{orgname}/members/{username}',
    route: '/v2/orgs/:orgname/members/:username',
    summary: 'Adds a member, or gives one another role.',
    credentials: 'person',
    parameters: z.object({ orgname: namespaceName, username: namespaceName }),
    headers: idempotency,
    body: memberBody,
    answers: { 200: { description: 'The member.', body: bodies.member }, ...commanded, 409: conflict },
  },
  {
    method: 'DELETE',
    path: '/v2/orgs/{orgname}/members/{username}',
    route: '/v2/orgs/:orgname/members/:username',
    summary: 'Removes a member; everybody may remove themselves, but not the last owner.',
    credentials: 'person',
    parameters: z.object({ orgname: namespaceName, username: namespaceName }),
    headers: idempotency,
    answers: { 204: done, ...commanded, 409: conflict },
  },
  {
    method: 'GET',
    path: '/v2/takedowns',
    route: '/v2/takedowns',
    summary: 'What is taken down at present; for admins of the index.',
    credentials: 'person',
    query: pageQuery,
    answers: { 200: { description: 'A page of takedowns.', body: bodies.takedownPage }, ...askedOfAll },
  },
  {
    method: 'PUT',
    path: '/v2/takedowns/repositories/{namespace}/{repo_name}',
    route: '/v2/takedowns/repositories/:namespace/:repo_name',
    summary: 'Takes a repository down: nobody reads it or pushes to it.',
    credentials: 'person',
    parameters: target,
    headers: idempotency,
    body: takedownBody,
    answers: { 200: { description: 'It is down.', body: z.object({ reason: z.string() }) }, ...commanded },
  },
  {
    method: 'DELETE',
    path: '/v2/takedowns/repositories/{namespace}/{repo_name}',
    route: '/v2/takedowns/repositories/:namespace/:repo_name',
    summary: 'Undoes it.',
    credentials: 'person',
    parameters: target,
    headers: idempotency,
    answers: { 204: done, ...commanded },
  },
  {
    method: 'PUT',
    path: '/v2/takedowns/images/{image_id}',
    route: '/v2/takedowns/images/:image_id',
    summary: 'Takes an image down wherever it is: it is in no list, and pushes of it are refused with the reason.',
    credentials: 'person',
    parameters: z.object({ image_id: imageId }),
    headers: idempotency,
    body: takedownBody,
    answers: { 200: { description: 'It is down.', body: z.object({ reason: z.string() }) }, ...commandedOfAll },
  },
  {
    method: 'DELETE',
    path: '/v2/takedowns/images/{image_id}',
    route: '/v2/takedowns/images/:image_id',
    summary: 'Undoes it.',
    credentials: 'person',
    parameters: z.object({ image_id: imageId }),
    headers: idempotency,
    answers: { 204: done, ...commandedOfAll },
  },
];
