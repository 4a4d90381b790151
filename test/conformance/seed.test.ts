/**
 * The published API text against running processes: every example with its whole answer, and every status of every endpoint in
 * every way that somebody thought of, with and without a slash at the end of the path.
 */
import { STATUS_CODES } from 'node:http';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import type { Answer, Header, Request } from '../support/exchange.ts';
import { basic, bodyOf, staged, tokenPattern } from '../support/stage.ts';
import type { Access, Stage } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import { keyOf } from './contract.ts';
import type { Endpoint, ExampleResponse } from './contract.ts';
import { examples } from './examples.ts';
import type { Example } from './examples.ts';
import { responseThatHolds } from './exceptions.ts';
import { repositoryScenarios } from './repository-scenarios.ts';
import { expectCommonForm } from './scenario.ts';
import type { Scenario, Scenarios } from './scenario.ts';
import { exampleRepositories, searchScenarios } from './search-scenarios.ts';
import { seedCases } from './seed-cases.ts';
import { userScenarios } from './user-scenarios.ts';

const registries = ['registry-1.docker.io', 'registry-2.docker.io'];

const scenarios: Scenarios = {
  ...repositoryScenarios('user'),
  ...repositoryScenarios('library'),
  ...userScenarios(),
  ...searchScenarios,
};

let stage: Stage;

beforeAll(async () => {
  const world = await createWorld({ api: 2, environment: { REGISTRY_ENDPOINTS: registries.join(',') } });
  stage = await staged(world);
  await world.importRepositories(exampleRepositories);
  await world.searchable();
});

afterAll(() => stage?.world.stop());

const endpoints = seedCases.endpoints.map((endpoint) => ({ key: keyOf(endpoint), endpoint }));
const slashes = [
  { slash: 'as documented', path: (documented: string) => documented },
  {
    slash: 'with the other ending',
    path: (documented: string) => (documented.endsWith('/') ? documented.slice(0, -1) : `${documented}/`),
  },
];

test('the scenarios are of the endpoints of the text and of no others', () => {
  expect(Object.keys(scenarios).toSorted()).toEqual(endpoints.map(({ key }) => key).toSorted());
});

test.each(endpoints)('every status of $key has its scenarios, and no other status has', ({ key, endpoint }) => {
  const covered = Object.entries(scenarios[key] ?? {}).filter(([, list]) => list.length > 0);
  expect(covered.map(([code]) => code)).toEqual(endpoint.statuses.map(({ code }) => String(code)));
});

describe.each(endpoints)('$key', ({ key, endpoint }) => {
  describe.each(slashes)('$slash', ({ path }) => {
    test('answers the example request as the example says', async () => {
      const example = await examples[key]?.(stage);
      if (!example) throw new Error(`no example is arranged for ${key}`);
      const holds = responseThatHolds(endpoint);
      const answer = await stage.send(exampleRequest(endpoint, example, path));
      expect(answer).toMatchObject({ status: holds.status, reason: holds.reason ?? STATUS_CODES[holds.status] });
      expect(bodyOf(answer)).toEqual(exampleBody(holds, example));
      expectExampleHeaders(answer, holds, example);
    });

    test.each(flat(scenarios[key] ?? {}))('$code for $title', async ({ code, scenario }) => {
      const trial = await scenario.arrange(stage);
      try {
        const target = `${path(filled(endpoint.path, trial.parameters))}${trial.query ? `?${trial.query}` : ''}`;
        const answer = await stage.send({ ...trial, method: endpoint.method, target });
        expect({ status: answer.status, body: bodyOf(answer) }).toEqual({ status: code, body: trial.answers });
        expectCommonForm(answer);
        const etags = valuesOf(answer, 'ETag');
        expect(etags).toEqual(key === 'GET /v1/search' ? etags : []);
        await trial.afterwards?.(answer);
      } finally {
        await trial.restore?.();
      }
    });
  });
});

function flat(byStatus: NonNullable<Scenarios[string]>): { code: number; title: string; scenario: Scenario }[] {
  return Object.entries(byStatus).flatMap(([code, list]) =>
    list.map((scenario) => ({ code: Number(code), title: scenario.title, scenario })),
  );
}

function filled(template: string, parameters: Readonly<Record<string, string>> = {}): string {
  return Object.entries(parameters).reduce((path, [name, value]) => path.replace(`(${name})`, () => value), template);
}

function exampleRequest(endpoint: Endpoint, example: Example, path: (documented: string) => string): Request {
  const { method, target, headers, body } = endpoint.request;
  const [, query] = target.split('?', 2);
  const there = path(filled(endpoint.path, example.parameters));
  return {
    method,
    target: query === undefined ? there : `${there}?${reworded(query, example)}`,
    headers: headers.map(([name, value]): Header => [
      name,
      name === 'Authorization' ? credentials(value, example) : value,
    ]),
    body: body === null ? null : reworded(body, example),
  };
}

function credentials(documented: string, { credentials: owner, token }: Example): string {
  if (documented.startsWith('Basic ') && owner) return basic(owner);
  if (documented.startsWith('Token ') && token) return token;
  throw new Error(`nothing stands for ${documented}`);
}

function reworded(text: string, { words = {} }: Example): string {
  return Object.entries(words).reduce((result, [word, real]) => result.replaceAll(word, real), text);
}

/** Every header of the example, and none of those that only some answers have. */
function expectExampleHeaders(answer: Answer, holds: ExampleResponse, example: Example): void {
  const rare = ['WWW-Authenticate', 'X-Docker-Token', 'X-Docker-Endpoints', 'Location', 'Set-Cookie'];
  const absent = rare.filter((name) => !holds.headers.some(([shown]) => shown === name));
  const expected = holds.headers.map(([name, value]) => [name, headerValues(name, value, example)] as const);
  for (const [name, values] of [...expected, ...absent.map((one) => [one, []] as const)]) {
    expect([name, valuesOf(answer, name)]).toEqual([name, values]);
  }
}

/** An object may say more than the example shows; a list, a text and no body at all are as they are. */
function exampleBody(holds: ExampleResponse, example: Example): unknown {
  const body: unknown = holds.body === null ? undefined : JSON.parse(reworded(holds.body, example));
  return Array.isArray(body) ? body : atLeast(body);
}

function atLeast(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(atLeast);
  if (typeof value !== 'object' || value === null) return value;
  return expect.objectContaining(Object.fromEntries(Object.entries(value).map(([key, part]) => [key, atLeast(part)])));
}

/** A comma in the text separates several registries: each of them has a line of its own. */
function headerValues(name: string, documented: string, { repository = '' }: Example): unknown[] {
  const token = /^(Token )?signature=123abc,repository="[^"]+",access=(?<access>read|write|delete)$/.exec(documented);
  if (!token) return name === 'X-Docker-Endpoints' ? registries : [documented];
  const pattern = tokenPattern(repository, accessOf(token.groups?.['access']));
  return [expect.stringMatching(token[1] === undefined ? pattern : new RegExp(pattern.source.replace('^', '^Token ')))];
}

function accessOf(word: string | undefined): Access {
  if (word === 'read' || word === 'write' || word === 'delete') return word;
  throw new Error(`no access is called ${word}`);
}
