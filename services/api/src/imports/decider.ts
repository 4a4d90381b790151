/** One line of an import against what there is: only what it changes becomes events, so that the same file again adds none. */
import type { RepositoryName } from '@docket/shared/names';
import { describe, nextLife } from '@docket/shared/repository-descriptions';
import type { Description } from '@docket/shared/repository-descriptions';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { changesIn, refuseBeyond } from '@docket/shared/image-lists';
import type { ImageEntry, ImageListBounds } from '@docket/shared/image-lists';
import { absentWithImages, evolveWithImages } from '@docket/shared/repository-images';
import type { RepositoryWithImages } from '@docket/shared/repository-images';
import type { RepositoryEvent } from '@docket/shared/repositories';

export interface ImportedRepository extends Required<Description> {
  readonly namespaceId: string;
  readonly name: RepositoryName;
  /** Undefined, here and below: the line does not say, so what is known stays. */
  readonly starCount: number | undefined;
  readonly pullCount: number | undefined;
  readonly isAutomated: boolean | undefined;
  /** ISO 8601, UTC. */
  readonly lastUpdated: string | undefined;
  readonly images: readonly ImageEntry[];
}

/** `before` knows the images and tags that the line names, and may know more. */
export function decideImport(
  before: RepositoryWithImages,
  line: ImportedRepository,
  bounds: ImageListBounds,
): readonly RepositoryEvent[] | Refusal {
  const { repository } = before;
  if (repository.status === 'deleting') return refuse('forbidden', 'the repository is being deleted');
  const events: RepositoryEvent[] = [];
  if (repository.status !== 'active') {
    const data = { namespace_id: line.namespaceId, name: line.name, life: nextLife(repository) };
    events.push({ type: 'RepositoryCreated', data });
  }
  const { repository: state, list } = events.reduce(
    evolveWithImages,
    repository.status === 'active' ? before : absentWithImages,
  );
  if (state.status !== 'active') throw new Error(`an import into a repository that is ${state.status}`);
  const { isAutomated, starCount, pullCount, lastUpdated, images } = line;
  events.push(...describe(state, line));
  if (isAutomated !== undefined && isAutomated !== state.is_automated) {
    events.push({ type: 'AutomationChanged', data: { is_automated: isAutomated } });
  }
  const counts = {
    ...(starCount !== undefined && starCount !== state.star_count ? { star_count: starCount } : {}),
    ...(pullCount !== undefined && pullCount !== state.pull_count ? { pull_count: pullCount } : {}),
  };
  if (Object.keys(counts).length > 0) events.push({ type: 'CountsObserved', data: counts });
  const news = changesIn(list, images);
  const refusal = refuseBeyond(list, news, bounds);
  if (refusal) return refusal;
  if (news.length > 0) events.push({ type: 'ImagesAdded', data: { images: news } });
  // Last, because all before it count as updates of this moment.
  if (lastUpdated !== undefined && lastUpdated !== state.last_updated) {
    events.push({ type: 'LastUpdatedObserved', data: { last_updated: lastUpdated } });
  }
  return events;
}
