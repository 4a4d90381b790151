/**
 * Every operation of the API in one table: where it is mounted, what it reads (the very schemas that its handler parses with), and all
 * that it may answer. A route that is mounted and not in this table fails a test.
 */
import { imageId, namespaceName, repositoryName } from '@docket/shared/names';
import { z } from 'zod';

import { change, registration } from '../accounts/routes.ts';
import { catalogQuery } from '../catalog/routes.ts';
import { historyPage } from '../history/routes.ts';
import { imageList } from '../repositories/image-list.ts';
import * as bodies from './bodies.ts';
import { managementOperations } from './management.ts';
import { v2Common } from './operation.ts';
import type { Operation, OperationAnswer } from './operation.ts';

const wantsToken = z.object({
  'X-Docker-Token': z.string().optional().meta({ description: '`true` asks for an access token.' }),
});
const idempotency = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .meta({ description: 'Names this command; sent again with the same key it has the first outcome.' }),
});
const pushHeaders = wantsToken.extend(idempotency.shape);

const repository = z.object({ namespace: namespaceName, repo_name: repositoryName });
const officialRepository = z.object({ repo_name: repositoryName });
const image = z.object({ image_id: imageId });

/** What may happen to any request below /v1. */
const common: Operation['answers'] = {
  405: { description: 'The path does not have this method.', body: bodies.error, headers: ['Allow'] },
  500: { description: 'A mistake on the side of Docket; it is in its log.', body: bodies.error },
  503: { description: 'Not at present; try again in a moment.', body: bodies.error, headers: ['Retry-After'] },
};
const badRequest = { description: 'The request is not understood; the error names the field.', body: bodies.error };
const unauthorized: OperationAnswer = {
  description: 'There are no credentials, or wrong ones.',
  body: bodies.error,
  headers: ['WWW-Authenticate'],
};
const forbidden = {
  description: 'The account is not active, or it may not do this.',
  body: z.union([bodies.error, bodies.notActive]),
};
const missing = { description: 'There is no such repository, as far as the asker may know.', body: bodies.error };
const tooLarge = { description: 'The body is too large.', body: bodies.error };
const reused = { description: 'The Idempotency-Key was used for another request.', body: bodies.error };

/** `{namespace}/{repo_name}`, and the official repositories once more with their bare name. */
const forms = [
  { prefix: '/v1/repositories/{namespace}/{repo_name}', parameters: repository },
  { prefix: '/v1/repositories/{repo_name}', parameters: officialRepository },
] as const;

const repositoryOperations = forms.flatMap(({ prefix, parameters }): Operation[] => {
  const here = { route: '/v1/repositories/*path', parameters } as const;
  return [
    {
      ...here,
      method: 'PUT',
      path: `${prefix}/`,
      summary: 'Creates the repository, or opens another push to it; the images that are named are listed at once.',
      credentials: 'needed',
      headers: pushHeaders,
      body: imageList,
      answers: {
        200: {
          description: 'The push is open.',
          body: bodies.empty,
          headers: ['X-Docker-Token', 'X-Docker-Endpoints', 'WWW-Authenticate'],
        },
        400: badRequest,
        401: unauthorized,
        403: forbidden,
        413: tooLarge,
        422: reused,
        ...common,
      },
    },
    {
      ...here,
      method: 'DELETE',
      path: `${prefix}/`,
      summary: 'Deletes it, in two steps: the first hides it and gives a delete token, which the registry spends.',
      credentials: 'needed',
      headers: pushHeaders,
      answers: {
        200: { description: 'It is deleted.', body: bodies.empty },
        202: {
          description: 'It is hidden, and is deleted when its delete token has been spent.',
          body: bodies.empty,
          headers: ['X-Docker-Token', 'X-Docker-Endpoints', 'WWW-Authenticate'],
        },
        400: badRequest,
        401: unauthorized,
        403: forbidden,
        404: missing,
        413: tooLarge,
        422: reused,
        ...common,
      },
    },
    {
      ...here,
      method: 'GET',
      path: `${prefix}/images`,
      summary: 'The images. Needs nothing where it is public; a registry proves access tokens by it.',
      credentials: 'optional',
      headers: wantsToken,
      answers: {
        200: {
          description: 'In the order in which they were first named.',
          body: bodies.imageList,
          headers: ['X-Docker-Token', 'X-Docker-Endpoints'],
        },
        400: badRequest,
        401: unauthorized,
        403: forbidden,
        404: missing,
        ...common,
      },
    },
    {
      ...here,
      method: 'PUT',
      path: `${prefix}/images`,
      summary: 'Adds images and checksums; `[]` says that the push is complete.',
      credentials: 'needed',
      headers: idempotency.extend({ 'X-Docker-Endpoints': z.string().optional() }),
      body: imageList,
      answers: {
        204: { description: 'Done.' },
        400: badRequest,
        401: unauthorized,
        403: forbidden,
        404: missing,
        413: tooLarge,
        422: reused,
        ...common,
      },
    },
    {
      ...here,
      method: 'PUT',
      path: `${prefix}/auth`,
      summary: 'Whether the access token of the request is good; a delete token is spent by it.',
      credentials: 'needed',
      headers: idempotency,
      answers: {
        200: { description: 'It is good.', body: bodies.ok },
        400: badRequest,
        403: { ...forbidden, description: 'It is not, or there is none.' },
        404: missing,
        413: tooLarge,
        422: reused,
        ...common,
      },
    },
    {
      ...here,
      parameters: parameters.extend(image.shape),
      method: 'GET',
      path: `${prefix}/layer/{image_id}/access`,
      summary: 'Whether the holder of the access token may build on this image.',
      credentials: 'needed',
      answers: {
        200: { description: 'Yes or no.', body: z.object({ access: z.boolean() }) },
        400: badRequest,
        401: unauthorized,
        403: forbidden,
        404: missing,
        ...common,
      },
    },
  ];
});

const pingAnswers: Operation['answers'] = {
  200: {
    description: 'An index is here.',
    body: z.literal(true),
    headers: ['X-Docker-Registry-Version', 'X-Docker-Registry-Standalone'],
  },
  ...common,
};

const registryRefusal = (description: string): OperationAnswer => ({
  description,
  body: bodies.registryErrors,
  headers: ['Docker-Distribution-Api-Version'],
});
const registryChallenge: OperationAnswer = {
  ...registryRefusal('There are no credentials, or wrong ones.'),
  headers: ['Docker-Distribution-Api-Version', 'WWW-Authenticate'],
};

export const operations: readonly Operation[] = [
  {
    method: 'GET',
    path: '/v1/_ping',
    route: '/v1/_ping',
    summary: 'Is an index here?',
    credentials: 'none',
    answers: pingAnswers,
  },
  {
    method: 'GET',
    path: '/_ping',
    route: '/_ping',
    summary: 'The same, where the oldest clients ask.',
    credentials: 'none',
    answers: pingAnswers,
  },
  {
    method: 'GET',
    path: '/v1/users',
    route: '/v1/users',
    summary: 'Are the name and password right?',
    credentials: 'needed',
    answers: {
      200: { description: 'They are.', body: bodies.ok },
      401: unauthorized,
      403: { ...forbidden, description: 'They are, and the account is not active yet.' },
      ...common,
    },
  },
  {
    method: 'POST',
    path: '/v1/users',
    route: '/v1/users',
    summary: 'Registers an account.',
    credentials: 'none',
    headers: idempotency,
    body: z.object({ username: namespaceName, ...registration.shape }),
    answers: {
      201: { description: 'A mail with a link is on its way.', body: z.literal('User Created') },
      400: { ...badRequest, body: z.union([bodies.error, bodies.alreadyExists]) },
      401: { ...unauthorized, description: 'Registration is closed.' },
      413: tooLarge,
      422: reused,
      ...common,
    },
  },
  {
    method: 'GET',
    path: '/v1/users/confirm/{token}',
    route: '/v1/users/confirm/:token',
    summary: 'The link of the mail: activates the account. HEAD does nothing.',
    credentials: 'none',
    parameters: z.object({ token: z.string() }),
    answers: {
      200: { description: 'The account is active.', body: z.literal('Account Activated') },
      404: { description: 'The link is not valid, or no longer.', body: bodies.error },
      ...common,
    },
  },
  {
    method: 'PUT',
    path: '/v1/users/{username}',
    route: '/v1/users/:username',
    summary: 'Adds an e-mail address, or replaces the password.',
    credentials: 'needed',
    headers: idempotency,
    parameters: z.object({ username: namespaceName }),
    body: change,
    answers: {
      204: { description: 'Done.' },
      400: { ...badRequest, body: z.union([bodies.error, bodies.alreadyExists]) },
      401: unauthorized,
      403: forbidden,
      404: { description: 'There is no such account; only an admin is told.', body: bodies.error },
      413: tooLarge,
      422: reused,
      ...common,
    },
  },
  ...repositoryOperations,
  {
    method: 'GET',
    path: '/v1/search',
    route: '/v1/search',
    summary: 'Searches the public repositories. Numbers that are none fall back to their defaults.',
    credentials: 'optional',
    query: z.object({
      q: z.string().optional().meta({ description: 'Words; nothing is everything, `team/` a namespace.' }),
      n: z.string().optional().meta({ description: 'Results of a page, up to 100; 25 unless told.' }),
      page: z.string().optional().meta({ description: 'From 1 on.' }),
    }),
    answers: {
      200: { description: 'A page of results.', body: bodies.searchAnswer, headers: ['ETag', 'X-Docket-Search'] },
      304: { description: 'The answer is the one of `If-None-Match`.' },
      401: { ...unauthorized, description: 'Searching needs an account here, or the credentials are wrong.' },
      403: forbidden,
      ...common,
      405: { description: 'Only GET.', headers: ['Allow'], body: z.union([bodies.error, z.undefined()]) },
    },
  },
  {
    method: 'GET',
    path: '/v2/',
    route: '/v2',
    summary: 'Are the name and password right? Every client since docker 17.06, podman and skopeo log in here.',
    credentials: 'needed',
    answers: {
      200: { description: 'They are.', body: z.object({}), headers: ['Docker-Distribution-Api-Version'] },
      401: registryChallenge,
      403: registryRefusal('They are, and the account is not active yet.'),
      ...v2Common,
      404: {
        description: 'To docker before 17.06, which would leave the first protocol for the second (see V2_PING).',
        body: bodies.message,
      },
    },
  },
  {
    method: 'GET',
    path: '/v2/_catalog',
    route: '/v2/_catalog',
    summary: 'All names that the asker may see, in full, in the order of their bytes.',
    credentials: 'optional',
    query: catalogQuery,
    answers: {
      200: {
        description: 'A page of names.',
        body: bodies.catalogAnswer,
        headers: ['Link', 'Docker-Distribution-Api-Version'],
      },
      400: registryRefusal('`n` is no number, or `last` is no text.'),
      401: registryChallenge,
      403: registryRefusal('The account is not active.'),
      ...v2Common,
    },
  },
  {
    method: 'GET',
    path: '/v2/repositories/{namespace}/{repo_name}/history',
    route: '/v2/repositories/:namespace/:repo_name/history',
    summary: 'Who did what to it and when, newest first; for its readers, and after its deletion for its owner.',
    credentials: 'optional',
    parameters: repository,
    query: historyPage,
    answers: {
      200: { description: 'A page of events.', body: bodies.historyAnswer },
      400: { description: 'The request is not understood; the error names the field.', body: bodies.message },
      401: { description: 'The credentials are wrong.', body: bodies.message, headers: ['WWW-Authenticate'] },
      403: { description: 'The account is not active, or the token is for another repository.', body: bodies.message },
      404: { description: 'There is no such repository, as far as the asker may know.', body: bodies.message },
      ...v2Common,
    },
  },
  ...managementOperations,
  {
    method: 'GET',
    path: '/openapi.json',
    route: '/openapi.json',
    summary: 'This document.',
    credentials: 'none',
    answers: { 200: { description: 'OpenAPI 3.1.', body: z.looseObject({ openapi: z.string() }) }, ...common },
  },
];
