/** GET /v2/_catalog: every name that the asker may see, page by page; where podman searches when /v1/search is not for everybody. */
import type { Environment } from '@docket/runtime/environment';
import { fullNameText } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { accountOf, authenticateAny, unauthorized } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { answer } from '../http/answer.ts';
import type { Answer, Outcome } from '../http/answer.ts';
import { distributionHeaders, distributionRefusal } from '../http/distribution.ts';
import type { Route } from '../http/endpoint.ts';
import { parseField } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { catalogPageDefault, catalogPageMax } from '../limits.ts';
import { catalogPage } from './queries.ts';
import type { CatalogPlace } from './queries.ts';

export interface CatalogRoutes extends Authentication, Pick<Environment, 'anonymousSearch'> {}

export function catalogRoutes(using: CatalogRoutes): Route[] {
  return [{ path: '/v2/_catalog', handlers: { GET: (request) => catalog(using, request) } }];
}

/** Longer than any name, with room for what other registries call their repositories. */
const lastCharactersMax = 512;

export const catalogQuery = z.object({
  /** More than the maximum is the maximum: a registry of distribution gives fewer than asked as well. */
  n: z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from 0 to ${catalogPageMax}`)
    .transform((text) => Math.min(Number(text), catalogPageMax))
    .default(catalogPageDefault),
  last: z
    .string()
    .max(lastCharactersMax, `must have at most ${lastCharactersMax} characters`)
    .refine((text) => !text.includes('\0'), 'must not contain a zero character')
    .default(''),
});

async function catalog(using: CatalogRoutes, request: ApiRequest): Promise<Outcome> {
  const page = await names(using, request);
  return isRefusal(page) ? distributionRefusal(page) : page;
}

async function names(using: CatalogRoutes, request: ApiRequest): Promise<Answer | Refusal> {
  const caller = await authenticateAny(using, request);
  if (isRefusal(caller)) return caller;
  // A token is for one repository: it opens nothing that is not everybody's.
  const viewer = caller.by === 'token' ? undefined : accountOf(caller);
  if (!viewer && using.anonymousSearch === 'off') return unauthorized('the catalog needs a name and password here');
  const asked = parseField(catalogQuery, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const { n, last } = asked;
  if (n === 0) return answer(200, { repositories: [] }, distributionHeaders);
  const found = await catalogPage(using.database, viewer, placeOf(last), n + 1);
  const repositories = found.slice(0, n).map(fullNameText);
  const link = found.length > n ? { Link: nextLink(repositories.at(-1) ?? '', n) } : {};
  return answer(200, { repositories }, { ...distributionHeaders, ...link });
}

/** Among the bytes of names only a slash and those below it sort before a longer namespace, and no namespace holds one of those. */
function placeOf(last: string): CatalogPlace {
  const [, namespace = '', name = ''] = /^([^\0-/]*)(?:\/(.*))?/s.exec(last) ?? [];
  return { namespace, name };
}

function nextLink(last: string, n: number): string {
  return `</v2/_catalog?${new URLSearchParams({ last, n: String(n) }).toString()}>; rel="next"`;
}
