import type { SearchResult } from '@docket/shared/search';
import { z } from 'zod';

const result = z.object({
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
        result,
        z.object({ name: z.string(), description: z.string() }).meta({ description: 'To docker up to 0.6.' }),
      ]),
    ),
  })
  .meta({ id: 'SearchAnswer' });
export type SearchAnswer = z.infer<typeof searchAnswer>;
