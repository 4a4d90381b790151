import { library, namespaceName } from '@docket/shared/names';
import { describe, expect, test } from 'vitest';

import { parseImportLine, usualRules } from './line.ts';

const full = {
  name: 'bitnami/redis',
  description: 'Redis, packaged',
  full_description: '# Redis',
  star_count: 298,
  pull_count: 3_000_000_000,
  is_automated: true,
  is_private: false,
  last_updated: '2024-08-16T07:01:22.863535+02:00',
  images: [{ id: 'abc', checksum: 'sha256:1', tag: 'latest' }],
};

test('a line says who it is about and what is known of it', () => {
  expect(parseImportLine(JSON.stringify(full), usualRules)).toEqual({
    fullName: { namespace: 'bitnami', name: 'redis' },
    repository: {
      description: 'Redis, packaged',
      fullDescription: '# Redis',
      starCount: 298,
      pullCount: 3_000_000_000,
      isAutomated: true,
      isPrivate: false,
      lastUpdated: '2024-08-16T05:01:22.863Z',
      images: full.images,
    },
  });
});

test('null is unknown everywhere, -1 where something is counted, and what is not asked for is not looked at', () => {
  const unknown = Object.fromEntries(Object.keys(full).map((key) => [key, key.endsWith('_count') ? -1 : null]));
  const parsed = parseImportLine(JSON.stringify({ ...unknown, name: 'redis', section: ['any'] }), usualRules);
  expect(parsed).toEqual(parseImportLine('{"name": "redis"}', usualRules));
  expect(parsed).toMatchObject({ repository: { starCount: undefined, description: undefined, images: [] } });
});

describe('a bare name', () => {
  test('is an official one, unless it is told where it belongs', () => {
    expect(parseImportLine('{"name": "redis"}', usualRules)).toMatchObject({ fullName: { namespace: library } });
    const rules = { ...usualRules, namespace: namespaceName.parse('debian') };
    expect(parseImportLine('{"name": "redis"}', rules)).toMatchObject({ fullName: { namespace: 'debian' } });
    expect(parseImportLine('{"name": "other/redis"}', rules)).toMatchObject({ fullName: { namespace: 'other' } });
  });

  test('may be all that a line is', () => {
    const rules = { ...usualRules, format: 'names' } as const;
    expect(parseImportLine(' bitnami/redis\r', rules)).toEqual(
      parseImportLine('{"name": "bitnami/redis"}', usualRules),
    );
    expect(parseImportLine('{"name": "redis"}', rules)).toHaveProperty('rule');
  });
});

test.each([
  ['{bad', undefined, /^the line is not valid JSON$/],
  ['[]', undefined, /object/],
  ['{}', undefined, /^name: /],
  ['{"name": "dvd+rw"}', '"dvd+rw"', /^the name must be 1 to 255 characters/],
  ['{"name": "a/b/c"}', '"a/b/c"', /^the namespace must be 4 to 30 characters/],
  ['{"name": "team/images"}', '"team/images"', /^the name must not be one of/],
  ['{"name": "redis", "star_count": -2}', '"redis"', /^star_count: /],
  ['{"name": "redis", "star_count": 1.5}', '"redis"', /^star_count: /],
  ['{"name": "redis", "is_private": "no"}', '"redis"', /^is_private: /],
  ['{"name": "redis", "last_updated": "yesterday"}', '"redis"', /^last_updated: must be a date and time with a zone/],
  ['{"name": "redis", "last_updated": "0000-01-01T00:00:00Z"}', '"redis"', /^last_updated: must not be before 1970/],
  ['{"name": "redis", "last_updated": "2023-02-30T00:00:00Z"}', '"redis"', /^last_updated: /],
  [String.raw`{"name": "redis", "description": "a\u0000b"}`, '"redis"', /^description: must not contain a zero/],
  [String.raw`{"name": "redis", "full_description": "\ud800"}`, '"redis"', /^full_description: .*half of a character/],
  [`{"name": "redis", "full_description": "${'a'.repeat(25_001)}"}`, '"redis"', /at most 25000 characters/],
  ['{"name": "redis", "images": [{"id": "a b"}]}', '"redis"', /^images\[0\]\.id: /],
])('%.80s is refused by a rule that names what is wrong', (line, subject, rule) => {
  expect(parseImportLine(line, usualRules)).toEqual({ subject, rule: expect.stringMatching(rule) });
});

test('a list of images is counted before its entries are looked at', () => {
  const line = (count: number, id: string) =>
    JSON.stringify({ name: 'redis', images: Array.from({ length: count }, () => ({ id })) });
  const rules = { ...usualRules, imagesMax: 3 };
  expect(parseImportLine(line(3, 'image'), rules)).toMatchObject({ fullName: { name: 'redis' } });
  expect(parseImportLine(line(4, 'no image'), rules)).toEqual({
    rule: 'the list has 4 entries; one may have 3',
    subject: '"redis"',
  });
});

test('a name is shown so that it cannot act on a terminal, and no longer than a line', () => {
  expect(parseImportLine(JSON.stringify({ name: '\u001b[2J\u009b' }), usualRules)).toMatchObject({
    subject: String.raw`"\u001b[2J?"`,
  });
  const { subject } = { subject: '', ...parseImportLine(`{"name": "${'x'.repeat(500)}"}`, usualRules) };
  expect(subject).toHaveLength(80);
});
