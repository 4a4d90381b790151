import { parseArgs } from 'node:util';

export const usage = `
docket import FILE [--as ADMIN]

Imports repositories: one JSON object a line, plain or gzip; - reads standard input.
  {"name": "ns/name" or "name", "description"?, "star_count"?, "pull_count"?, "is_automated"?, "images"?: [{"id", "checksum"?, "tag"?}]}
Everything becomes events of the admin ("admin" unless told). The same file again adds nothing, so an import that was interrupted is
simply started again. Lines that cannot be imported are named on standard error and do not stop it.
`;

const refusedShownMax = 20;
const progressMs = 500;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { as: { type: 'string', default: 'admin' } },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    process.stderr.write(`which file?\n\n${usage.trim()}\n`);
    return 2;
  }
  const [{ withDatabase }, { accountByName }, { runImport }, { notifier }, { openLines }, { v7: uuidv7 }] =
    await Promise.all([
      import('./database.ts'),
      import('@docket/api/accounts/queries'),
      import('@docket/api/imports/run'),
      import('@docket/store/notify'),
      import('./lines.ts'),
      import('uuid'),
    ]);
  return withDatabase('api', async ({ store }) => {
    const admin = await accountByName(store, values.as);
    if (!admin?.isAdmin) {
      process.stderr.write(
        `docket import: there is no admin "${values.as}"; make one with docket user create, or name one with --as\n`,
      );
      return 1;
    }
    const { lines, fractionRead } = await openLines(file);
    const importId = uuidv7();
    const started = performance.now();
    let shownAt = -Infinity;
    let refusedShown = 0;
    const notify = notifier(store.pool);
    const counts = await runImport({
      store,
      onAppended: notify,
      envelope: {
        metadata: {
          actor: { id: admin.id, via: 'operator' },
          request_id: importId,
          correlation_id: importId,
          causation_id: importId,
        },
        context: { ip: null, userAgent: 'docket import', fingerprint: null },
      },
      lines,
      onProgress: ({ lines: done }) => {
        if (performance.now() - shownAt < progressMs) return;
        shownAt = performance.now();
        process.stderr.write(progressLine(done, fractionRead(), performance.now() - started));
      },
      onRefused: ({ number, reason }) => {
        refusedShown += 1;
        if (refusedShown <= refusedShownMax) process.stderr.write(`${clearLine}line ${number}: ${reason}\n`);
      },
    });
    process.stderr.write(clearLine);
    const { lines: total, created, changed, unchanged, refused, events } = counts;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (refused > refusedShownMax) process.stderr.write(`… and ${refused - refusedShownMax} more lines refused\n`);
    process.stdout.write(
      `${total} lines in ${seconds} s: ${created} repositories created, ${changed} changed, ${unchanged} unchanged, ${refused} refused; ${events} events\n`,
    );
    return 0;
  });
}

const clearLine = process.stderr.isTTY ? '\r\u001b[K' : '';

/** One line that is written over on a terminal, a line each elsewhere. */
function progressLine(lines: number, fraction: number | undefined, elapsedMs: number): string {
  const rate = Math.round(lines / (elapsedMs / 1000));
  const known = fraction !== undefined && fraction > 0;
  const percent = known ? `${Math.floor(fraction * 100)} %, ` : '';
  const left = known ? `, ${Math.ceil((elapsedMs / fraction - elapsedMs) / 1000)} s left` : '';
  const text = `importing: ${percent}${lines} lines, ${rate} lines/s${left}`;
  return process.stderr.isTTY ? `${clearLine}${text}` : `${text}\n`;
}
