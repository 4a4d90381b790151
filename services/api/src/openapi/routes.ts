/** GET /openapi.json: the API in the words of machines. */
import { answer } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { openapiDocument } from './document.ts';

export function openapiRoutes(): Route[] {
  const document = openapiDocument();
  return [{ path: '/openapi.json', handlers: { GET: () => answer(200, document) } }];
}
