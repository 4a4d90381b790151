import { z } from 'zod';

export const takedown = z.object({
  kind: z.enum(['image', 'repository']),
  /** An image id, or `namespace/name`. */
  name: z.string(),
  reason: z.string(),
});
export type TakedownDto = z.infer<typeof takedown>;
