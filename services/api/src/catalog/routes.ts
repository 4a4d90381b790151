/** GET /v2/_catalog: every name that the asker may see, page by page; where podman searches when /v1/search is not for everybody. */
import type { Environment } from '@docket/runtime/environment';
import { catalogLastCharactersMax, catalogPageDefault, catalogPageMax } from '@docket/shared/limits';
import { fullNameText } from '@docket/shared/names';
import { z } from 'zod';

import { accountOf, unauthorized } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { anyCaller } from '../access/credentials.ts';
import type { Address } from '../http/address.ts';
import { answer } from '../http/answer.ts';
import { registryAlways, registryChallenge, registryRefusal } from '../http/common-answers.ts';
import { distributionHeaders, distributionRefusal } from '../http/distribution.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { wholeNumber } from '../http/paging.ts';
import { text } from '../http/text.ts';
import { catalogPage } from './queries.ts';
import type { CatalogPlace } from './queries.ts';

export interface CatalogRoutes extends Authentication, Pick<Environment, 'anonymousSearch'> {}

export const catalogOperations: readonly Operation<CatalogRoutes>[] = [
  operation({
    method: 'GET',
    path: '/v2/_catalog',
    summary: 'All names that the asker may see, in full, in the order of their bytes.',
    needs: 'nothing; what the asker may read is listed',
    credentials: anyCaller,
    // A token is for one repository: it opens nothing that is not everybody's.
    authorize: async (using: CatalogRoutes, { caller }) => {
      const viewer = caller.by === 'token' ? undefined : accountOf(caller);
      if (!viewer && using.anonymousSearch === 'off') return unauthorized('the catalog needs a name and password here');
      return { viewer };
    },
    query: z.object({
      /** More than the maximum is the maximum: a registry of distribution gives fewer than asked as well. */
      n: wholeNumber(0, catalogPageMax, 'clamp')
        .default(catalogPageDefault)
        .meta({ description: `Up to ${catalogPageMax}; ${catalogPageDefault} unless told.` }),
      last: text(catalogLastCharactersMax).default(''),
    }),
    answers: {
      200: {
        description: 'A page of names.',
        body: z.object({ repositories: z.array(z.string()) }).meta({ id: 'Catalog' }),
        headers: ['Link', 'Docker-Distribution-Api-Version'],
      },
      400: registryRefusal('`n` is no number, or `last` is no text.'),
      401: registryChallenge,
      403: registryRefusal('The account is not active.'),
      ...registryAlways,
    },
    refused: distributionRefusal,
    handle: async ({ database }, { request, target: { viewer }, query: { n, last } }) => {
      if (n === 0) return answer(200, { repositories: [] }, distributionHeaders);
      const found = await catalogPage(database, viewer, placeOf(last), n + 1);
      const repositories = found.slice(0, n).map(fullNameText);
      const link = found.length > n ? { Link: nextLink(request.address, repositories.at(-1) ?? '', n) } : {};
      return answer(200, { repositories }, { ...distributionHeaders, ...link });
    },
  }),
];

/** Among the bytes of names only a slash and those below it sort before a longer namespace, and no namespace holds one of those. */
function placeOf(last: string): CatalogPlace {
  const [, namespace = '', name = ''] = /^([^\0-/]*)(?:\/(.*))?/s.exec(last) ?? [];
  return { namespace, name };
}

/** Without a host, as registries give it: podman takes the path alone. */
function nextLink(address: Address, last: string, n: number): string {
  const query = new URLSearchParams({ last, n: String(n) });
  return `<${address.path(`/v2/_catalog?${query.toString()}`)}>; rel="next"`;
}
