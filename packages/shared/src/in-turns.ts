/**
 * Long lists are parsed a part at a time, with a turn of the event loop between two parts: 20 000 images at once would hold it for some
 * 50 ms, and everybody else with it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { z } from 'zod';

import { entriesAtOnceMax } from './limits.ts';

/** Between two steps of work on so many items: everybody else has a turn when there are many. */
export async function turnBetween(items: number): Promise<void> {
  if (items > entriesAtOnceMax) await nextTurn();
}

export type ParsedInTurns<T> =
  { readonly success: true; readonly data: T[] } | { readonly success: false; readonly error: z.ZodError };

/** As the schema of the list does it on the whole, the paths of the errors as well. */
export async function parseInTurns<List extends readonly unknown[]>(
  schema: z.ZodType<List>,
  items: readonly unknown[],
): Promise<ParsedInTurns<List[number]>> {
  const data: List[number][] = [];
  for (let from = 0; from < items.length; from += entriesAtOnceMax) {
    if (from > 0) await nextTurn();
    const result = schema.safeParse(items.slice(from, from + entriesAtOnceMax));
    if (!result.success) {
      const issues = result.error.issues.map((issue) => {
        const [index, ...path] = issue.path;
        return { ...issue, path: typeof index === 'number' ? [from + index, ...path] : issue.path };
      });
      return { success: false, error: new z.ZodError(issues) };
    }
    for (const item of result.data) data.push(item);
  }
  return { success: true, data };
}
