import { defineConfig } from 'vitest/config';

import { SlowestFirst } from './test/slowest-first.ts';
import { SummaryReporter } from './test/summary-reporter.ts';

/** A world is three processes and more; two at once keep two cores busy. */
const worldsMax = 2;

export default defineConfig({
  // The sources of the workspace, not what the last build made of them. Processes that tests start run what was built.
  ssr: { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } },
  test: {
    maxWorkers: worldsMax,
    sequence: { sequencer: SlowestFirst },
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{packages,services}/*/src/**/*.test.ts', 'infra/src/**/*.test.ts', 'test/generate/*.test.ts'],
          // Pure functions, all over the same modules: loaded once for each worker and not for each file.
          isolate: false,
          // Properties of a thousand runs, on a machine that does other things as well.
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/{conformance,integration,wire,lifecycle}/**/*.test.ts'],
          globalSetup: './test/stack.ts',
          // Every file reads the modules of the API for its description of itself: once for each worker.
          isolate: false,
          // A machine may be three times as slow as this one, and two files share it.
          testTimeout: 180_000,
          hookTimeout: 240_000,
        },
      },
      {
        extends: true,
        test: {
          // Engines of its own, with durability on.
          name: 'chaos',
          include: ['test/chaos/*.test.ts'],
          maxConcurrency: 2,
        },
      },
      {
        extends: true,
        test: {
          // Programs of others, where they are installed: "pnpm clients".
          name: 'clients',
          include: ['test/clients/**/*.test.ts'],
          globalSetup: './test/stack.ts',
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // Daemons of their own for every file.
          fileParallelism: false,
        },
      },
    ],
  },
});
