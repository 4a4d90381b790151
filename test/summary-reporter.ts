/**
 * The run ends with the files that took longest, slowest first, and then in one line that people and machines read: `N passed, N failed`,
 * and how many were skipped if any were.
 */
import { relative } from 'node:path';

import type { Reporter, TestModule } from 'vitest/node';

type Counted = 'passed' | 'failed' | 'skipped' | 'pending';

const slowestFilesMax = 20;

export class SummaryReporter implements Reporter {
  #summarised = false;

  onInit(): void {
    // A run whose engines do not start ends before there is anything to count.
    process.once('exit', () => {
      if (!this.#summarised) process.stdout.write('\n0 passed, 1 failed\n');
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    if (modules.length === 0 && unhandledErrors.length === 0) return;
    const counts: Record<Counted, number> = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      let failures = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state] += 1;
        if (state === 'failed') failures += 1;
      }
      // A file that does not load, or whose hooks fail, has failed though none of its tests says so.
      if (module.state() === 'failed' && failures === 0) counts.failed += 1;
    }
    counts.failed += unhandledErrors.length;
    const skipped = counts.skipped + counts.pending;
    this.#summarised = true;
    const line = `${counts.passed} passed, ${counts.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    process.stdout.write(`\n${slowest(modules)}${line}\n`);
  }
}

/** The time of each file from its first hook to its last, in seconds, without what is done once for all files. */
function slowest(modules: readonly TestModule[]): string {
  const files = modules.map((module) => {
    const { collectDuration, duration } = module.diagnostic();
    return { path: relative(process.cwd(), module.moduleId), seconds: (collectDuration + duration) / 1_000 };
  });
  const shown = files.toSorted((one, other) => other.seconds - one.seconds).slice(0, slowestFilesMax);
  const lines = shown.map(({ path, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${path}\n`);
  return lines.length > 1 ? `The slowest files:\n${lines.join('')}\n` : '';
}
