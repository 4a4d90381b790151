/**
 * The images and tags of a repository, folded from its events beside its state (`repositories.ts`): whole for those who list them, and
 * for a command as far as it names them.
 */
import { addEntries, noImages } from './image-lists.ts';
import type { ImageEntry, ImageList, ListInMaking } from './image-lists.ts';
import { absentRepository, evolve } from './repositories.ts';
import type { Repository, RepositoryEvent } from './repositories.ts';

export interface RepositoryImages extends ImageList {
  /** What the open push announced; null when none is open, or when that was not looked up. */
  readonly announced: readonly ImageEntry[] | null;
}

export const noRepositoryImages: RepositoryImages = { ...noImages, announced: null };

/** The events come from one stream: one that its state does not expect is not among them. */
export function evolveImages(list: RepositoryImages, event: RepositoryEvent): RepositoryImages {
  return foldImages(list, [event]);
}

/** The same of many events, in their order: the list is copied once, where one of them changes it, and not for each of them. */
export function foldImages(list: RepositoryImages, events: readonly RepositoryEvent[]): RepositoryImages {
  let copy: InMaking | undefined;
  const own = () => (copy ??= { ...list, images: new Map(list.images), tags: new Map(list.tags) });
  for (const event of events) apply(own, event);
  return copy ?? list;
}

interface InMaking extends ListInMaking {
  otherImages: number;
  otherTags: number;
  announced: readonly ImageEntry[] | null;
}

function apply(own: () => InMaking, event: RepositoryEvent): void {
  switch (event.type) {
    case 'RepositoryCreated':
      empty(own()).announced = null;
      break;
    case 'PushOpened':
      addEntries(own(), event.data.images);
      own().announced = event.data.images;
      break;
    case 'ImagesAdded':
      addEntries(own(), event.data.images);
      break;
    case 'ImagesRestored':
      addEntries(empty(own()), event.data.images);
      break;
    case 'PushCompleted':
    case 'RepositoryDeleted':
      own().announced = null;
      break;
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
      break;
  }
}

function empty(making: InMaking): InMaking {
  making.images.clear();
  making.tags.clear();
  making.otherImages = 0;
  making.otherTags = 0;
  return making;
}

/** Whether nothing of the list before the event is left after it. */
export function beginsAnew({ type }: RepositoryEvent): boolean {
  return type === 'RepositoryCreated' || type === 'ImagesRestored';
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
