import { z } from 'zod';

const instant = z.iso.datetime();
const unknown = z.null().meta({ description: 'An index does not hear of it.' });

/** In the shape of the Hub. An index hears of ids, checksums and tags; what it does not hear of is null. */
export const tagAnswer = z
  .object({
    /** Position of the event that announced it last. */
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
        last_pushed: instant,
        last_pulled: unknown,
      }),
    ),
    last_updated: instant,
    last_updater_username: z.string().nullable(),
    full_size: unknown,
    v2: z.literal(false),
    tag_last_pushed: instant,
    tag_last_pulled: unknown,
    status: z.literal('active'),
  })
  .meta({ id: 'Tag' });
export type TagDto = z.infer<typeof tagAnswer>;
