import { parseArgs } from 'node:util';

const processesMax = 16;

export const usage = `
docket up [--api N] [--projector N]

Runs everything on this machine: an embedded PostgreSQL and Meilisearch (or those of DATABASE_URL and MEILISEARCH_URL), migrations,
N API processes and N projectors (one each unless told; up to ${processesMax}). Data is in DOCKET_DATA_DIR (.docket).
Prints the line "docket ready <url>" when it serves. Ctrl-C or SIGTERM stops everything.
`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { api: { type: 'string' }, projector: { type: 'string' } } });
  const [apis, projectors] = [countOf(values.api), countOf(values.projector)];
  if (apis === undefined || projectors === undefined) {
    process.stderr.write(`--api and --projector take a number from 1 to ${processesMax}\n\n${usage.trim()}\n`);
    return 2;
  }
  const { runWhole } = await import('../up/start.ts');
  return runWhole({ apis, projectors });
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return 1;
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= processesMax ? count : undefined;
}
