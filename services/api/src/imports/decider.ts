/** One line of an import against what there is: only what it changes becomes events, so that the same file again adds none. */
import type { RepositoryName } from '@docket/shared/names';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { absentRepository, evolve, changesIn } from '@docket/shared/repositories';
import type { ImageEntry, Repository, RepositoryEvent } from '@docket/shared/repositories';

export interface ImportedRepository {
  readonly namespaceId: string;
  readonly name: RepositoryName;
  /** Undefined, here and below: the line does not say, so what is known stays. */
  readonly description: string | undefined;
  readonly fullDescription: string | undefined;
  readonly starCount: number | undefined;
  readonly pullCount: number | undefined;
  readonly isAutomated: boolean | undefined;
  readonly isPrivate: boolean | undefined;
  /** ISO 8601, UTC. */
  readonly lastUpdated: string | undefined;
  readonly images: readonly ImageEntry[];
}

export function decideImport(before: Repository, line: ImportedRepository): readonly RepositoryEvent[] | Refusal {
  if (before.status === 'deleting') return refuse('forbidden', 'the repository is being deleted');
  const events: RepositoryEvent[] = [];
  if (before.status !== 'active') {
    const life = before.status === 'absent' ? 1 : before.life + 1;
    events.push({ type: 'RepositoryCreated', data: { namespace_id: line.namespaceId, name: line.name, life } });
  }
  const state = events.reduce(evolve, before.status === 'active' ? before : absentRepository);
  if (state.status !== 'active') throw new Error(`an import into a repository that is ${state.status}`);
  const { description, fullDescription, isAutomated, isPrivate, starCount, pullCount, lastUpdated, images } = line;
  if (description !== undefined && description !== state.description) {
    events.push({ type: 'DescriptionChanged', data: { description } });
  }
  if (fullDescription !== undefined && fullDescription !== state.full_description) {
    events.push({ type: 'FullDescriptionChanged', data: { full_description: fullDescription } });
  }
  if (isPrivate !== undefined && isPrivate !== state.is_private) {
    events.push({ type: 'VisibilityChanged', data: { is_private: isPrivate } });
  }
  if (isAutomated !== undefined && isAutomated !== state.is_automated) {
    events.push({ type: 'AutomationChanged', data: { is_automated: isAutomated } });
  }
  const counts = {
    ...(starCount !== undefined && starCount !== state.star_count ? { star_count: starCount } : {}),
    ...(pullCount !== undefined && pullCount !== state.pull_count ? { pull_count: pullCount } : {}),
  };
  if (Object.keys(counts).length > 0) events.push({ type: 'CountsObserved', data: counts });
  const news = changesIn(state, images);
  if (news.length > 0) events.push({ type: 'ImagesAdded', data: { images: news } });
  // Last, because all before it count as updates of this moment.
  if (lastUpdated !== undefined && lastUpdated !== state.last_updated) {
    events.push({ type: 'LastUpdatedObserved', data: { last_updated: lastUpdated } });
  }
  return events;
}
