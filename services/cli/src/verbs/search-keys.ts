import { parseArgs } from 'node:util';

export const usage = `
docket search-keys [--print]

Makes the keys with which the API and the projector ask the search engine of MEILISEARCH_URL, with its MEILISEARCH_MASTER_KEY. Those that
are there stay as they are, and an engine that lost them gets the same again.

  --print   writes them on standard output, as the settings MEILISEARCH_API_KEY and PROJECTOR_MEILISEARCH_API_KEY
`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { print: { type: 'boolean', default: false } } });
  const [{ parseSettings }, { makeSearchKeys }] = await Promise.all([
    import('@docket/runtime/environment'),
    import('@docket/runtime/search-keys'),
  ]);
  const { meilisearchUrl: url, meilisearchMasterKey: masterKey } = parseSettings(process.env);
  if (url === undefined || masterKey === undefined) {
    process.stderr.write(`docket search-keys wants MEILISEARCH_URL and MEILISEARCH_MASTER_KEY\n\n${usage.trim()}\n`);
    return 2;
  }
  const { search, projector } = await makeSearchKeys({ url, masterKey });
  process.stdout.write(
    values.print
      ? `MEILISEARCH_API_KEY=${search}\nPROJECTOR_MEILISEARCH_API_KEY=${projector}\n`
      : 'the keys of the search engine are there\n',
  );
  return 0;
}
