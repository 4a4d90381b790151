/**
 * What an import did to one repository, taken back: as far as it still stands. What others changed since is theirs, and stays. Pure; the
 * history it decides on is the whole stream, with who wrote what.
 */
import type { Metadata, Recorded } from '@docket/shared/event';
import { entriesOf } from '@docket/shared/image-lists';
import { updatedAt } from '@docket/shared/repositories';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { absentWithImages, evolveWithImages } from '@docket/shared/repository-images';
import type { RepositoryWithImages } from '@docket/shared/repository-images';

export interface TakenBack {
  readonly events: readonly RepositoryEvent[];
  /** What stays, in words: `the description was changed since`. */
  readonly kept: readonly string[];
}

/** In the order in which they are given back; the last update at the end, because the others count as updates themselves. */
const fields = [
  'description',
  'full_description',
  'is_private',
  'is_automated',
  'star_count',
  'pull_count',
  'images',
  'last_updated',
] as const;
type Field = (typeof fields)[number];

const words: Readonly<Record<Exclude<Field, 'last_updated'>, string>> = {
  description: 'the description was',
  full_description: 'the full description was',
  is_private: 'the visibility was',
  is_automated: 'the automation was',
  star_count: 'the number of stars was',
  pull_count: 'the number of pulls was',
  images: 'the images were',
};

type Writer = 'import' | 'undo' | 'others';

/** What is known of a repository after an event, and when it was last updated by then. */
interface Moment {
  readonly state: RepositoryWithImages;
  readonly updated: Date | undefined;
}

interface Claim {
  /** Who wrote the field last, of those who did in this life. */
  readonly by: Writer;
  /** Before the import wrote it. */
  readonly former: Moment;
  /** After the import wrote it; undefined when it did not, or when that was taken back. */
  readonly left: Moment | undefined;
}

/** Events of an import correlate to its id; events that took it back are caused by it. */
function writerOf({ correlation_id, causation_id }: Metadata, importId: string): Writer {
  if (correlation_id === importId) return 'import';
  return causation_id === importId ? 'undo' : 'others';
}

export function decideUndo(history: readonly Recorded<RepositoryEvent>[], importId: string): TakenBack {
  const claims = new Map<Field, Claim>();
  let now: Moment = { state: absentWithImages, updated: undefined };
  let createdByImport = false;
  let touchedByOthers = false;
  let touchedByImport = false;
  for (const { event, metadata, recordedAt } of history) {
    const by = writerOf(metadata, importId);
    const before = now;
    now = { state: evolveWithImages(before.state, event), updated: updatedAt(before.updated, event, recordedAt) };
    if (event.type === 'RepositoryCreated') {
      // A life of its own: what was before it is over.
      claims.clear();
      createdByImport = by === 'import';
      touchedByOthers = false;
      touchedByImport = false;
    }
    touchedByOthers ||= by === 'others';
    touchedByImport ||= by === 'import';
    // A life that begins has no former state: the state in which it began counts as former.
    const former = event.type === 'RepositoryCreated' ? { ...now, updated: undefined } : before;
    for (const field of written(event)) claims.set(field, claimed(claims.get(field), by, former, now));
  }
  const { repository: state } = now.state;
  if (!touchedByImport || state.status === 'absent' || state.status === 'deleted') return { events: [], kept: [] };
  if (state.status === 'deleting') return { events: [], kept: ['it is being deleted'] };
  if (createdByImport && !touchedByOthers) return { events: [{ type: 'RepositoryDeleted', data: {} }], kept: [] };
  const kept = createdByImport ? ['others changed it since'] : [];
  const events: RepositoryEvent[] = [];
  for (const field of fields) {
    const claim = claims.get(field);
    if (claim?.left === undefined) continue;
    if (field === 'last_updated') {
      const { updated } = claim.former;
      if (claim.by !== 'import' || updated === undefined) continue;
      events.push({ type: 'LastUpdatedObserved', data: { last_updated: updated.toISOString() } });
      continue;
    }
    // It also stands where others changed it and changed it back.
    if (valueOf(field, claim.left) !== valueOf(field, now)) kept.push(`${words[field]} changed since`);
    else if (valueOf(field, claim.former) !== valueOf(field, now)) events.push(...restored(field, claim.former));
  }
  return { events, kept };
}

function claimed(claim: Claim | undefined, by: Writer, before: Moment, after: Moment): Claim {
  switch (by) {
    case 'import':
      return { by, former: claim?.left !== undefined && claim.by === 'import' ? claim.former : before, left: after };
    case 'undo':
      return { by, former: before, left: undefined };
    case 'others':
      return { by, former: claim?.former ?? before, left: claim?.left };
  }
}

function written(event: RepositoryEvent): readonly Field[] {
  switch (event.type) {
    case 'RepositoryCreated':
    case 'PushCompleted':
    case 'RepositoryRestored':
      return ['last_updated'];
    case 'PushOpened':
    case 'ImagesAdded':
    case 'ImagesRestored':
      return ['images', 'last_updated'];
    case 'DescriptionChanged':
      return ['description', 'last_updated'];
    case 'FullDescriptionChanged':
      return ['full_description', 'last_updated'];
    case 'VisibilityChanged':
      return ['is_private', 'last_updated'];
    case 'AutomationChanged':
      return ['is_automated'];
    case 'CountsObserved': {
      const { star_count, pull_count } = event.data;
      return [
        ...(star_count === undefined ? [] : (['star_count'] as const)),
        ...(pull_count === undefined ? [] : (['pull_count'] as const)),
      ];
    }
    case 'LastUpdatedObserved':
      return ['last_updated'];
    case 'DeletionRequested':
    case 'DeletionAuthorized':
    case 'RepositoryDeleted':
    case 'AccessGranted':
    case 'AccessRevoked':
    case 'RepositoryStarred':
    case 'RepositoryUnstarred':
    case 'RepositoryTakenDown':
    case 'RepositoryReinstated':
      return [];
  }
}

function restored(
  field: Exclude<Field, 'last_updated'>,
  { state: { repository: state, list } }: Moment,
): RepositoryEvent[] {
  if (state.status !== 'active') return [];
  const { description, full_description, is_private, is_automated, star_count, pull_count } = state;
  switch (field) {
    case 'description':
      return [{ type: 'DescriptionChanged', data: { description } }];
    case 'full_description':
      return [{ type: 'FullDescriptionChanged', data: { full_description } }];
    case 'is_private':
      return [{ type: 'VisibilityChanged', data: { is_private } }];
    case 'is_automated':
      return [{ type: 'AutomationChanged', data: { is_automated } }];
    case 'star_count':
      return [{ type: 'CountsObserved', data: { star_count } }];
    case 'pull_count':
      return [{ type: 'CountsObserved', data: { pull_count } }];
    case 'images':
      return [{ type: 'ImagesRestored', data: { images: entriesOf(list) } }];
  }
}

/** Texts, numbers and the like: equal where the values are. */
function valueOf(field: Exclude<Field, 'last_updated'>, { state: { repository: state, list } }: Moment): unknown {
  if (state.status !== 'active') return undefined;
  return field === 'images' ? JSON.stringify(entriesOf(list)) : state[field];
}
