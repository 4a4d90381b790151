import { parseArgs } from 'node:util';

export const usage = `
docket projections [list]

Where each follower of the log stands: how many events and seconds it is behind, and which process holds it.
docket projections failures
What could not be delivered and was set aside.
`;

export async function run(args: string[]): Promise<number> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  const [action = 'list', ...more] = positionals;
  if ((action !== 'list' && action !== 'failures') || more.length > 0) {
    process.stderr.write(`${usage.trim()}\n`);
    return 2;
  }
  const [{ withDatabase }, { listProjections, listFailures }, { table }] = await Promise.all([
    import('./database.ts'),
    import('@docket/store/projections'),
    import('./table.ts'),
  ]);
  return withDatabase('projector', async ({ store }) => {
    const rows = action === 'list' ? await listProjections(store) : await listFailures(store);
    process.stdout.write(table(rows));
    return 0;
  });
}
