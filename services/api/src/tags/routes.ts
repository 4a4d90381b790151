/** The tags of a repository with the images that pushes announced under them; what nobody announced is not made up. */
import { turnBetween } from '@docket/shared/in-turns';
import { inSmallLetters, tagName } from '@docket/shared/names';
import { refuse } from '@docket/shared/refusal';
import { readImageList } from '@docket/store/read/images';

import type { Authentication } from '../access/authenticate.ts';
import { allowed } from '../access/authorize.ts';
import type { AuthorizedAction } from '../access/authorize.ts';
import { visitor } from '../access/credentials.ts';
import { answer } from '../http/answer.ts';
import { asked } from '../http/common-answers.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { nameFilter, offsetOf, orderingOr, pageAnswer, pageOf, pageQuery } from '../http/paging.ts';
import { repositoryParameters, repositoryPaths } from '../http/paths.ts';
import { withoutBlocked } from '../repositories/blocked-images.ts';
import { tagAnswer } from './dto.ts';
import { describeTags, pageOfTags } from './queries.ts';
import type { Tag } from './queries.ts';

export const tagOperations: readonly Operation<Authentication>[] = [
  operation({
    method: 'GET',
    path: repositoryPaths('/tags'),
    summary: 'Its tags, with the images that pushes announced under them.',
    needs: 'read',
    credentials: visitor,
    parameters: repositoryParameters,
    authorize: allowed('read'),
    query: pageQuery.extend({ name: nameFilter, ordering: orderingOr('name') }),
    answers: { 200: { description: 'A page of tags.', body: pageOf('TagPage', tagAnswer) }, ...asked },
    handle: async (using: Authentication, { request, target, query }) => {
      const tags = (await tagsOf(using, target)).filter(({ name }) => inSmallLetters(name).includes(query.name));
      const page = { ordering: query.ordering, offset: offsetOf(query), limit: query.page_size };
      const shown = await pageOfTags(using.database, target.repository.id, tags, page);
      const results = await describeTags(using.database, target.repository.id, shown);
      return pageAnswer(request, query, tags.length, results);
    },
  }),
  operation({
    method: 'GET',
    path: repositoryPaths('/tags/{tag}'),
    summary: 'One tag.',
    needs: 'read',
    credentials: visitor,
    parameters: repositoryParameters.extend({ tag: tagName }),
    authorize: allowed('read'),
    answers: { 200: { description: 'The tag.', body: tagAnswer }, ...asked },
    handle: async (using: Authentication, { parameters, target }) => {
      const known = (await tagsOf(using, target)).filter(({ name }) => name === parameters.tag);
      const [tag] = await describeTags(using.database, target.repository.id, known);
      return tag ? answer(200, tag) : refuse('not_found', `there is no tag ${parameters.tag}`);
    },
  }),
];

/** By name, without those of images that are taken down. */
async function tagsOf(
  { database }: Authentication,
  { found, repository: { id, state } }: AuthorizedAction,
): Promise<readonly Tag[]> {
  if (state.status !== 'active') return [];
  const { images, tags } = await readImageList(database, id);
  const tagged = Array.from(tags, ([name, image]) => ({ name, id: image, checksum: images.get(image) ?? null }));
  await turnBetween(tagged.length);
  const shown = found.imagesMayBeBlocked ? await withoutBlocked(database, tagged) : tagged;
  return shown.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
