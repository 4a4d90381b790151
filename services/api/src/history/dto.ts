import { historyImagesMax } from '@docket/shared/limits';
import { z } from 'zod';

/** An event of a repository, for people. */
const historyEntry = z.object({
  position: z.string().regex(/^\d+$/).meta({ description: 'A place in the log, a decimal number.' }),
  version: z.int().meta({ description: 'Counts the events of this repository.' }),
  type: z.string(),
  at: z.iso.datetime(),
  actor: z
    .object({ id: z.uuid(), name: z.string().nullable(), via: z.string(), token_id: z.string().nullable() })
    .nullable()
    .meta({ description: 'Who did it; null where it was nobody in particular.' }),
  request_id: z.string(),
  data: z.unknown().meta({
    description: `What the event says. Of its images the first ${historyImagesMax} are told, and \`image_count\` says how many there are.`,
  }),
});
export type HistoryEntry = z.infer<typeof historyEntry>;

export const historyPage = z
  .object({
    results: z.array(historyEntry),
    next: z.string().nullable().meta({ description: 'URL of the next page.' }),
  })
  .meta({ id: 'History' });
export type HistoryPage = z.infer<typeof historyPage>;
