/**
 * The images and tags of a repository, folded from its events beside its state (`repositories.ts`): whole for those who list them, and
 * for a command as far as it names them.
 */
import { mergeEntries, noImages } from './image-lists.ts';
import type { ImageEntry, ImageList } from './image-lists.ts';
import { absentRepository, evolve } from './repositories.ts';
import type { Repository, RepositoryEvent } from './repositories.ts';

export interface RepositoryImages extends ImageList {
  /** What the open push announced; null when none is open, or when that was not looked up. */
  readonly announced: readonly ImageEntry[] | null;
}

export const noRepositoryImages: RepositoryImages = { ...noImages, announced: null };

/** The events come from one stream: one that its state does not expect is not among them. */
export function evolveImages(list: RepositoryImages, event: RepositoryEvent): RepositoryImages {
  switch (event.type) {
    case 'RepositoryCreated':
      return noRepositoryImages;
    case 'PushOpened':
      return { ...mergeEntries(list, event.data.images), announced: event.data.images };
    case 'ImagesAdded':
      return mergeEntries(list, event.data.images);
    case 'ImagesRestored':
      return mergeEntries({ ...list, ...noImages }, event.data.images);
    case 'PushCompleted':
    case 'RepositoryDeleted':
      return list.announced === null ? list : { ...list, announced: null };
    case 'DeletionRequested':
    case 'DeletionAuthorized':
    case 'RepositoryRestored':
    case 'DescriptionChanged':
    case 'FullDescriptionChanged':
    case 'CountsObserved':
    case 'VisibilityChanged':
    case 'AutomationChanged':
    case 'AccessGranted':
    case 'AccessRevoked':
    case 'RepositoryStarred':
    case 'RepositoryUnstarred':
    case 'RepositoryTakenDown':
    case 'RepositoryReinstated':
    case 'LastUpdatedObserved':
      return list;
  }
}

/** What a command on a repository is decided on. */
export interface RepositoryWithImages {
  readonly repository: Repository;
  readonly list: RepositoryImages;
}

export const absentWithImages: RepositoryWithImages = { repository: absentRepository, list: noRepositoryImages };

/** Total, as `evolve` is: what is absent or deleted takes no images. */
export function evolveWithImages(
  { repository, list }: RepositoryWithImages,
  event: RepositoryEvent,
): RepositoryWithImages {
  const takesImages =
    event.type === 'RepositoryCreated' || repository.status === 'active' || repository.status === 'deleting';
  return { repository: evolve(repository, event), list: takesImages ? evolveImages(list, event) : list };
}
