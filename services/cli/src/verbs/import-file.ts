/** `docket import FILE`: what is said of an import to the person who started it. */
import { formats, noJson, usualRules } from '@docket/api/imports/line';
import type { LineRules } from '@docket/api/imports/line';
import { runImport } from '@docket/api/imports/run';
import type { ImportCounts, RefusedLine } from '@docket/api/imports/run';
import type { Environment } from '@docket/runtime/environment';
import { typedName } from '@docket/shared/names';
import type { Database } from '@docket/store/connect';
import { readImportSource, rememberImport } from '@docket/store/directory/imports';
import type { ImportSource } from '@docket/store/directory/imports';
import { countImportCommands } from '@docket/store/log/imports';
import { notifier } from '@docket/store/log/notify';
import { v7 as uuidv7, validate as isUuid } from 'uuid';

import { openLines } from '../lines.ts';
import { progress } from '../progress.ts';

export interface Importing {
  readonly file: string;
  readonly rules: Omit<LineRules, 'imagesMax'>;
  readonly dryRun: boolean;
  /** The id of the import that this one goes on with. */
  readonly resume: string | undefined;
}

interface Flags {
  readonly namespace?: string | undefined;
  readonly format?: string | undefined;
  readonly 'dry-run': boolean;
  readonly resume?: string | undefined;
}

const refusedShownMax = 20;
/** Rules are few; one that quotes what breaks it would not be. */
const rulesMax = 50;

/** A sentence when it is not understood. */
export function parseImporting(flags: Flags, [file, ...more]: readonly string[]): Importing | string {
  if (file === undefined || more.length > 0) return 'which file?';
  const format = formats.find((name) => name === (flags.format ?? usualRules.format));
  if (format === undefined) return `--format is one of: ${formats.join(', ')}`;
  const namespace = typedName.safeParse(flags.namespace ?? usualRules.namespace);
  if (!namespace.success) return `--namespace ${namespace.error.issues[0]?.message ?? 'is not valid'}`;
  if (flags.resume !== undefined && !isUuid(flags.resume)) return '--resume is the id of an import';
  return { file, rules: { format, namespace: namespace.data }, dryRun: flags['dry-run'], resume: flags.resume };
}

export async function importFile(
  { database, environment }: { readonly database: Database; readonly environment: Environment },
  adminId: string,
  asked: Importing,
): Promise<number> {
  const { file, dryRun, resume } = asked;
  const rules = { ...asked.rules, imagesMax: environment.repositoryImagesMax };
  const begun = resume === undefined ? undefined : await begunImport(database, resume);
  if (typeof begun === 'string') return refuse(begun);
  const { lines, contents } = await openLines(file);
  const source = contents && { ...asked.rules, contentsSha256: contents.sha256 };
  const other = begun && whyOther(begun, source, file);
  if (other !== undefined) return refuse(other);
  const importId = resume ?? uuidv7();
  // Before anything is written, so that one that is killed can be resumed or taken back.
  if (!dryRun && source && !begun) await rememberImport(database, importId, source);
  if (!dryRun) process.stdout.write(`import ${importId}\n`);
  const started = performance.now();
  const total = contents?.lines;
  const shown = progress({ doing: dryRun ? 'looking at' : 'importing', unit: 'lines', total, output: process.stderr });
  const refusals = refusalReport(shown.say);
  const counts = await runImport({
    database,
    onAppended: notifier(database),
    envelope: {
      metadata: {
        actor: { id: adminId, via: 'operator' },
        request_id: importId,
        correlation_id: importId,
        causation_id: importId,
      },
      context: { ip: null, userAgent: 'docket import', fingerprint: null },
    },
    lines,
    rules,
    imageListBounds: { imagesMax: environment.repositoryImagesMax, tagsMax: environment.repositoryTagsMax },
    dryRun,
    onProgress: ({ lines: done }) => shown.show(done),
    onRefused: refusals.add,
  });
  shown.end();
  refusals.sum();
  if (refusals.all(counts, noJson)) shown.say('no line is JSON; a list of names is read with --format names');
  process.stdout.write(`${sentence(counts, dryRun, performance.now() - started)}\n`);
  if (!dryRun && counts.events > 0) process.stdout.write(`docket import --undo ${importId} takes it back\n`);
  return counts.refused === 0 ? 0 : 1;
}

function refuse(reason: string): number {
  process.stderr.write(`docket import: ${reason}\n`);
  return 1;
}

interface Begun extends ImportSource {
  readonly id: string;
}

/** A sentence when nobody can go on with it. */
async function begunImport(database: Database, id: string): Promise<Begun | string> {
  const source = await readImportSource(database, id);
  if (source) return { id, ...source };
  if ((await countImportCommands(database, id)) === 0) return `there is no import ${id} to go on with`;
  return (
    `what import ${id} read is not known: it was standard input, or an earlier version; ` +
    'import it again without --resume, what is there adds nothing'
  );
}

/** Undefined when it is what the import began with. */
function whyOther(begun: Begun, source: ImportSource | undefined, file: string): string | undefined {
  if (source === undefined) return '--resume wants the file itself, to compare it with what was read before';
  if (begun.contentsSha256 !== source.contentsSha256) {
    return `${file} is not what import ${begun.id} began with; import it without --resume`;
  }
  if (begun.format === source.format && begun.namespace === source.namespace) return undefined;
  return `import ${begun.id} began with --format ${begun.format} --namespace ${begun.namespace}; go on with the same`;
}

function sentence(counts: ImportCounts, dryRun: boolean, elapsedMs: number): string {
  const { lines, created, changed, unchanged, refused, events } = counts;
  const would = dryRun ? 'would be ' : '';
  return (
    `${lines} lines in ${(elapsedMs / 1_000).toFixed(1)} s: ${created} repositories ${would}created, ${changed} ${would}changed, ` +
    `${unchanged} unchanged, ${refused} refused; ${events} events${dryRun ? ', none of them written' : ''}`
  );
}

interface RefusalReport {
  readonly add: (line: RefusedLine) => void;
  /** How often each rule was broken. */
  readonly sum: () => void;
  /** Whether there is no line but those that break this rule. */
  readonly all: (counts: ImportCounts, rule: string) => boolean;
}

function refusalReport(say: (line: string) => void): RefusalReport {
  const byRule = new Map<string, number>();
  let count = 0;
  return {
    add: ({ number, rule, subject }) => {
      count += 1;
      const known = byRule.has(rule) || byRule.size < rulesMax ? rule : 'other reasons';
      byRule.set(known, (byRule.get(known) ?? 0) + 1);
      if (count <= refusedShownMax) say(`line ${number}: ${subject === undefined ? '' : `${subject}: `}${rule}`);
      if (count === refusedShownMax + 1) say('… and more, which are counted');
    },
    sum: () => {
      const rules = [...byRule].toSorted(([, left], [, right]) => right - left);
      for (const [rule, lines] of rules) say(`refused ${lines} ${lines === 1 ? 'line' : 'lines'}: ${rule}`);
    },
    all: ({ created, changed, unchanged }, rule) =>
      count > 0 && byRule.get(rule) === count && created + changed + unchanged === 0,
  };
}
