/** A line of an import file: NDJSON, one repository each. */
import { fullNameText, parseFullName } from '@docket/shared/names';
import type { FullName } from '@docket/shared/names';
import { imageEntry } from '@docket/shared/repositories';
import type { ImageEntry } from '@docket/shared/repositories';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { parseField } from '../http/request.ts';
import type { ImportedRepository } from './decider.ts';

const descriptionCharactersMax = 25_000;

/** -1 and null mean unknown in the lists that are out there. */
const count = z
  .int()
  .min(-1)
  .nullish()
  .transform((value) => (value === null || value === undefined || value === -1 ? undefined : value));

const lineSchema = z.object({
  name: z.string(),
  description: z
    .string()
    .max(descriptionCharactersMax)
    .refine((text) => !text.includes('\0'), 'must not contain a zero character')
    // Half of a pair is no character: Postgres refuses it in JSON.
    .refine((text) => !/\p{Surrogate}/u.test(text), 'must be whole characters')
    .nullish()
    .transform((text) => text ?? undefined),
  star_count: count,
  pull_count: count,
  is_automated: z
    .boolean()
    .nullish()
    .transform((value) => value ?? undefined),
  images: z.array(imageEntry).default((): ImageEntry[] => []),
});

export interface ImportLine {
  readonly fullName: FullName;
  readonly repository: Omit<ImportedRepository, 'namespaceId' | 'name'>;
}

/** `library/x` and `x` are the same repository. */
export function parseImportLine(text: string): ImportLine | Refusal {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refuse('invalid_json', 'not valid JSON');
  }
  const line = parseField(lineSchema, json);
  if (isRefusal(line)) return line;
  const { name, description, star_count: starCount, pull_count: pullCount, is_automated: isAutomated, images } = line;
  const fullName = parseFullName(name);
  if (!fullName) return refuse('invalid_field', `${JSON.stringify(name)} is not the name of a repository`, 'name');
  return { fullName, repository: { description, starCount, pullCount, isAutomated, images } };
}

export function lineKey({ fullName }: ImportLine): string {
  return fullNameText(fullName);
}
