/**
 * A repository: its events, and the state that they add up to. One stream holds the whole story of a name, in lives:
 * active → deleting → deleted, and active again. `evolve` is used by the API to decide, by the projector to build the read model and
 * by the read of one repository to fold what the read model does not know yet, so that all three see the same.
 */
import { z } from 'zod';

import { imageEntries } from './image-lists.ts';
import { repositoryName } from './names.ts';
import type { RepositoryName } from './names.ts';

/** The registries that the client said it pushed to (`X-Docker-Endpoints` of its request), or was sent to; nobody checks them. */
const endpoints = z.array(z.string()).optional();

/** What an account may do that does not own the namespace; each includes the ones before it. */
export const grantRole = z.enum(['read', 'write', 'admin']);
export type GrantRole = z.infer<typeof grantRole>;

const observedCount = z.int().nonnegative().nullable();

export const repositoryEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('RepositoryCreated'),
    data: z.object({ namespace_id: z.uuid(), name: repositoryName, life: z.int().positive() }),
  }),
  z.object({
    type: z.literal('PushOpened'),
    // `endpoints`: the registries that the client was sent to; since the second version.
    data: z.object({ push: z.int().positive(), images: imageEntries, endpoints }),
  }),
  z.object({ type: z.literal('ImagesAdded'), data: z.object({ images: imageEntries, endpoints }) }),
  z.object({ type: z.literal('PushCompleted'), data: z.object({ push: z.int().positive(), endpoints }) }),
  z.object({ type: z.literal('DeletionRequested'), data: z.object({}) }),
  z.object({ type: z.literal('DeletionAuthorized'), data: z.object({ token_id: z.string() }) }),
  z.object({ type: z.literal('RepositoryDeleted'), data: z.object({}) }),
  z.object({ type: z.literal('DescriptionChanged'), data: z.object({ description: z.string() }) }),
  z.object({ type: z.literal('FullDescriptionChanged'), data: z.object({ full_description: z.string() }) }),
  // Null: what was known of it was taken back.
  z.object({
    type: z.literal('CountsObserved'),
    data: z.object({ star_count: observedCount.optional(), pull_count: observedCount.optional() }),
  }),
  z.object({ type: z.literal('VisibilityChanged'), data: z.object({ is_private: z.boolean() }) }),
  z.object({ type: z.literal('AutomationChanged'), data: z.object({ is_automated: z.boolean() }) }),
  z.object({ type: z.literal('AccessGranted'), data: z.object({ account_id: z.uuid(), role: grantRole }) }),
  z.object({ type: z.literal('AccessRevoked'), data: z.object({ account_id: z.uuid() }) }),
  z.object({ type: z.literal('RepositoryStarred'), data: z.object({ account_id: z.uuid() }) }),
  z.object({ type: z.literal('RepositoryUnstarred'), data: z.object({ account_id: z.uuid() }) }),
  z.object({ type: z.literal('RepositoryTakenDown'), data: z.object({ reason: z.string() }) }),
  z.object({ type: z.literal('RepositoryReinstated'), data: z.object({}) }),
  /** With everything that it had when it was deleted. */
  z.object({ type: z.literal('RepositoryRestored'), data: z.object({}) }),
  // As it was told where the repository comes from; what happens to it here counts again from then on.
  z.object({ type: z.literal('LastUpdatedObserved'), data: z.object({ last_updated: z.iso.datetime() }) }),
  // The list as it was before an import that was taken back.
  z.object({ type: z.literal('ImagesRestored'), data: z.object({ images: imageEntries }) }),
]);
export type RepositoryEvent = z.infer<typeof repositoryEvent>;

interface Life {
  readonly namespace_id: string;
  readonly name: RepositoryName;
  /** 1 for the first; tokens and images of an earlier life are worth nothing in a later one. */
  readonly life: number;
}

/**
 * What a repository is while it can be pushed to or is being deleted. Its images and tags are no part of it (`repository-images.ts`):
 * there may be thousands, and most who look a repository up need none of them.
 */
interface Contents extends Life {
  readonly is_private: boolean;
  readonly is_automated: boolean;
  readonly description: string;
  /** The README, byte for byte. */
  readonly full_description: string;
  /** By account id. */
  readonly grants: Readonly<Record<string, GrantRole>>;
  /** Why an admin of the index took it down; null while it may be seen. */
  readonly taken_down: string | null;
  /** Null is unknown, which is not the same as none. */
  readonly star_count: number | null;
  readonly pull_count: number | null;
  /** Given here, by accounts of this index; each account's once. */
  readonly stars: number;
  /** As it was last told where the repository comes from (ISO 8601, UTC); null until somebody does. */
  readonly last_updated: string | null;
  /** How many pushes were opened in this life. */
  readonly pushes: number;
  /** The last of them was not completed yet. */
  readonly is_push_open: boolean;
}

export type ActiveRepository = Contents & { readonly status: 'active' };
/** `authorized_by` is the id of the delete token that was spent. */
export type DeletingRepository = Contents & { readonly status: 'deleting'; readonly authorized_by: string | null };
/** `contents` is what it had, for the case that its owner wants it back. */
export type DeletedRepository = Life & { readonly status: 'deleted'; readonly contents: Contents };
export type Repository = { readonly status: 'absent' } | ActiveRepository | DeletingRepository | DeletedRepository;

export const absentRepository: Repository = { status: 'absent' };

/** Total: an event that the state does not expect changes nothing; the deciders never produce one. */
export function evolve(state: Repository, event: RepositoryEvent): Repository {
  if (event.type === 'RepositoryCreated') {
    return {
      status: 'active',
      ...event.data,
      is_private: false,
      is_automated: false,
      description: '',
      full_description: '',
      grants: {},
      // Deleting what was taken down and pushing it anew does not bring it back.
      taken_down: takenDownOf(state),
      star_count: null,
      pull_count: null,
      stars: 0,
      last_updated: null,
      pushes: 0,
      is_push_open: false,
    };
  }
  if (state.status === 'absent') return state;
  if (state.status === 'deleted') return evolveDeleted(state, event);
  switch (event.type) {
    case 'PushOpened':
      return { ...state, pushes: event.data.push, is_push_open: true };
    case 'PushCompleted':
      return { ...state, is_push_open: false };
    case 'DeletionRequested':
      return { ...state, status: 'deleting', authorized_by: null };
    case 'DeletionAuthorized':
      return { ...state, status: 'deleting', authorized_by: event.data.token_id };
    case 'RepositoryDeleted':
      return deletedWith(state);
    case 'RepositoryRestored':
    // The images are no part of this state (`repository-images.ts`).
    case 'ImagesAdded':
    case 'ImagesRestored':
      return state;
    case 'DescriptionChanged':
      return { ...state, description: event.data.description };
    case 'FullDescriptionChanged':
      return { ...state, full_description: event.data.full_description };
    case 'CountsObserved': {
      const { star_count = state.star_count, pull_count = state.pull_count } = event.data;
      return { ...state, star_count, pull_count };
    }
    case 'VisibilityChanged':
      return { ...state, is_private: event.data.is_private };
    case 'AutomationChanged':
      return { ...state, is_automated: event.data.is_automated };
    case 'AccessGranted':
      return { ...state, grants: { ...state.grants, [event.data.account_id]: event.data.role } };
    case 'AccessRevoked': {
      const { [event.data.account_id]: _, ...grants } = state.grants;
      return { ...state, grants };
    }
    case 'RepositoryStarred':
      return { ...state, stars: state.stars + 1 };
    case 'RepositoryUnstarred':
      return { ...state, stars: state.stars - 1 };
    case 'RepositoryTakenDown':
      return { ...state, taken_down: event.data.reason };
    case 'RepositoryReinstated':
      return { ...state, taken_down: null };
    case 'LastUpdatedObserved':
      return { ...state, last_updated: event.data.last_updated };
  }
}

/** What people see as an update of the repository: its contents and its words, not the counting of stars. */
export function updatedAt(before: Date | undefined, event: RepositoryEvent, recordedAt: Date): Date {
  switch (event.type) {
    case 'RepositoryCreated':
    case 'PushOpened':
    case 'ImagesAdded':
    case 'PushCompleted':
    case 'DescriptionChanged':
    case 'FullDescriptionChanged':
    case 'VisibilityChanged':
    case 'ImagesRestored':
    case 'RepositoryRestored':
      return recordedAt;
    case 'LastUpdatedObserved':
      return new Date(event.data.last_updated);
    case 'DeletionRequested':
    case 'DeletionAuthorized':
    case 'RepositoryDeleted':
    case 'CountsObserved':
    case 'AutomationChanged':
    case 'AccessGranted':
    case 'AccessRevoked':
    case 'RepositoryStarred':
    case 'RepositoryUnstarred':
    case 'RepositoryTakenDown':
    case 'RepositoryReinstated':
      return before ?? recordedAt;
  }
}

/** Its owner may have it back, and an admin of the index may take it down meanwhile; nothing else happens to it. */
function evolveDeleted(state: DeletedRepository, event: RepositoryEvent): Repository {
  const { contents } = state;
  if (event.type === 'RepositoryRestored') return { ...contents, status: 'active' };
  if (event.type === 'RepositoryTakenDown') {
    return { ...state, contents: { ...contents, taken_down: event.data.reason } };
  }
  return event.type === 'RepositoryReinstated' ? { ...state, contents: { ...contents, taken_down: null } } : state;
}

/** Why an admin of the index took it down, in whatever state it is; null when nobody did. */
export function takenDownOf(state: Repository): string | null {
  switch (state.status) {
    case 'absent':
      return null;
    case 'active':
    case 'deleting':
      return state.taken_down;
    case 'deleted':
      return state.contents.taken_down;
  }
}

function deletedWith(state: ActiveRepository | DeletingRepository): DeletedRepository {
  const { namespace_id, name, life } = state;
  const { status: _status, ...contents } = { authorized_by: null, ...state };
  const { authorized_by: _authorized, ...rest } = contents;
  // A push that was open then is not open any more.
  return { status: 'deleted', namespace_id, name, life, contents: { ...rest, is_push_open: false } };
}

/** May be seen by everybody: in lists, in search, with its images. */
export function isPublic(state: Repository): state is ActiveRepository {
  return state.status === 'active' && !state.is_private && state.taken_down === null;
}

/** What was counted elsewhere and the stars given here; null when nothing is known of either. */
export function starsOf({ star_count, stars }: Pick<ActiveRepository, 'star_count' | 'stars'>): number | null {
  return star_count === null && stars === 0 ? null : (star_count ?? 0) + stars;
}
