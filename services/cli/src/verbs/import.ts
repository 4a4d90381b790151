import { parseArgs } from 'node:util';

import type { Importing } from './import-file.ts';

export const usage = `
docket import FILE [--namespace NS] [--format ndjson|names] [--dry-run] [--resume ID] [--as ADMIN]
docket import --undo ID [--dry-run] [--as ADMIN]

Imports repositories: one JSON object a line, plain or gzip; - reads standard input.
  {"name": "ns/name" or "name", "description"?, "full_description"?, "star_count"?, "pull_count"?, "is_automated"?, "is_private"?,
   "last_updated"?, "images"?: [{"id", "checksum"?, "tag"?}]}
What a line does not say, or says to be null or -1, is unknown and stays as it is. Everything becomes events of the admin.

  --namespace NS   where bare names belong; library unless told
  --format names   one name a line: ns/name or name. A host in front, a tag and a digest are left out, so that lists of references and
                   what docker images prints are read as well; # begins a comment
  --dry-run        says what would happen, and writes nothing
  --resume ID      goes on with an import that was interrupted, under its id: the same file again; another is refused
  --undo ID        takes an import back: what it created and nobody changed since is deleted, what it changed and still stands gets its
                   former value back; what others changed since stays and is named. Namespaces that it reserved stay reserved
  --as ADMIN       whose events they are; admin unless told

The same file again adds nothing. Lines that cannot be imported do not stop it: the first are named by number and reason, all are counted,
and the exit status is 1. A file that is no text of lines (a JSON array, UTF-16) is refused before anything is written.
`;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      as: { type: 'string', default: 'admin' },
      namespace: { type: 'string' },
      format: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      resume: { type: 'string' },
      undo: { type: 'string' },
    },
  });
  const [{ withDatabase }, { accountByName }, { importFile, parseImporting }, { parseUndoing, takeBack }] =
    await Promise.all([
      import('../database.ts'),
      import('@docket/api/access/accounts'),
      import('./import-file.ts'),
      import('./import-undo.ts'),
    ]);
  const asked: Importing | { readonly undo: string; readonly dryRun: boolean } | string =
    values.undo === undefined ? parseImporting(values, positionals) : parseUndoing(values, positionals);
  if (typeof asked === 'string') {
    process.stderr.write(`${asked}\n\n${usage.trim()}\n`);
    return 2;
  }
  return withDatabase('api', async (using) => {
    const { database } = using;
    const admin = await accountByName(database, values.as);
    if (!admin?.isAdmin) {
      process.stderr.write(
        `docket import: there is no admin "${values.as}"; make one with docket user create, or name one with --as\n`,
      );
      return 1;
    }
    return 'undo' in asked ? takeBack(database, admin.id, asked) : importFile(using, admin.id, asked);
  });
}
