import { expect } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import type { Stage } from '../support/stage.ts';
import { scenario, usualError } from './scenario.ts';
import type { Scenarios } from './scenario.ts';

/** The three repositories of the example, as an import brings them. */
export const exampleRepositories = [
  { name: 'ubuntu', description: 'An ubuntu image...', star_count: 300 },
  { name: 'centos', description: 'A centos image...', star_count: 200 },
  { name: 'fedora', description: 'A fedora image...', star_count: 100 },
] as const;

export const searchScenarios: Scenarios = {
  'GET /v1/search': {
    200: [
      scenario('a term that names one of them', () => ({ ...asking('q=fedora'), answers: found(['fedora']) })),
      scenario('a term that nothing matches', () => ({ ...asking('q=zyzzyva'), answers: found([]) })),
      scenario('no term, which lists all', () => ({
        ...asking(''),
        answers: expect.objectContaining({ query: '', results: expect.any(Array) as unknown }) as unknown,
      })),
      scenario('the search engine is away', async ({ world }) => {
        await world.meilisearch.stop();
        return {
          ...asking('q=centos'),
          answers: found(['centos']),
          afterwards: expectHeader('X-Docket-Search', /^postgres$/),
          restore: () => world.meilisearch.start(),
        };
      }),
    ],
    500: [
      scenario('neither the search engine nor the database is there', async (stage) => {
        await Promise.all([stage.world.meilisearch.stop(), stage.world.database.stop()]);
        return {
          ...asking('q=centos'),
          answers: usualError,
          afterwards: expectHeader('Retry-After', /^[1-9]\d*$/),
          restore: () => restored(stage),
        };
      }),
    ],
  },
};

function expectHeader(name: string, pattern: RegExp) {
  return (answer: Answer): void => {
    expect(valuesOf(answer, name)).toEqual([expect.stringMatching(pattern)]);
  };
}

async function restored({ world }: Stage): Promise<void> {
  await Promise.all([world.meilisearch.start(), world.database.start()]);
}

function asking(query: string) {
  return { query, headers: [['Host', 'example.com'] as const, ['Accept', 'application/json'] as const], body: null };
}

function found(names: readonly string[]): unknown {
  const results = names.map((name): unknown => expect.objectContaining({ name }));
  return expect.objectContaining({ num_results: names.length, results });
}
