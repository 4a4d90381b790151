/** A repository in the words of the Hub. */
import type { FullName } from '@docket/shared/names';
import { starsOf } from '@docket/shared/repositories';
import type { ActiveRepository } from '@docket/shared/repositories';
import type { NamespaceRow } from '@docket/store/read/look-up';

import type { AccountRow } from '../access/accounts.ts';
import { may } from '../access/rights.ts';

export interface DetailsDto {
  readonly user: string;
  readonly namespace: string;
  readonly name: string;
  readonly repository_type: 'image';
  /** 1: active. 0: taken down; only those who manage it are told. */
  readonly status: 0 | 1;
  readonly status_description: string;
  readonly description: string;
  readonly is_private: boolean;
  readonly is_automated: boolean;
  readonly can_edit: boolean;
  readonly star_count: number;
  readonly pull_count: number;
  readonly last_updated: string;
  readonly date_registered: string;
  readonly permissions: { readonly read: boolean; readonly write: boolean; readonly admin: boolean };
}

export function detailsDto(
  account: AccountRow | undefined,
  { namespace: namespaceText, name }: FullName,
  namespace: NamespaceRow,
  state: ActiveRepository,
  { registered, updated }: { readonly registered: Date; readonly updated: Date },
): DetailsDto {
  const admin = may('manage', account, namespace, state);
  return {
    user: namespaceText,
    namespace: namespaceText,
    name,
    repository_type: 'image',
    status: state.taken_down === null ? 1 : 0,
    status_description: state.taken_down === null ? 'active' : `taken down: ${state.taken_down}`,
    description: state.description,
    is_private: state.is_private,
    is_automated: state.is_automated,
    can_edit: admin,
    star_count: starsOf(state) ?? 0,
    pull_count: state.pull_count ?? 0,
    last_updated: updated.toISOString(),
    date_registered: registered.toISOString(),
    permissions: {
      read: may('read', account, namespace, state),
      write: may('push', account, namespace, state),
      admin,
    },
  };
}
