/** Every promise of SECURITY.md names the test that holds it; a test that was renamed or removed takes its promise with it. */
import { existsSync, readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('SECURITY.md', root), 'utf8');
const promises = page.split('\n').flatMap((line) => {
  const [, promise, held] = /^\| [^|]+\| ([^|]+)\| (`[^|]+)\|$/.exec(line)?.map((cell) => cell.trim()) ?? [];
  return promise === undefined || held === undefined ? [] : [{ promise, held }];
});

test('there are promises', () => {
  expect(promises.length).toBeGreaterThan(20);
});

test.each(promises)('$promise: a test holds it', ({ held }) => {
  const [, file = '', title = ''] = /^`([^`]+)`: "(.+)"$/.exec(held) ?? [];
  const place = new URL(file, root);
  expect(existsSync(place)).toBe(true);
  expect(readFileSync(place, 'utf8')).toContain(title);
});
