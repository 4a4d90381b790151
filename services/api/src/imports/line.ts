/** A line of an import file: NDJSON, one repository each, or just names. */
import { importedTextCharactersMax, repositoryImagesDefault } from '@docket/shared/limits';
import { library, namespaceName, repositoryName, tagName } from '@docket/shared/names';
import type { FullName, NamespaceName } from '@docket/shared/names';
import { imageEntry } from '@docket/shared/image-lists';
import type { ImageEntry } from '@docket/shared/image-lists';
import { isRefusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { parseField, refuseLong } from '../http/request.ts';
import { lines, markdown, shownOnTerminal } from '../http/text.ts';
import type { ImportedRepository } from './decider.ts';

export const formats = ['ndjson', 'names'] as const;
export type Format = (typeof formats)[number];

export interface LineRules {
  readonly format: Format;
  /** The namespace of names that are written bare. */
  readonly namespace: NamespaceName;
  /** The images of one line at the most. */
  readonly imagesMax: number;
}

export const usualRules: LineRules = { format: 'ndjson', namespace: library, imagesMax: repositoryImagesDefault };

const subjectCharactersMax = 80;

/** -1 and null mean unknown in the lists that are out there. */
const count = z
  .int()
  .min(-1)
  .nullable()
  .transform((value) => (value === null || value === -1 ? undefined : value));

/** Clocks differ, and zones are mistaken. */
const aheadMsMax = 24 * 3600 * 1000;

/** An instant to the millisecond, in UTC. An instant before the first computers' clocks is a mistake, not a date. */
const instant = z.iso
  .datetime({ offset: true, error: 'must be a date and time with a zone, as 2024-08-16T05:01:22Z' })
  .transform((value) => new Date(value))
  .refine((date) => date.getTime() >= 0, 'must not be before 1970')
  .refine((date) => date.getTime() <= Date.now() + aheadMsMax, 'must not be in the future')
  .transform((date) => date.toISOString());

function orUnknown<Output>(schema: z.ZodType<Output>) {
  return schema.nullish().transform((value) => value ?? undefined);
}

const lineSchema = z.object({
  name: z.string(),
  description: orUnknown(lines(importedTextCharactersMax)),
  full_description: orUnknown(markdown(importedTextCharactersMax)),
  star_count: orUnknown(count),
  pull_count: orUnknown(count),
  is_automated: orUnknown(z.boolean()),
  is_private: orUnknown(z.boolean()),
  last_updated: orUnknown(instant),
  images: z
    .array(imageEntry)
    .nullish()
    .transform((images): ImageEntry[] => images ?? []),
});

export interface ImportLine {
  readonly fullName: FullName;
  readonly repository: Omit<ImportedRepository, 'namespaceId' | 'name'>;
}

/** Why a line is not imported: the rule, the same words for all lines that break it, and what breaks it. */
export interface BadLine {
  readonly rule: string;
  /** Undefined where the line names nothing that could be shown. */
  readonly subject: string | undefined;
}

const nothingSaid: ImportLine['repository'] = {
  description: undefined,
  fullDescription: undefined,
  starCount: undefined,
  pullCount: undefined,
  isAutomated: undefined,
  isPrivate: undefined,
  lastUpdated: undefined,
  images: [],
};

export const noJson = 'the line is not valid JSON';

/**
 * `library/x` and `x` are the same repository, unless bare names are to be of another namespace. Undefined where the line says nothing:
 * it is blank, or a comment among names.
 */
export function parseImportLine(line: string, rules: LineRules): ImportLine | BadLine | undefined {
  const text = line.trim();
  if (text === '') return undefined;
  return rules.format === 'names' ? parseNameLine(text, rules.namespace) : parseJsonLine(text, rules);
}

function parseJsonLine(line: string, { namespace, imagesMax }: LineRules): ImportLine | BadLine {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return { rule: noJson, subject: undefined };
  }
  const parsed = refuseLong(imagesIn(json), imagesMax) ?? parseField(lineSchema, json);
  if (isRefusal(parsed)) return { rule: parsed.message, subject: nameIn(json) };
  const fullName = parseName(parsed.name, namespace);
  if ('rule' in fullName) {
    const isReference = !('rule' in parseReference(parsed.name, namespace));
    const rule = 'the name has a host, a tag or a digest beside it, which do not belong there';
    return isReference ? { ...fullName, rule } : fullName;
  }
  return {
    fullName,
    repository: {
      description: parsed.description,
      fullDescription: parsed.full_description,
      starCount: parsed.star_count,
      pullCount: parsed.pull_count,
      isAutomated: parsed.is_automated,
      isPrivate: parsed.is_private,
      lastUpdated: parsed.last_updated,
      images: parsed.images,
    },
  };
}

/** What `docker images` prints above its columns, of old and from 29 on. */
const columnHeads = /^(REPOSITORY\s+TAG|IMAGE\s+ID)\s/;
/** Its lines: the name, the tag unless it is in the name, and an id. */
const columns = /^\S+(\s+\S+)?\s+(sha256:)?[0-9a-f]{12,64}(\s|$)/;

function parseNameLine(line: string, namespace: NamespaceName): ImportLine | BadLine | undefined {
  const text = line.replace(/(^|\s)#.*$/, '').trim();
  if (text === '' || columnHeads.test(text)) return undefined;
  const [reference = ''] = text.split(/\s/, 1);
  if (reference !== text && !columns.test(text)) {
    return { rule: 'the line has several words; one name is wanted', subject: shown(text) };
  }
  if (reference.startsWith('<none>')) return { rule: 'the image has no name', subject: shown(text) };
  const fullName = parseReference(reference, namespace);
  return 'rule' in fullName ? fullName : { fullName, repository: nothingSaid };
}

const digest = /^[a-z0-9]+([.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;

/** A reference as clients write it, `host:5000/ns/name:tag@digest`: the name of the repository, and nothing else of it. */
function parseReference(reference: string, bareNamespace: NamespaceName): FullName | BadLine {
  const bad = (rule: string): BadLine => ({ rule, subject: shown(reference) });
  if (reference.includes('://')) return bad('an address of a page is no name');
  const [tagged = '', ...digests] = reference.split('@');
  if (digests.length > 0 && !digest.test(digests.join('@'))) return bad('what stands behind the @ is no digest');
  const [, path = '', tag] = /^(.*?)(?::([^/]*))?$/.exec(tagged) ?? [];
  if (tag !== undefined && !tagName.safeParse(tag).success) return bad('what stands behind the colon is no tag');
  const [first = '', ...rest] = path.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const segments = hasHost ? rest : [first, ...rest];
  if (segments.length > 2) return bad('the name has more than one slash; a repository is a name in one namespace');
  const fullName = parseName(segments.join('/'), bareNamespace);
  return 'rule' in fullName ? { ...fullName, subject: shown(reference) } : fullName;
}

function parseName(name: string, bareNamespace: NamespaceName): FullName | BadLine {
  const slash = name.indexOf('/');
  const namespace = slash === -1 ? undefined : namespaceName.safeParse(name.slice(0, slash));
  const short = repositoryName.safeParse(name.slice(slash + 1));
  if (namespace?.success === false) return broken(name, 'namespace', namespace.error);
  if (!short.success) return broken(name, 'name', short.error);
  return { namespace: namespace?.data ?? bareNamespace, name: short.data };
}

function broken(name: string, part: string, { issues: [issue] }: z.ZodError): BadLine {
  return { rule: `the ${part} ${issue?.message ?? 'is not valid'}`, subject: shown(name) };
}

/** Counted before each is looked at. */
function imagesIn(json: unknown): readonly unknown[] {
  const listed = z.object({ images: z.custom<readonly unknown[]>(Array.isArray) }).safeParse(json);
  return listed.success ? listed.data.images : [];
}

function nameIn(json: unknown): string | undefined {
  const named = z.object({ name: z.string() }).safeParse(json);
  return named.success ? shown(named.data.name) : undefined;
}

/** Quoted, so that nothing in it acts on a terminal, and no longer than a line. */
function shown(name: string): string {
  const whole = shownOnTerminal(JSON.stringify(name), '?');
  return whole.length <= subjectCharactersMax ? whole : `${whole.slice(0, subjectCharactersMax - 1)}…`;
}
