/** Every answer that a test receives is held to the API's own description of itself. */
import { slices } from '@docket/api/app';
import { openapiDocument } from '@docket/api/openapi/document';

import { Description } from './openapi-document.ts';
import type { Exchange } from './openapi-document.ts';

const description = new Description(await openapiDocument(slices));

/** Throws when a described path answered otherwise than it is described. What is no path of the API is described nowhere. */
export function mustBeDescribed(exchange: Exchange): void {
  const target = exchange.target.replace(/^https?:\/\/[^/]*/, '');
  const faults = description.faults({ ...exchange, target }).filter((fault) => !fault.endsWith('is not described'));
  if (faults.length > 0) throw new Error(`the answer is not as /openapi.json describes it: ${faults.join('; ')}`);
}
