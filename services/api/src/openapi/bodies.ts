/** What answers look like, held by the compiler to the types that the code answers with. */
import type { ImageDto } from '@docket/shared/repositories';
import type { SearchAnswer, SearchResult } from '@docket/shared/search';
import { z } from 'zod';

import type { GrantDto } from '../grants/routes.ts';
import type { HistoryEntry } from '../history/queries.ts';
import type { NamespaceDto } from '../namespaces/queries.ts';
import type { MemberDto } from '../organizations/queries.ts';
import type { DetailsDto } from '../repositories/dto.ts';
import type { StargazerDto } from '../stars/queries.ts';
import type { TagDto } from '../tags/queries.ts';
import type { TakedownDto } from '../takedowns/queries.ts';

export const error = z
  .object({
    error: z.string().meta({ description: 'A sentence for the person in front of the client.' }),
    field: z.string().optional().meta({ description: 'The field that is wrong: `email`, `[0].id`.' }),
  })
  .meta({ id: 'Error' });

export const message = z
  .object({
    message: z.string().meta({ description: 'A sentence for the person in front of the client.' }),
    detail: z.string().optional().meta({ description: 'The same, where older clients look for it.' }),
    fields: z.record(z.string(), z.array(z.string())).optional(),
  })
  .meta({ id: 'Message' });

export const registryErrors = message
  .extend({ errors: z.array(z.object({ code: z.string(), message: z.string(), detail: z.null() })) })
  .meta({
    id: 'RegistryErrors',
    description: 'For clients of the second registry protocol, which print the first of `errors`.',
  });

export const empty = z.literal('');
export const ok = z.literal('OK');
export const notActive = z.literal('Account is not Active');
export const alreadyExists = z.literal('Username or email already exists');

export const imageList = z
  .array(z.object({ id: z.string(), checksum: z.string() }))
  .meta({ id: 'Images' }) satisfies z.ZodType<ImageDto[]>;

const searchResult = z.object({
  name: z.string().meta({ description: 'Bare for official ones: `ubuntu`.' }),
  description: z.string(),
  star_count: z.int(),
  is_official: z.boolean(),
  is_trusted: z.boolean(),
  is_automated: z.boolean(),
}) satisfies z.ZodType<SearchResult>;

export const searchAnswer = z
  .object({
    query: z.string(),
    num_results: z.int().meta({ description: 'Of all pages.' }),
    num_pages: z.int(),
    page: z.int(),
    page_size: z.int(),
    results: z.array(
      z.union([
        searchResult,
        z.object({ name: z.string(), description: z.string() }).meta({ description: 'To docker up to 0.6.' }),
      ]),
    ),
  })
  .meta({ id: 'SearchAnswer' }) satisfies z.ZodType<Omit<SearchAnswer, 'results'>>;

const position = z.string().regex(/^\d+$/).meta({ description: 'A place in the log, a decimal number.' });

const historyEntry = z.object({
  position,
  version: z.int().meta({ description: 'Counts the events of this repository.' }),
  type: z.string(),
  at: z.iso.datetime(),
  actor: z
    .object({ id: z.uuid(), name: z.string().nullable(), via: z.string(), token_id: z.string().nullable() })
    .nullable()
    .meta({ description: 'Who did it; null where it was nobody in particular.' }),
  request_id: z.string(),
  data: z.unknown(),
}) satisfies z.ZodType<HistoryEntry>;

export const historyAnswer = z
  .object({
    results: z.array(historyEntry),
    next: z.string().nullable().meta({ description: 'URL of the next page.' }),
  })
  .meta({ id: 'History' });

export const catalogAnswer = z.object({ repositories: z.array(z.string()) }).meta({ id: 'Catalog' });

const at = z.iso.datetime();

const details = z.object({
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
  last_updated: at,
  date_registered: at,
  permissions: z.object({ read: z.boolean(), write: z.boolean(), admin: z.boolean() }),
}) satisfies z.ZodType<DetailsDto>;

export const repositoryAnswer = details.extend({ full_description: z.string() }).meta({ id: 'Repository' });

/** `count` is of all pages. */
const pageOf = <Result extends z.ZodType>(id: string, result: Result) =>
  z
    .object({
      count: z.int().meta({ description: 'Of all pages.' }),
      next: z.string().nullable().meta({ description: 'URL of the next page.' }),
      previous: z.string().nullable(),
      results: z.array(result),
    })
    .meta({ id });

const unknown = z.null().meta({ description: 'An index does not hear of it.' });
export const tagAnswer = z
  .object({
    id: z.int(),
    name: z.string(),
    images: z.array(
      z.object({
        id: z.string(),
        digest: z.string().nullable().meta({ description: 'The checksum, when a push named one.' }),
        architecture: unknown,
        os: unknown,
        size: unknown,
        status: z.literal('active'),
        last_pushed: at,
        last_pulled: unknown,
      }),
    ),
    last_updated: at,
    last_updater_username: z.string().nullable(),
    full_size: unknown,
    v2: z.literal(false),
    tag_last_pushed: at,
    tag_last_pulled: unknown,
    status: z.literal('active'),
  })
  .meta({ id: 'Tag' }) satisfies z.ZodType<TagDto>;

export const namespaceAnswer = z.object({ name: z.string(), type: z.enum(['user', 'organization']) });
const ownNamespace = z.object({
  name: z.string(),
  type: z.enum(['user', 'organization']),
  role: z.enum(['owner', 'member']),
}) satisfies z.ZodType<NamespaceDto>;
const stargazer = z.object({ user: z.string(), starred_at: at }) satisfies z.ZodType<StargazerDto>;
export const collaborator = z
  .object({ user: z.string(), permission: z.enum(['read', 'write', 'admin']) })
  .meta({ id: 'Collaborator' }) satisfies z.ZodType<GrantDto>;
export const member = z
  .object({ username: z.string(), role: z.enum(['owner', 'member']) })
  .meta({ id: 'Member' }) satisfies z.ZodType<MemberDto>;
const takedown = z.object({
  kind: z.enum(['image', 'repository']),
  name: z.string(),
  reason: z.string(),
}) satisfies z.ZodType<TakedownDto>;

export const repositoryPage = pageOf('RepositoryPage', details);
export const namespacePage = pageOf('NamespacePage', ownNamespace);
export const tagPage = pageOf('TagPage', tagAnswer);
export const stargazerPage = pageOf('StargazerPage', stargazer);
export const collaboratorPage = pageOf('CollaboratorPage', collaborator);
export const memberPage = pageOf('MemberPage', member);
export const takedownPage = pageOf('TakedownPage', takedown);
