/** The files that take longest begin first, so that none of them is left over at the end with nothing beside it. */
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** In the order of the list at the end of a run. A file that is not here begins after them. */
const slowest = [
  'test/lifecycle/up.test.ts',
  'test/integration/operations.test.ts',
  'test/conformance/seed.test.ts',
  'test/integration/rebuild-killed.test.ts',
  'test/integration/rights.test.ts',
  'test/integration/pooler.test.ts',
  'test/wire/pipelining.test.ts',
  'test/integration/projector-killed.test.ts',
  'test/integration/import.test.ts',
  'test/integration/import-undo.test.ts',
  'test/integration/takeover.test.ts',
];

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- no array
    const sorted = await super.sort(files);
    // Files of one project stay together: a worker goes on with the next file of its project and starts anew for another.
    const projects = [...new Set(sorted.map(({ project }) => project))];
    return projects.flatMap((project) =>
      sorted.filter((file) => file.project === project).toSorted((one, other) => rankOf(one) - rankOf(other)),
    );
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = slowest.findIndex((path) => moduleId.endsWith(path));
  return rank === -1 ? slowest.length : rank;
}
