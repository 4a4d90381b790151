/** `docket import --undo ID`. */
import { undoImport } from '@docket/api/imports/undo';
import type { Database } from '@docket/store/connect';
import { countImportCommands } from '@docket/store/log/imports';
import { notifier } from '@docket/store/log/notify';
import { v7 as uuidv7, validate as isUuid } from 'uuid';

import { progress } from '../progress.ts';

export interface Undoing {
  readonly undo: string;
  readonly dryRun: boolean;
}

interface Flags {
  readonly namespace?: string | undefined;
  readonly format?: string | undefined;
  readonly resume?: string | undefined;
  readonly undo?: string | undefined;
  readonly 'dry-run': boolean;
}

const keptShownMax = 100;

/** A sentence when it is not understood. */
export function parseUndoing(flags: Flags, files: readonly string[]): Undoing | string {
  const { undo, namespace, format, resume } = flags;
  if (files.length > 0 || namespace !== undefined || format !== undefined || resume !== undefined) {
    return '--undo goes with --dry-run and --as alone';
  }
  if (undo === undefined || !isUuid(undo)) return '--undo is the id of an import';
  return { undo, dryRun: flags['dry-run'] };
}

export async function takeBack(
  database: Database,
  adminId: string,
  { undo: importId, dryRun }: Undoing,
): Promise<number> {
  const total = await countImportCommands(database, importId);
  if (total === 0) {
    process.stderr.write(`docket import: there is no import ${importId}\n`);
    return 1;
  }
  const undoId = uuidv7();
  const shown = progress({ doing: 'taking back', unit: 'commands', total, output: process.stderr });
  let kept = 0;
  const counts = await undoImport({
    database,
    importId,
    dryRun,
    envelope: {
      metadata: {
        actor: { id: adminId, via: 'operator' },
        request_id: undoId,
        correlation_id: undoId,
        causation_id: importId,
      },
      context: { ip: null, userAgent: 'docket import', fingerprint: null },
    },
    onAppended: notifier(database),
    onProgress: ({ commands }) => shown.show(commands),
    onKept: ({ fullName, reasons }) => {
      kept += 1;
      if (kept <= keptShownMax) shown.say(`${fullName} stays in part: ${reasons.join(', ')}`);
      if (kept === keptShownMax + 1) shown.say('… and more, which are counted');
    },
  });
  shown.end();
  const { repositories, deleted, restored, events } = counts;
  const would = dryRun ? 'would be ' : '';
  process.stdout.write(
    `${repositories} repositories: ${deleted} ${would}deleted, ${restored} ${would}given back their former values, ` +
      `${counts.kept} ${would}kept in part because others changed them; ${events} events${dryRun ? ', none of them written' : ''}\n`,
  );
  return 0;
}
