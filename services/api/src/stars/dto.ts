import { z } from 'zod';

export const stargazer = z.object({ user: z.string(), starred_at: z.iso.datetime() });
export type StargazerDto = z.infer<typeof stargazer>;
