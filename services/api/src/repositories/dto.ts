/** A repository in the words of the Hub. */
import type { FullName } from '@docket/shared/names';
import { starsOf } from '@docket/shared/repositories';
import type { ActiveRepository } from '@docket/shared/repositories';
import type { NamespaceRow } from '@docket/store/read/look-up';
import { z } from 'zod';

import type { AccountRow } from '../access/accounts.ts';
import { may } from '../access/rights.ts';

const instant = z.iso.datetime();

export const details = z.object({
  user: z.string(),
  namespace: z.string(),
  name: z.string(),
  repository_type: z.literal('image'),
  status: z
    .union([z.literal(0), z.literal(1)])
    .meta({ description: '1: active. 0: taken down, which only those who manage it are told.' }),
  status_description: z.string(),
  description: z.string(),
  is_private: z.boolean(),
  is_automated: z.boolean(),
  can_edit: z.boolean(),
  star_count: z.int(),
  pull_count: z.int(),
  last_updated: instant,
  date_registered: instant,
  permissions: z.object({ read: z.boolean(), write: z.boolean(), admin: z.boolean() }),
});
export type DetailsDto = z.infer<typeof details>;

export const repositoryAnswer = details.extend({ full_description: z.string() }).meta({ id: 'Repository' });
export type RepositoryDto = z.infer<typeof repositoryAnswer>;

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
