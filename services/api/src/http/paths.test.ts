import { imageId, namespaceName, repositoryName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { locateV1, parseRepositoryPath, routeOf, v1RepositoryPaths } from './paths.ts';
import type { RepositoryResource } from './paths.ts';

const short = (path: string) => {
  const target = parseRepositoryPath(path);
  if (isRefusal(target)) return { refused: target.refused, field: target.field };
  const { namespace, name } = target.fullName;
  return [target.resource, namespace, name, ...(target.resource === 'layer' ? [target.imageId] : [])].join(' ');
};

it.each([
  ['acme/app', 'repository acme app'],
  ['acme/app/', 'repository acme app'],
  ['app', 'repository library app'],
  ['app/', 'repository library app'],
  ['library/app', 'repository library app'],
  ['acme/app/images', 'images acme app'],
  ['acme/app/images/', 'images acme app'],
  ['app/images', 'images library app'],
  ['library/app/images', 'images library app'],
  ['acme/app/auth', 'auth acme app'],
  ['app/auth/', 'auth library app'],
  ['acme/app/layer/abc/access', 'layer acme app abc'],
  ['app/layer/abc/access', 'layer library app abc'],
  // The second segment decides, whatever the first would be.
  ['acme/images', 'images library acme'],
  ['acme/auth', 'auth library acme'],
  ['acme%2Fapp', { refused: 'invalid_field', field: 'repo_name' }],
  ['acme/%61pp', 'repository acme app'],
  ['acme/My.App_1-x', 'repository acme My.App_1-x'],
])('%s', (path, expected) => {
  expect(short(path)).toEqual(expected);
});

describe('is refused with the field that is wrong', () => {
  it.each([
    ['', 'repo_name'],
    ['/', 'repo_name'],
    ['//', 'namespace'],
    ['/app', 'namespace'],
    ['acme/', undefined],
    ['abc/app', 'namespace'],
    ['Acme/app', 'namespace'],
    ['ac-me/app', 'namespace'],
    [`${'a'.repeat(31)}/app`, 'namespace'],
    ['acme/..', 'repo_name'],
    ['acme/%2e%2e', 'repo_name'],
    ['acme/a%20b', 'repo_name'],
    ['acme/a%00', 'repo_name'],
    ['acme/ä', 'repo_name'],
    [`acme/${'a'.repeat(256)}`, 'repo_name'],
    ['images/images', 'repo_name'],
    ['acme/app/layer/a%22b/access', 'image_id'],
  ])('%s', (path, field) => {
    const expected = field === undefined ? 'repository library acme' : { refused: 'invalid_field', field };
    expect(short(path)).toEqual(expected);
  });
});

it.each(['%', 'acme/%', 'acme/%E0%A4', '%zz/images', 'acme/app/%C3%28', 'acme/app/layer/%/access'])(
  '%s is not validly encoded',
  (path) => {
    expect(short(path)).toEqual({ refused: 'malformed_request', field: undefined });
  },
);

it.each([
  'acme/app/more',
  'acme/app/more/images',
  'acme/app/images/more',
  'acme/app/auth/more',
  'acme/app//images',
  'acme/app//',
  'acme/app/layer',
  'acme/app/layer/abc',
  'acme/app/layer/abc/other',
  'acme/app/layer/abc/access/more',
  'app/layer/abc',
])('%s has more slashes than a name, and is nothing of a repository', (path) => {
  expect(short(path)).toEqual({ refused: 'malformed_request', field: undefined });
});

describe('whatever is asked for', () => {
  const namespaces = fc.stringMatching(/^[a-z0-9_]{4,30}$/).map((text) => namespaceName.parse(text));
  const names = fc
    .stringMatching(/^[a-zA-Z0-9._-]{1,60}$/)
    .filter((text) => repositoryName.safeParse(text).success)
    .map((text) => repositoryName.parse(text));
  const ids = fc.stringMatching(/^[\w.:+-]{1,64}$/).map((text) => imageId.parse(text));
  const suffixes = fc.oneof(
    fc.constantFrom<Pick<RepositoryResource, 'resource'> & { readonly suffix: string }>(
      { resource: 'repository', suffix: '' },
      { resource: 'images', suffix: '/images' },
      { resource: 'auth', suffix: '/auth' },
    ),
    ids.map((id) => ({ resource: 'layer' as const, imageId: id, suffix: `/layer/${id}/access` })),
  );

  it('a path that names a repository means it, encoded or not, with a slash at its end or not', () => {
    fc.assert(
      fc.property(namespaces, names, suffixes, fc.boolean(), (namespace, name, { suffix, ...what }, slash) => {
        const plain = `${namespace}/${name}${suffix}`;
        const encoded = plain.replaceAll(/[^/]/g, (letter) => `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}`);
        const expected = { ...what, fullName: { namespace, name } };
        for (const path of [plain, encoded]) {
          expect(parseRepositoryPath(slash ? `${path}/` : path)).toEqual(expected);
        }
      }),
    );
  });

  it('the two ways to write an official repository are one', () => {
    fc.assert(
      fc.property(names, suffixes, (name, { suffix }) => {
        const target = parseRepositoryPath(`${name}${suffix}`);
        expect(isRefusal(target)).toBe(false);
        expect(target).toEqual(parseRepositoryPath(`library/${name}${suffix}`));
      }),
    );
  });

  it('the answer is a repository or a refusal, never an error', () => {
    const pieces = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('/', '//', '%', '%2F', '%00', '.', '..', 'images', 'auth', 'layer', 'access', 'library', 'acme'),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const target = parseRepositoryPath(parts.join(''));
        const known = isRefusal(target) ? ['invalid_field', 'malformed_request'].includes(target.refused) : true;
        expect(known).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a documented path', () => {
  it.each([
    ['/v1/users', '/v1/users'],
    ['/v1/users/confirm/{token}', '/v1/users/confirm/:token'],
    ['/v2/', '/v2'],
    ['/v2/orgs/{orgname}/members/{username}', '/v2/orgs/:orgname/members/:username'],
    ['/v1/repositories/{namespace}/{repo_name}/', '/v1/repositories/*path'],
    ['/v1/repositories/{repo_name}/images', '/v1/repositories/*path'],
  ])('%s is mounted at %s', (path, route) => {
    expect(routeOf(path)).toBe(route);
  });

  it.each([
    ['acme/app', 'repository', { namespace: 'acme', repo_name: 'app' }],
    ['app/images/', 'images', { namespace: 'library', repo_name: 'app' }],
    ['acme/app/auth', 'auth', { namespace: 'acme', repo_name: 'app' }],
    ['app/layer/abc/access', 'layer', { namespace: 'library', repo_name: 'app', image_id: 'abc' }],
  ] as const)('of a repository is found for %s', (path, resource, parameters) => {
    const [documented] = v1RepositoryPaths(resource);
    expect(locateV1(`/v1/repositories/${path}`)).toEqual({ path: documented, parameters });
  });
});
