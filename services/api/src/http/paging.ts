/** Lists as the Hub gives them: numbered pages, with the addresses of those before and after. */
import { filterCharactersMax, pageMax, pageSizeDefault, pageSizeMax } from '@docket/shared/limits';
import { inSmallLetters } from '@docket/shared/names';
import { z } from 'zod';

import { answer } from './answer.ts';
import type { Answer } from './answer.ts';
import type { ApiRequest } from './request.ts';
import { text } from './text.ts';

/** Nine digits are read at most. */
export const wholeNumberMax = 999_999_999;

/**
 * A whole number in a query: digits and nothing else, so that `1e1`, `0x10`, `+1` and an empty text are none. One above the maximum is
 * refused, or taken for the maximum (`above: 'clamp'`).
 */
export function wholeNumber(min: 0 | 1, max: number, above: 'refuse' | 'clamp') {
  const reason = `must be a whole number from ${min} to ${max}`;
  return (
    z
      .string()
      .refine((digits) => /^\d{1,9}$/.test(digits), { error: reason, abort: true })
      .transform(Number)
      .refine((number) => number >= min && (above === 'clamp' || number <= max), reason)
      .transform((number) => Math.min(number, max))
      // The document tells clients of a number, whatever a query makes of it.
      .meta({ type: 'integer', minimum: min, ...(above === 'clamp' ? {} : { maximum: max }) })
  );
}

export const pageQuery = z.object({
  page: wholeNumber(1, pageMax, 'refuse').default(1).meta({ description: 'From 1 on.' }),
  /** More than the maximum is the maximum, as at the Hub. */
  page_size: wholeNumber(1, pageSizeMax, 'clamp')
    .default(pageSizeDefault)
    .meta({ description: `Up to ${pageSizeMax}; ${pageSizeDefault} unless told.` }),
});
export type PageQuery = z.infer<typeof pageQuery>;

/** A part of the name, as the Hub filters; nothing is everything. In small letters, because it is looked for in any case. */
export const nameFilter = text(filterCharactersMax)
  .overwrite(inSmallLetters)
  .default('')
  .meta({ description: 'Only what has this in its name, in whatever case.' });

/** A minus in front is the other way round. */
const orderings = ['name', '-name', 'last_updated', '-last_updated'] as const;
export type Ordering = (typeof orderings)[number];

export function orderingOr(unlessTold: Ordering) {
  return z.enum(orderings, `must be one of ${orderings.join(', ')}`).default(unlessTold);
}

export function offsetOf({ page, page_size }: PageQuery): number {
  return (page - 1) * page_size;
}

/** A page as `pageAnswer` gives it, for the document. */
export function pageOf<Result extends z.ZodType>(id: string, result: Result) {
  return z
    .object({
      count: z.int().meta({ description: 'Of all pages.' }),
      next: z.string().nullable().meta({ description: 'URL of the next page.' }),
      previous: z.string().nullable(),
      results: z.array(result),
    })
    .meta({ id });
}

export function pageAnswer(
  request: ApiRequest,
  { page, page_size }: PageQuery,
  count: number,
  results: readonly unknown[],
): Answer {
  const link = (to: number): string => {
    const query = new URLSearchParams(request.query);
    query.set('page', String(to));
    query.set('page_size', String(page_size));
    return request.address.url(`${request.path}?${query.toString()}`);
  };
  return answer(200, {
    count,
    next: page * page_size < count ? link(page + 1) : null,
    previous: page > 1 ? link(page - 1) : null,
    results,
  });
}
