import { parseArgs } from 'node:util';

export const usage = `
docket projections [list]
Where each follower of the log stands: how many events and seconds it is behind, which process holds it, and why it does not go on.

docket projections failures
What could not be delivered: when it is tried again, or that it was set aside.
docket projections retry ID|all
Tries it again now.

docket projections rebuild tables|search [--discard]
Builds it anew from the first event beside the one that is in use, which then it takes the place of. Ctrl-C stops it; the same command
goes on from there. --discard drops what was built so far.
`;

export async function run(args: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { discard: { type: 'boolean', default: false } },
  });
  const [action = 'list', subject, ...more] = positionals;
  if (more.length === 0) {
    if (subject === undefined && !values.discard && (action === 'list' || action === 'failures')) return list(action);
    if (action === 'retry' && subject !== undefined && !values.discard) return retry(subject);
    if (action === 'rebuild' && subject !== undefined) {
      const { rebuild } = await import('./rebuild.ts');
      return rebuild(subject, values.discard ? 'discard' : 'build');
    }
  }
  process.stderr.write(`${usage.trim()}\n`);
  return 2;
}

async function list(what: 'list' | 'failures'): Promise<number> {
  const [{ withDatabase }, { listProjections, listFailures }, { table }] = await Promise.all([
    import('../database.ts'),
    import('@docket/store/followers/standings'),
    import('../columns.ts'),
  ]);
  return withDatabase('projector', async ({ database }) => {
    const rows = what === 'list' ? await listProjections(database) : await listFailures(database);
    process.stdout.write(table(rows));
    return 0;
  });
}

async function retry(subject: string): Promise<number> {
  if (subject !== 'all' && !/^\d{1,18}$/.test(subject)) {
    process.stderr.write(`${subject} is not the id of a failure: docket projections failures lists them\n`);
    return 2;
  }
  const [{ withDatabase }, { retryFailures }] = await Promise.all([
    import('../database.ts'),
    import('@docket/store/followers/failures'),
  ]);
  return withDatabase('projector', async ({ database }) => {
    const count = await retryFailures(database, subject === 'all' ? undefined : BigInt(subject));
    if (count === 0 && subject !== 'all') {
      process.stderr.write(`there is no failure ${subject}\n`);
      return 1;
    }
    process.stdout.write(`${count} ${count === 1 ? 'failure is' : 'failures are'} tried again now\n`);
    return 0;
  });
}
