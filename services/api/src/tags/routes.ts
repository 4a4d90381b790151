/** The tags of a repository with the images that pushes announced under them; what nobody announced is not made up. */
import { tagName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import { z } from 'zod';

import type { Authentication } from '../access/authenticate.ts';
import { authorizeAction } from '../access/authorize.ts';
import type { AuthorizedAction } from '../access/authorize.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { offsetOf, pageAnswer, pageQuery } from '../http/paging.ts';
import type { PageLinks } from '../http/paging.ts';
import { repositoryPaths } from '../http/paths.ts';
import { parseField } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { withoutBlocked } from '../repositories/blocked-images.ts';
import { describeTags } from './queries.ts';
import type { Tag } from './queries.ts';

export type TagRoutes = Authentication & PageLinks;

export function tagRoutes(using: TagRoutes): Route[] {
  return [
    ...repositoryPaths('/tags').map((path): Route => ({
      path,
      handlers: { GET: (request) => listTags(using, request) },
    })),
    ...repositoryPaths('/tags/:tag').map((path): Route => ({
      path,
      handlers: { GET: (request) => getTag(using, request) },
    })),
  ];
}

async function listTags(using: TagRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'read');
  if (isRefusal(target)) return target;
  const asked = parseField(pageQuery, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const tags = await tagsOf(using, target);
  const offset = offsetOf(asked);
  const page = tags.slice(offset, offset + asked.page_size);
  const results = await describeTags(using.database, target.repository.id, page);
  return pageAnswer(using, request, asked, tags.length, results);
}

async function getTag(using: TagRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'read');
  if (isRefusal(target)) return target;
  const named = parseField(z.object({ tag: tagName }), { tag: request.parameters['tag'] });
  if (isRefusal(named)) return named;
  const tags = await tagsOf(using, target);
  const known = tags.filter(({ name }) => name === named.tag);
  const [tag] = await describeTags(using.database, target.repository.id, known);
  return tag ? answer(200, tag) : refuse('not_found', `there is no tag ${named.tag}`);
}

/** By name, without those of images that are taken down. */
async function tagsOf(
  { database }: TagRoutes,
  { found, repository: { state } }: AuthorizedAction,
): Promise<readonly Tag[]> {
  if (state.status !== 'active') return [];
  const checksums = new Map(state.images.map(({ id, checksum }) => [id, checksum]));
  const tagged = Object.entries(state.tags).map(([name, id]) => ({ name, id, checksum: checksums.get(id) ?? null }));
  const shown = found.imagesMayBeBlocked ? await withoutBlocked(database, tagged) : tagged;
  return shown.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
