/**
 * Texts that people write and that come back as they came, to the last blank. The rule is one for the API and for imports. Programs print
 * these texts on terminals, so what acts there instead of being shown is refused: control characters, which move and colour, and those
 * that turn the direction of writing, by which one thing looks like another.
 */
import { z } from 'zod';

/** What Postgres has no place for: the zero character, and halves of characters. */
const unstorable = /\0|\p{Surrogate}/u;

const turning = String.raw`\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069`;
const actingInSentence = new RegExp(String.raw`[\p{Cc}${turning}]`, 'u');
/** A carriage return alone writes over what stands before it. */
const actingInLines = new RegExp(String.raw`(?!\r?\n|\t)[\p{Cc}${turning}]`, 'u');
const actingInMarkdown = new RegExp(String.raw`(?![\r\n\t])[\p{Cc}${turning}]`, 'u');

/** No more than what can be stored: for what is compared and not shown. `given`: what is made of the text before. */
export function text(charactersMax: number, given: z.ZodString = z.string()): z.ZodString {
  return given
    .max(charactersMax, `must have at most ${charactersMax} characters`)
    .refine((value) => !unstorable.test(value), {
      error: 'must not contain a zero character or half of a character',
      abort: true,
    });
}

/** One line. */
export function sentence(charactersMax: number, given?: z.ZodString): z.ZodString {
  return without(actingInSentence, text(charactersMax, given), 'control characters, line breaks');
}

/** May have line breaks and tabs, which the programs that list repositories take out. */
export function lines(charactersMax: number): z.ZodString {
  return without(actingInLines, text(charactersMax), 'control characters');
}

/** Has lines of every kind, and is shown by a page. */
export function markdown(charactersMax: number): z.ZodString {
  return without(actingInMarkdown, text(charactersMax), 'control characters');
}

function without(acting: RegExp, schema: z.ZodString, what: string): z.ZodString {
  return schema.refine(
    (value) => !acting.test(value),
    `must not contain ${what} or characters that turn the direction of writing`,
  );
}

const everyActing = new RegExp(actingInLines, 'gu');

/** What was stored before such characters were refused, or was sent to be refused, without them. */
export function shownOnTerminal(value: string, instead = ''): string {
  return value.replaceAll(everyActing, instead);
}
