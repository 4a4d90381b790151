/** An operation of the API as the document describes it. */
import type { z } from 'zod';

import type { Method } from '../http/endpoint.ts';
import * as bodies from './bodies.ts';

export interface OperationAnswer {
  readonly description: string;
  /** Undefined: no body at all. */
  readonly body?: z.ZodType;
  readonly headers?: readonly HeaderName[];
}

export interface Operation {
  readonly method: Method;
  /** Of OpenAPI: `/v1/users/{username}`. Every path is served with and without a slash at its end. */
  readonly path: string;
  /** Of express, as it is mounted. */
  readonly route: string;
  readonly summary: string;
  /** `person`: a password or a session, and no access token. */
  readonly credentials: 'none' | 'optional' | 'needed' | 'person' | 'optional person';
  readonly parameters?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly headers?: z.ZodObject;
  readonly answers: Readonly<Record<number, OperationAnswer>>;
}

export const headerNames = {
  'X-Docker-Token': 'An access token, when the request says `X-Docker-Token: true`.',
  'X-Docker-Endpoints': 'The registries to use the token at, a header line for each.',
  'X-Docker-Registry-Version': 'The version of the first registry protocol.',
  'X-Docker-Registry-Standalone': '`false`: tokens are given out here.',
  'Docker-Distribution-Api-Version': '`registry/2.0`.',
  'WWW-Authenticate': 'How to authenticate.',
  'Retry-After': 'Seconds.',
  'X-Docket-Search': 'Which engine answered: `meilisearch` or `postgres`.',
  ETag: 'Of this answer; of a repository the version that `If-Match` takes.',
  Link: 'The next page, `rel="next"`.',
  Allow: 'The methods of this path.',
} as const;
export type HeaderName = keyof typeof headerNames;

/** What may happen to any request below /v2. */
export const v2Common: Operation['answers'] = {
  405: { description: 'The path does not have this method.', body: bodies.error, headers: ['Allow'] },
  500: { description: 'A mistake on the side of Docket; it is in its log.', body: bodies.message },
  503: { description: 'Not at present; try again in a moment.', body: bodies.message, headers: ['Retry-After'] },
};
