/** Lists as the Hub gives them: numbered pages, with the addresses of those before and after. */
import { z } from 'zod';

import { answer } from './answer.ts';
import type { Answer } from './answer.ts';
import type { ApiRequest } from './request.ts';

export const pageSizeDefault = 10;
export const pageSizeMax = 100;
/** Page × size stays far from where numbers end. */
const pageMax = 10_000_000;

const whole = (max: number) =>
  z
    .string()
    .regex(/^[1-9]\d{0,8}$/, `must be a whole number from 1 to ${max}`)
    .transform(Number);

export const pageQuery = z.object({
  page: whole(pageMax)
    .refine((page) => page <= pageMax, `must be a whole number from 1 to ${pageMax}`)
    .default(1),
  /** More than the maximum is the maximum, as at the Hub. */
  page_size: whole(pageSizeMax)
    .transform((size) => Math.min(size, pageSizeMax))
    .default(pageSizeDefault),
});
export type PageQuery = z.infer<typeof pageQuery>;

export function offsetOf({ page, page_size }: PageQuery): number {
  return (page - 1) * page_size;
}

export interface PageLinks {
  readonly publicUrl: string | undefined;
}

export function pageAnswer(
  { publicUrl }: PageLinks,
  request: ApiRequest,
  { page, page_size }: PageQuery,
  count: number,
  results: readonly unknown[],
): Answer {
  const link = (to: number): string => {
    const query = new URLSearchParams(request.query);
    query.set('page', String(to));
    query.set('page_size', String(page_size));
    return `${publicUrl ?? request.origin}${request.path}?${query.toString()}`;
  };
  return answer(200, {
    count,
    next: page * page_size < count ? link(page + 1) : null,
    previous: page > 1 ? link(page - 1) : null,
    results,
  });
}
