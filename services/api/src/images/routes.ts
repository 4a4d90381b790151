/** The image list of a repository: written by whoever pushed, read by everybody who pulls and by the registry between. */
import { isRefusal } from '@docket/shared/refusal';
import { imageDtos } from '@docket/shared/repositories';
import type { ImageDto } from '@docket/shared/repositories';

import { accountOf, authenticateAt, unauthorized } from '../access/authenticate.ts';
import { authorizePush } from '../access/authorize.ts';
import { missing, refuseReadingImages } from '../access/rights.ts';
import { reportedRegistries, tokenHeaders } from '../access/token-headers.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { RepositoryResource } from '../http/paths.ts';
import { readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { bodyBytesMax } from '../limits.ts';
import { refuseBlocked, withoutBlocked } from '../repositories/blocked-images.ts';
import { run } from '../repositories/command.ts';
import type { RepositoryRoutes } from '../repositories/command.ts';
import { imageList } from '../repositories/image-list.ts';
import { isImageReadable } from './queries.ts';

/**
 * Public ones without credentials; a good token of any access, which is how a v1 registry proves tokens on every request of a push;
 * while the repository is being deleted for its delete token alone.
 */
export async function getImages(
  using: RepositoryRoutes,
  request: ApiRequest,
  { fullName }: RepositoryResource,
): Promise<Outcome> {
  const visit = await authenticateAt(using, request, fullName);
  if (isRefusal(visit)) return visit;
  const { caller, found } = visit;
  const refusal = refuseReadingImages(caller, fullName, found);
  if (refusal) return refusal;
  const { repository } = found;
  if (!repository || repository.state.status === 'absent' || repository.state.status === 'deleted')
    return missing(fullName);
  const { images, life, status } = repository.state;
  const shown = found.imagesMayBeBlocked ? await withoutBlocked(using.database, images) : images;
  const body: ImageDto[] = imageDtos(shown);
  if (status === 'deleting') return answer(200, body);
  return answer(
    200,
    body,
    tokenHeaders(request, using, { caller, fullName, repositoryId: repository.id, life, access: 'read' }),
  );
}

/** Only 204 is a success to docker. */
export async function putImages(
  using: RepositoryRoutes,
  request: ApiRequest,
  { fullName }: RepositoryResource,
): Promise<Outcome> {
  const admitted = await authorizePush(using, request, fullName, 'write');
  if (isRefusal(admitted)) return admitted;
  const { caller, found, judge } = admitted;
  if (found.repository?.state.status !== 'active') return missing(fullName);
  const images = await readJson(request, imageList, bodyBytesMax);
  if (isRefusal(images)) return images;
  const blocked = await refuseBlocked(using.database, found, images);
  if (blocked) return blocked;
  const command = { type: 'PutImages', images, endpoints: reportedRegistries(request) } as const;
  const executed = await run(using, request, caller, { fullName, command, found, judge });
  return isRefusal(executed) ? executed : answer(204, undefined);
}

/** May the holder of this token build on that image (docker-registry asks it of a parent that it does not have in this repository). */
export async function getLayerAccess(
  using: RepositoryRoutes,
  request: ApiRequest,
  target: RepositoryResource,
): Promise<Outcome> {
  if (target.resource !== 'layer') throw new Error(`${target.resource} is no layer`);
  const { fullName, imageId } = target;
  const visit = await authenticateAt(using, request, fullName);
  if (isRefusal(visit)) return visit;
  const { caller, found } = visit;
  if (caller.by === 'nothing') return unauthorized('a token is needed');
  const refusal = refuseReadingImages(caller, fullName, found);
  if (refusal) return refusal;
  const state = found.repository?.state;
  const [allowed] = found.imagesMayBeBlocked
    ? await withoutBlocked(using.database, [{ id: imageId }])
    : [{ id: imageId }];
  if (!allowed) return answer(200, { access: false });
  const own = state && 'images' in state && state.images.some(({ id }) => id === imageId);
  return answer(200, { access: own === true || (await isImageReadable(using.database, imageId, accountOf(caller))) });
}
