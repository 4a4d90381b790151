/** The proxy file sends every path where it belongs. */
import { isRegistryPath, v2Prefixes } from '@docket/shared/v2-prefixes';
import { composeProxy, proxyFile } from '@docket/infra/proxy-file';
import { expect, test } from 'vitest';

test('the file names every prefix that is Docket’s, in the order in which nginx tries them: the registry’s own paths first', () => {
  const text = proxyFile(composeProxy);
  const locations = [...text.matchAll(/location ([^{]+) \{\s+proxy_pass http:\/\/(\w+);/g)].map(([, place, to]) => [
    place,
    to,
  ]);
  expect(locations.map(([, to]) => to)).toEqual(['docket', 'registry', 'registry', 'registry', 'docket']);
  const [pattern = ''] = locations.at(-1) ?? [];
  const ours = new RegExp(pattern.replace('~ ', ''));
  for (const prefix of v2Prefixes) {
    expect(ours.test(prefix)).toBe(true);
    expect(ours.test(`${prefix}/more`)).toBe(true);
    expect(ours.test(`${prefix}more`)).toBe(false);
  }
});

test.each([
  ['/v2/team/web/manifests/latest', true],
  ['/v2/users/app/manifests/sha256:00ff', true],
  ['/v2/users/app/blobs/uploads/', true],
  ['/v2/repositories/deep/app/blobs/sha256:00ff', true],
  ['/v2/auth/app/tags/list', true],
  ['/v2/auth/app/referrers/sha256:00ff', true],
  ['/v2/repositories/team/web/history', false],
  ['/v2/repositories/team/manifests', false],
  ['/v2/namespaces/team/repositories/web/tags', false],
  ['/v2/namespaces/team/repositories/web/tags/latest', false],
  ['/v2/repositories/team/blobs/history', false],
  ['/v2/_catalog', false],
  ['/v2/', false],
])('%s is a path that only a registry has: %s', (path, expected) => {
  expect(isRegistryPath(path)).toBe(expected);
});
