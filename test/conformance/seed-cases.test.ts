import { STATUS_CODES } from 'node:http';

import { describe, expect, test } from 'vitest';

import { keyOf } from './contract.ts';
import { exceptions, responseThatHolds } from './exceptions.ts';
import { extract } from './extract.ts';
import { seedCases } from './seed-cases.ts';
import { seedDocument } from './seed-document.ts';

const document = seedDocument();
const endpoints = seedCases.endpoints.map((endpoint) => [keyOf(endpoint), endpoint] as const);

test.skipIf(document === undefined)('the table of cases is what the published text says, whole', () => {
  expect(seedCases).toStrictEqual(extract(document ?? ''));
});

describe('exceptions from the text', () => {
  const corrected = new Set(exceptions.flatMap(({ corrections }) => corrections).map(({ of }) => of));

  test('are four, and each correction is of an endpoint of the text', () => {
    expect(exceptions).toHaveLength(4);
    expect(endpoints.map(([key]) => key)).toEqual(expect.arrayContaining([...corrected]));
  });

  test.each(endpoints)('made, leave no contradiction in %s', (_, endpoint) => {
    const { status, reason, headers, body } = responseThatHolds(endpoint);
    const tokens = headers.filter(([name]) => name === 'WWW-Authenticate' || name === 'X-Docker-Token');
    expect(new Set(tokens.map(([, value]) => value.replace(/^Token /, ''))).size).toBeLessThanOrEqual(1);
    expect([null, STATUS_CODES[status]]).toContain(reason);
    expect({ status, hasBody: body !== null }).toEqual({ status, hasBody: status !== 204 });
    expect(() => JSON.parse(body ?? '""')).not.toThrow();
  });

  test.each(endpoints.filter(([key]) => corrected.has(key)))('are refused when %s does not say it', (_, endpoint) => {
    const other = { ...endpoint, response: { status: 200, reason: null, headers: [], body: null } };
    expect(() => responseThatHolds(other)).toThrow(/expects .* in the text/);
  });
});
