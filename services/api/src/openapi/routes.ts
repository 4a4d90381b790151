/** GET /openapi.json: the API in the words of machines. */
import { z } from 'zod';

import { answer } from '../http/answer.ts';
import { v1 } from '../http/common-answers.ts';
import { noCredentials, operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';

export interface OpenapiRoutes {
  /** The document without the address of this request. */
  readonly openapi: () => Promise<Readonly<Record<string, unknown>>>;
}

export const openapiOperations: readonly Operation<OpenapiRoutes>[] = [
  operation({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document.',
    needs: 'nothing',
    credentials: noCredentials,
    answers: { 200: { description: 'OpenAPI 3.1.', body: z.looseObject({ openapi: z.string() }) }, ...v1.always },
    handle: async ({ openapi }: OpenapiRoutes, { request }) =>
      answer(200, { ...(await openapi()), servers: [{ url: request.address.url('') || '/' }] }),
  }),
];
