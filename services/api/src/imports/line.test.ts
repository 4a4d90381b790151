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

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const names = { ...usualRules, format: 'names' } as const;

describe('a list of names may hold', () => {
  test.each([
    ['redis', 'library/redis'],
    ['library/redis', 'library/redis'],
    ['redis:7.2', 'library/redis'],
    [`redis@${digest}`, 'library/redis'],
    [`redis:7.2@${digest}`, 'library/redis'],
    ['docker.io/redis', 'library/redis'],
    ['docker.io/library/redis:7.2', 'library/redis'],
    ['index.docker.io/bitnami/redis', 'bitnami/redis'],
    ['localhost/bitnami/redis:latest', 'bitnami/redis'],
    ['registry.example:5000/bitnami/redis', 'bitnami/redis'],
    ['[::1]:5000/bitnami/redis:7', 'bitnami/redis'],
    [`quay.io/bitnami/redis:7.2@${digest}`, 'bitnami/redis'],
    ['bitnami/redis # the one with sentinel', 'bitnami/redis'],
    ['bitnami/Redis_x.y-z:v1', 'bitnami/Redis_x.y-z'],
    ['redis         7.2       3358e6d4a4a5   2 weeks ago   117MB', 'library/redis'],
    [`bitnami/redis  7.2  ${digest}  3358e6d4a4a5  2 weeks ago  117MB`, 'bitnami/redis'],
    ['docker.io/library/redis   <none>   3358e6d4a4a5', 'library/redis'],
    ['bitnami/redis:7.2   3358e6d4a4a5   117MB   41MB   U', 'bitnami/redis'],
  ])('%s', (line, name) => {
    const parsed = parseImportLine(line, names);
    expect(parsed).toEqual(parseImportLine(JSON.stringify({ name }), usualRules));
    expect(parsed).toHaveProperty('fullName');
  });

  test.each([
    '',
    '   ',
    '# our images',
    '   # more of them',
    'REPOSITORY          TAG       IMAGE ID       CREATED        SIZE',
    'IMAGE               ID             DISK USAGE   CONTENT SIZE   EXTRA',
  ])('a line that names nothing: %j', (line) => {
    expect(parseImportLine(line, names)).toBeUndefined();
  });

  test.each([
    ['redis nginx', 'the line has several words; one name is wanted'],
    ['FROM redis:7.2 AS cache', 'the line has several words; one name is wanted'],
    ['<none>   <none>   3358e6d4a4a5   2 weeks ago   117MB', 'the image has no name'],
    ['https://hub.docker.com/_/redis', 'an address of a page is no name'],
    ['gcr.io/project/team/app', 'the name has more than one slash; a repository is a name in one namespace'],
    ['redis@7.2', 'what stands behind the @ is no digest'],
    ['redis:', 'what stands behind the colon is no tag'],
    ['redis:a:b', 'what stands behind the colon is no tag'],
    ['Bitnami/redis', 'the namespace must be 4 to 30 characters out of a-z, 0-9 and _'],
    ['docker.io/lxc/lxc:7', 'the namespace must be 4 to 30 characters out of a-z, 0-9 and _'],
    ['docker.io/', 'the name must be 1 to 255 characters out of a-z, A-Z, 0-9, ".", "_" and "-"'],
    ['redis#7', 'the name must be 1 to 255 characters out of a-z, A-Z, 0-9, ".", "_" and "-"'],
    ['docker.io/team/images:1', 'the name must not be one of images, auth, layer'],
  ])('but not %j', (line, rule) => {
    expect(parseImportLine(line, names)).toEqual({ rule, subject: JSON.stringify(line) });
  });
});

test('a name of JSON is a name alone, and a reference is told so', () => {
  const rule = 'the name has a host, a tag or a digest beside it, which do not belong there';
  for (const name of ['redis:7.2', 'docker.io/library/redis', `bitnami/redis@${digest}`]) {
    expect(parseImportLine(JSON.stringify({ name }), usualRules)).toEqual({ rule, subject: shownIn(name) });
  }
});

const shownIn = (name: string) => {
  const quoted = JSON.stringify(name);
  return quoted.length <= 80 ? quoted : `${quoted.slice(0, 79)}…`;
};

test('an instant may be of tomorrow, because clocks differ, and not of the day after', () => {
  const line = (hours: number) =>
    JSON.stringify({ name: 'redis', last_updated: new Date(Date.now() + hours * 3_600_000).toISOString() });
  expect(parseImportLine(line(23), usualRules)).toHaveProperty('fullName');
  expect(parseImportLine(line(25), usualRules)).toEqual({
    rule: 'last_updated: must not be in the future',
    subject: '"redis"',
  });
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
