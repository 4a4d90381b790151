import { parseArgs } from 'node:util';

export const usage = `
docket projector

Follows the log into the read models, the search index and the mails until SIGTERM. Takes its settings from the environment, or from
the instance that runs on DOCKET_DATA_DIR. Several may run: one is active for each projection.
Prints the line "projector running" when it follows.
`;

export async function run(args: string[]): Promise<number> {
  parseArgs({ args, options: {} });
  const [{ parseEnvironment }, { createLog }, { runUntilSignal }, { findInstance }, { runProjector }] =
    await Promise.all([
      import('@docket/runtime/environment'),
      import('@docket/runtime/log'),
      import('@docket/runtime/lifecycle'),
      import('../instance.ts'),
      import('@docket/projector/main'),
    ]);
  const environment = parseEnvironment(findInstance(process.env), ['TOKEN_KEYS']);
  const log = createLog({ name: 'projector', level: environment.logLevel });
  return runUntilSignal({
    log,
    start: async (lifecycle) => {
      await lifecycle.run({
        name: 'projector',
        start: () => runProjector(environment, log),
        stop: (projector) => projector.stop(),
      });
      process.stdout.write('projector running\n');
    },
  });
}
