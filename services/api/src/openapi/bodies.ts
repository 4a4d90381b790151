/** What answers look like, held by the compiler to the types that the code answers with. */
import type { ImageDto } from '@docket/shared/repositories';
import type { SearchAnswer, SearchResult } from '@docket/shared/search';
import { z } from 'zod';

import type { HistoryEntry } from '../history/queries.ts';

export const error = z
  .object({
    error: z.string().meta({ description: 'A sentence for the person in front of the client.' }),
    field: z.string().optional().meta({ description: 'The field that is wrong: `email`, `[0].id`.' }),
  })
  .meta({ id: 'Error' });

export const message = z
  .object({
    message: z.string().meta({ description: 'A sentence for the person in front of the client.' }),
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
