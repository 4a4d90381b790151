/** What may happen to a repository. Who may ask for it is decided before (`access/rights.ts`); what it leads to is decided here. */
import type { Decider } from '@docket/shared/decider';
import { describe, nextLife } from '@docket/shared/repository-descriptions';
import type { Description } from '@docket/shared/repository-descriptions';
import type { RepositoryName } from '@docket/shared/names';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { changesIn, refuseBeyond } from '@docket/shared/image-lists';
import type { ImageEntry, ImageListBounds } from '@docket/shared/image-lists';
import { evolve, takenDownOf } from '@docket/shared/repositories';
import { absentWithImages, evolveWithImages, noRepositoryImages } from '@docket/shared/repository-images';
import type { RepositoryImages, RepositoryWithImages } from '@docket/shared/repository-images';
import type { ActiveRepository, GrantRole, Repository, RepositoryEvent } from '@docket/shared/repositories';

export type RepositoryCommand =
  | {
      readonly type: 'OpenPush';
      /** The ids of the namespace and repository, for the case that it has to be created. */
      readonly namespaceId: string;
      readonly name: RepositoryName;
      readonly images: readonly ImageEntry[];
      /** The registries that the client is sent to, where it is told of any. */
      readonly endpoints?: readonly string[];
    }
  | {
      readonly type: 'PutImages';
      /** Empty: nothing to add, the push is finished (docker 0.8 and later). */
      readonly images: readonly ImageEntry[];
      /** Where the client pushed to, as far as it says so. */
      readonly endpoints: readonly string[];
    }
  | { readonly type: 'RequestDeletion' }
  /** By the registry, with the delete token: it may delete now. */
  | { readonly type: 'AuthorizeDeletion'; readonly tokenId: string; readonly life: number }
  /** A DELETE that carries the delete token itself. */
  | { readonly type: 'FinishDeletion'; readonly life: number }
  /** By a person, who needs no proof before a registry: all of the deletion at once. */
  | { readonly type: 'Delete' }
  | ({ readonly type: 'Create'; readonly namespaceId: string; readonly name: RepositoryName } & Required<Description>)
  | ({ readonly type: 'Describe' } & Description)
  /** `inTime`: whether it was deleted so shortly ago that it is still to be had. */
  | { readonly type: 'Restore'; readonly inTime: boolean }
  | { readonly type: 'Grant'; readonly accountId: string; readonly role: GrantRole }
  | { readonly type: 'Revoke'; readonly accountId: string }
  | StarCommand
  | { readonly type: 'TakeDown'; readonly reason: string }
  | { readonly type: 'Reinstate' };

/** By an account that has no star here, or takes back the one that it has: the directory knows. */
export interface StarCommand {
  readonly type: 'Star' | 'Unstar';
  readonly accountId: string;
}

export type RepositoryDecider = Decider<RepositoryWithImages, RepositoryCommand, RepositoryEvent>;

export function repositoryDecider(bounds: ImageListBounds): RepositoryDecider {
  return {
    initial: absentWithImages,
    decide: (state, command) => decide(state, command, bounds),
    evolve: evolveWithImages,
  };
}

function decide(
  { repository: state, list }: RepositoryWithImages,
  command: RepositoryCommand,
  bounds: ImageListBounds,
): readonly RepositoryEvent[] | Refusal {
  switch (command.type) {
    case 'OpenPush':
      return openPush(state, list, command, bounds);
    case 'PutImages':
      return state.status === 'active' ? putImages(state, list, command, bounds) : gone;
    case 'RequestDeletion':
      return requestDeletion(state);
    case 'AuthorizeDeletion':
      return authorizeDeletion(state, command);
    case 'FinishDeletion':
      return finishDeletion(state, command.life);
    case 'Delete':
      return deleteAtOnce(state);
    case 'Create':
      return create(state, command);
    case 'Describe':
      return state.status === 'active' ? describe(state, command) : gone;
    case 'Restore':
      return restore(state, command.inTime);
    case 'Grant':
      return state.status === 'active' ? grant(state, command) : gone;
    case 'Revoke':
      return state.status === 'active' ? revoke(state, command.accountId) : gone;
    case 'Star':
    case 'Unstar':
      return decideStar(state, command);
    case 'TakeDown':
      return takeDown(state, command.reason);
    case 'Reinstate':
      return reinstate(state);
  }
}

export function decideStar(state: Repository, { type, accountId }: StarCommand): readonly RepositoryEvent[] | Refusal {
  if (state.status !== 'active') return gone;
  return [{ type: type === 'Star' ? 'RepositoryStarred' : 'RepositoryUnstarred', data: { account_id: accountId } }];
}

const gone = refuse('not_found', 'there is no such repository');
const deleted: RepositoryEvent = { type: 'RepositoryDeleted', data: {} };

function openPush(
  state: Repository,
  list: RepositoryImages,
  { namespaceId, name, images, endpoints }: Extract<RepositoryCommand, { type: 'OpenPush' }>,
  bounds: ImageListBounds,
): readonly RepositoryEvent[] | Refusal {
  if (state.status === 'active') {
    if (state.is_push_open && list.announced && sameList(list.announced, images)) return [];
    return refuseBeyond(list, images, bounds) ?? [pushOpened(state.pushes + 1, images, endpoints)];
  }
  const refusal = refuseBeyond(noRepositoryImages, images, bounds);
  if (refusal) return refusal;
  const life = nextLife(state);
  return [
    // A push ends a deletion that nobody finished.
    ...(state.status === 'deleting' ? [deleted] : []),
    { type: 'RepositoryCreated', data: { namespace_id: namespaceId, name, life } },
    pushOpened(1, images, endpoints),
  ];
}

function pushOpened(
  push: number,
  images: readonly ImageEntry[],
  endpoints: readonly string[] | undefined,
): RepositoryEvent {
  return {
    type: 'PushOpened',
    data: { push, images: [...images], ...(endpoints ? { endpoints: [...endpoints] } : {}) },
  };
}

function sameList(one: readonly ImageEntry[], other: readonly ImageEntry[]): boolean {
  return (
    one.length === other.length &&
    one.every((entry, index) => {
      const twin = other[index];
      return entry.id === twin?.id && entry.tag === twin.tag && entry.checksum === twin.checksum;
    })
  );
}

/** Every docker sends this once, last in a push: with the list up to 0.7, with `[]` from 0.8 on. Either way the push is complete. */
function putImages(
  state: ActiveRepository,
  list: RepositoryImages,
  { images, endpoints }: Extract<RepositoryCommand, { type: 'PutImages' }>,
  bounds: ImageListBounds,
): readonly RepositoryEvent[] | Refusal {
  const told = endpoints.length === 0 ? {} : { endpoints: [...endpoints] };
  const news = changesIn(list, images);
  const refusal = refuseBeyond(list, news, bounds);
  if (refusal) return refusal;
  return [
    ...(news.length > 0 ? [{ type: 'ImagesAdded', data: { images: news, ...told } } satisfies RepositoryEvent] : []),
    ...(state.is_push_open
      ? [{ type: 'PushCompleted', data: { push: state.pushes, ...told } } satisfies RepositoryEvent]
      : []),
  ];
}

function requestDeletion(state: Repository): readonly RepositoryEvent[] | Refusal {
  switch (state.status) {
    case 'absent':
      return gone;
    case 'active':
      return [{ type: 'DeletionRequested', data: {} }];
    case 'deleting':
      return state.authorized_by === null ? [] : [deleted];
    case 'deleted':
      return [];
  }
}

function authorizeDeletion(
  state: Repository,
  { tokenId, life }: Extract<RepositoryCommand, { type: 'AuthorizeDeletion' }>,
): readonly RepositoryEvent[] | Refusal {
  if (state.status === 'deleting' && state.life === life && state.authorized_by === null) {
    return [{ type: 'DeletionAuthorized', data: { token_id: tokenId } }];
  }
  return refuse('forbidden', 'this delete token is spent, or of another life of the repository');
}

function finishDeletion(state: Repository, life: number): readonly RepositoryEvent[] | Refusal {
  if (state.status === 'deleting' && state.life === life) return [deleted];
  if (state.status === 'deleted' && state.life === life) return [];
  return refuse('forbidden', 'this delete token is of another life of the repository');
}

function deleteAtOnce(state: Repository): readonly RepositoryEvent[] | Refusal {
  switch (state.status) {
    case 'absent':
      return gone;
    case 'active':
      return [{ type: 'DeletionRequested', data: {} }, deleted];
    case 'deleting':
      return [deleted];
    case 'deleted':
      return [];
  }
}

function create(
  state: Repository,
  { namespaceId, name, ...description }: Extract<RepositoryCommand, { type: 'Create' }>,
): readonly RepositoryEvent[] | Refusal {
  if (state.status === 'active') return refuse('conflict', `there is a repository ${name}`, 'name');
  const reason = takenDownOf(state);
  if (reason !== null) return refuse('forbidden', `${name} was taken down: ${reason}`);
  const life = nextLife(state);
  const begin: readonly RepositoryEvent[] = [
    ...(state.status === 'deleting' ? [deleted] : []),
    { type: 'RepositoryCreated', data: { namespace_id: namespaceId, name, life } },
  ];
  const begun = begin.reduce(evolve, state);
  return begun.status === 'active' ? [...begin, ...describe(begun, description)] : begin;
}

function restore(state: Repository, inTime: boolean): readonly RepositoryEvent[] | Refusal {
  switch (state.status) {
    case 'absent':
      return gone;
    case 'active':
      return refuse('conflict', 'there is a repository of that name; it is not deleted');
    case 'deleting':
      return refuse('conflict', 'it is still being deleted');
    case 'deleted':
      return inTime ? [{ type: 'RepositoryRestored', data: {} }] : refuse('not_found', 'it was deleted too long ago');
  }
}

function grant(
  state: ActiveRepository,
  { accountId, role }: Extract<RepositoryCommand, { type: 'Grant' }>,
): readonly RepositoryEvent[] {
  if (state.grants[accountId] === role) return [];
  return [{ type: 'AccessGranted', data: { account_id: accountId, role } }];
}

function revoke(state: ActiveRepository, accountId: string): readonly RepositoryEvent[] | Refusal {
  return accountId in state.grants
    ? [{ type: 'AccessRevoked', data: { account_id: accountId } }]
    : refuse('not_found', 'that account was given nothing here');
}

function takeDown(state: Repository, reason: string): readonly RepositoryEvent[] | Refusal {
  if (state.status === 'absent') return gone;
  return takenDownOf(state) === reason ? [] : [{ type: 'RepositoryTakenDown', data: { reason } }];
}

function reinstate(state: Repository): readonly RepositoryEvent[] | Refusal {
  if (state.status === 'absent') return gone;
  return takenDownOf(state) === null ? [] : [{ type: 'RepositoryReinstated', data: {} }];
}
