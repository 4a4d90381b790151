import { parseArgs } from 'node:util';

export const usage = `
docket api

Serves the API on PORT until SIGTERM. Takes its settings from the environment, or from the instance that runs on DOCKET_DATA_DIR.
Prints the line "api listening <url>" when it serves.
`;

export async function run(args: string[]): Promise<number> {
  parseArgs({ args, options: {} });
  const [{ parseEnvironment }, { createLog }, { runUntilSignal }, { findInstance }, { runApi }] = await Promise.all([
    import('@docket/runtime/environment'),
    import('@docket/runtime/log'),
    import('@docket/runtime/lifecycle'),
    import('../instance.ts'),
    import('@docket/api/main'),
  ]);
  const environment = parseEnvironment(findInstance(process.env), ['TOKEN_KEYS']);
  const log = createLog({ name: 'api', level: environment.logLevel });
  return runUntilSignal({
    log,
    start: async (lifecycle) => {
      const { url } = await lifecycle.run({
        name: 'api',
        start: () => runApi(environment, log),
        stop: (api) => api.stop(),
      });
      process.stdout.write(`api listening ${url}\n`);
    },
  });
}
