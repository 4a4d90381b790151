/** The image list of a repository: written by whoever pushed, read by everybody who pulls and by the registry between. */
import { bodyBytesMax } from '@docket/shared/limits';
import { turnBetween } from '@docket/shared/in-turns';
import { imageId } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { Database } from '@docket/store/connect';
import type { LookupWithImages } from '@docket/store/read/look-up';
import { z } from 'zod';

import { accountOf, unauthorized } from '../access/authenticate.ts';
import { authorizePush, visitAt, visitImagesAt } from '../access/authorize.ts';
import type { VisitAt } from '../access/authorize.ts';
import { missing, refuseReadingImages } from '../access/rights.ts';
import { reportedRegistries, tokenHeaders, tokenWish, withRegistries } from '../access/token-headers.ts';
import { answer, jsonTextOf } from '../http/answer.ts';
import { done, idempotency, v1 } from '../http/common-answers.ts';
import { operation, ownCredentials } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { repositoryParameters, v1RepositoryPaths } from '../http/paths.ts';
import { refuseBlocked, withoutBlocked } from '../repositories/blocked-images.ts';
import { run } from '../repositories/command.ts';
import type { RepositoryRoutes } from '../repositories/command.ts';
import { imageList } from '../repositories/image-list.ts';
import { imagesAnswer, imagesDto } from './dto.ts';
import type { ImagesDto } from './dto.ts';
import { holdsImage, isImageReadable } from './queries.ts';

export const imageOperations: readonly Operation<RepositoryRoutes>[] = [
  operation({
    method: 'GET',
    path: v1RepositoryPaths('images'),
    summary: 'The images. Needs nothing where it is public; a registry proves access tokens by it.',
    needs: 'read, or a token',
    credentials: ownCredentials('optional'),
    parameters: repositoryParameters,
    headers: tokenWish,
    authorize: async (using: RepositoryRoutes, asked) => {
      const visit = await visitImagesAt(using, asked);
      if (isRefusal(visit)) return visit;
      return mayReadImages(visit) ?? withRegistries(asked.request, using, visit);
    },
    answers: {
      200: {
        description: 'In the order in which they were first named.',
        body: imagesAnswer,
        headers: ['X-Docker-Token', 'X-Docker-Endpoints'],
      },
      400: v1.badRequest,
      401: v1.unauthorized,
      403: v1.forbidden,
      404: v1.missing,
      421: v1.misdirected,
      ...v1.always,
    },
    handle: async (using, { target: { caller, fullName, found, registries } }) => {
      const { repository } = found;
      if (!repository || repository.state.status === 'absent' || repository.state.status === 'deleted')
        return missing(fullName);
      const { life, status } = repository.state;
      const shown = await shownImages(using.database, found);
      if (status === 'deleting') return answer(200, shown);
      const grant = { caller, fullName, repositoryId: repository.id, life, access: 'read', registries } as const;
      return answer(200, shown, tokenHeaders(using, grant));
    },
  }),
  operation({
    method: 'PUT',
    path: v1RepositoryPaths('images'),
    summary: 'Adds images and checksums; `[]` says that the push is complete.',
    needs: 'write',
    credentials: ownCredentials('needed'),
    parameters: repositoryParameters,
    headers: idempotency.extend({ 'X-Docker-Endpoints': z.string().optional() }),
    authorize: async (using: RepositoryRoutes, asked) => {
      const push = await authorizePush(using, asked, 'write');
      if (isRefusal(push)) return push;
      return push.found.repository?.state.status === 'active' ? push : missing(push.fullName);
    },
    body: imageList,
    bodyBytesMax,
    entriesMax: ({ repositoryImagesMax }: RepositoryRoutes) => repositoryImagesMax,
    answers: {
      // Only 204 is a success to docker.
      204: done,
      400: v1.badRequest,
      401: v1.unauthorized,
      403: v1.forbidden,
      404: v1.missing,
      409: v1.noRoom,
      413: v1.tooLarge,
      422: v1.reused,
      ...v1.always,
    },
    handle: async (using, { request, target: push, body: images }) => {
      const blocked = await refuseBlocked(using.database, push.found, images);
      if (blocked) return blocked;
      const command = { type: 'PutImages', images, endpoints: reportedRegistries(request) } as const;
      const executed = await run(using, request, push.caller, { ...push, command });
      return isRefusal(executed) ? executed : answer(204, undefined);
    },
  }),
  operation({
    method: 'GET',
    path: v1RepositoryPaths('layer'),
    // docker-registry asks it of a parent that it does not have in this repository.
    summary: 'Whether the holder of the access token may build on this image.',
    needs: 'read, or a token',
    credentials: ownCredentials('needed'),
    parameters: repositoryParameters.extend({ image_id: imageId }),
    authorize: async (using: RepositoryRoutes, asked) => {
      const visit = await visitAt(using, asked);
      if (isRefusal(visit)) return visit;
      return visit.caller.by === 'nothing' ? unauthorized('a token is needed') : (mayReadImages(visit) ?? visit);
    },
    answers: {
      200: { description: 'Yes or no.', body: z.object({ access: z.boolean() }) },
      400: v1.badRequest,
      401: v1.unauthorized,
      403: v1.forbidden,
      404: v1.missing,
      ...v1.always,
    },
    handle: async ({ database }, { parameters: { image_id: id }, target: { caller, found } }) => {
      const [unblocked] = found.imagesMayBeBlocked ? await withoutBlocked(database, [{ id }]) : [{ id }];
      if (!unblocked) return answer(200, { access: false });
      const { repository } = found;
      const isOwn = repository !== undefined && (await holdsImage(database, repository, id));
      return answer(200, { access: isOwn || (await isImageReadable(database, id, accountOf(caller))) });
    },
  }),
];

async function shownImages(database: Database, { images, imagesMayBeBlocked }: LookupWithImages) {
  if (images.as === 'json' && !imagesMayBeBlocked) return jsonTextOf(images.json);
  const all: ImagesDto = images.as === 'json' ? JSON.parse(images.json) : imagesDto(images.list);
  await turnBetween(all.length);
  return imagesMayBeBlocked ? withoutBlocked(database, all) : all;
}

/**
 * Public ones without credentials; a good token of any access, which is how a v1 registry proves tokens on every request of a push;
 * while the repository is being deleted for its delete token alone.
 */
function mayReadImages({ caller, fullName, found }: VisitAt) {
  return refuseReadingImages(caller, fullName, found);
}
