/** Texts that people write and that come back as they came, to the last blank. */
import { z } from 'zod';

/** What Postgres has no place for: the zero character, and halves of characters. */
const unstorable = /\0|\p{Surrogate}/u;

/** `given`: what is made of the text before. */
export function text(charactersMax: number, given: z.ZodString = z.string()): z.ZodString {
  return given
    .max(charactersMax, `must have at most ${charactersMax} characters`)
    .refine((value) => !unstorable.test(value), 'must not contain a zero character or half of a character');
}
