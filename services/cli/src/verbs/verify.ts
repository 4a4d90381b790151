import { parseArgs } from 'node:util';

export const usage = `
docket verify

Compares log, read models, directory and search index, and prints every difference. Reads only. Exit status 1 when there is any.
`;

export async function run(args: string[]): Promise<number> {
  parseArgs({ args, options: {} });
  const [{ withDatabase }, { withMeilisearch }, { verify }] = await Promise.all([
    import('../database.ts'),
    import('../meilisearch.ts'),
    import('@docket/projector/verify/verify'),
  ]);
  return withDatabase('projector', ({ database, environment }) =>
    withMeilisearch(environment, async (meilisearch) => {
      const { events, repositories, accounts, documents, differences } = await verify({
        database,
        meilisearch,
        onDifference: (sentence) => process.stdout.write(`${sentence}\n`),
      });
      const index = documents === undefined ? 'no search index' : `${documents} documents`;
      process.stdout.write(
        `${differences} differences in ${events} events, ${repositories} repositories, ${accounts} accounts, ${index}\n`,
      );
      return differences === 0 ? 0 : 1;
    }),
  );
}
