import fc from 'fast-check';
import { expect, test } from 'vitest';

import { searchTermCharactersMax } from './limits.ts';
import { parseFullName } from './names.ts';
import { absentRepository } from './repositories.ts';
import type { ActiveRepository } from './repositories.ts';
import { parseSearchTerm, popularity, searchDocument } from './search.ts';

const namespace = fc.stringMatching(/^[a-z0-9_]{4,30}$/);
const name = fc
  .stringMatching(/^[a-z0-9][a-z0-9._-]{0,30}$/)
  .filter((text) => !['images', 'auth', 'layer'].includes(text));

const character = fc.oneof(
  fc.constantFrom('a', '/', ':', ' ', 'ﷺ', '\u0301'),
  fc.integer({ min: 0, max: 0x10_ff_ff }).map((code) => String.fromCodePoint(code)),
);

test.each(['', ' ', '/', ' / ', '\u3000'])('%j lists everything', (q) => {
  expect(parseSearchTerm(q)).toEqual({ kind: 'everything' });
});

test('a namespace and a slash list the namespace', () => {
  fc.assert(
    fc.property(namespace, (text) => {
      expect(parseSearchTerm(`${text}/`)).toEqual({ kind: 'namespace', namespace: text });
    }),
  );
});

test('a full name means that repository, with a tag or without, in capitals or full-width letters', () => {
  fc.assert(
    fc.property(namespace, name, fc.constantFrom('', ':', ':latest', ':1.0-rc_2'), (ns, repository, tag) => {
      const plain = `${ns}/${repository}`;
      const exact = parseFullName(plain);
      for (const q of [plain, plain.toUpperCase(), ` ${plain} `, plain.replaceAll('a', 'ａ')]) {
        expect(parseSearchTerm(`${q.trim()}${tag}`)).toMatchObject({ kind: 'words', exact });
      }
    }),
  );
});

test('library/x and x are the same term', () => {
  fc.assert(
    fc.property(name, (text) => {
      expect(parseSearchTerm(`library/${text}`)).toEqual(parseSearchTerm(text));
    }),
  );
});

test('any text is a term, and no term is longer than the limit', () => {
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 600 }), (q) => {
      const term = parseSearchTerm(q);
      const length = term.kind === 'words' ? Array.from(term.text).length : 1;
      return length >= 1 && length <= searchTermCharactersMax;
    }),
  );
});

test('more stars or more pulls never make a repository less popular', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), fc.nat(), (stars, pulls, moreStars, morePulls) => {
      expect(popularity(stars + moreStars, pulls + morePulls)).toBeGreaterThanOrEqual(popularity(stars, pulls));
    }),
  );
});

const official = parseFullName('docker-registry');
const active: ActiveRepository = {
  status: 'active',
  namespace_id: '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09',
  name: official?.name ?? expect.fail('docker-registry is a name'),
  life: 1,
  is_private: false,
  is_automated: true,
  description: 'Holds layers.',
  full_description: '',
  grants: {},
  taken_down: null,
  stars: 0,
  star_count: 3,
  pull_count: null,
  last_updated: null,
  pushes: 0,
  is_push_open: false,
};
const repository = {
  number: 7n,
  fullName: official ?? expect.fail('docker-registry is a name'),
  lastUpdated: new Date(1_500),
};

test('the document of an official repository is named bare and is found by its name without separators', () => {
  expect(searchDocument({ ...repository, state: active })).toEqual({
    id: 7,
    name: 'docker-registry',
    full_name: 'docker-registry',
    namespace: 'library',
    description: 'Holds layers.',
    star_count: 3,
    pull_count: 0,
    is_official: true,
    is_trusted: true,
    is_automated: true,
    private: false,
    alt: ['dockerregistry', 'library'],
    pop: popularity(3, 0),
    last_updated: 1,
  });
});

test('what is absent, being deleted, deleted or taken down has no document', () => {
  const { status: _, ...contents } = active;
  const { namespace_id, name: named, life } = active;
  expect(searchDocument({ ...repository, state: absentRepository })).toBeUndefined();
  expect(searchDocument({ ...repository, state: { ...active, taken_down: 'It mines coins.' } })).toBeUndefined();
  expect(
    searchDocument({ ...repository, state: { ...active, status: 'deleting', authorized_by: null } }),
  ).toBeUndefined();
  expect(
    searchDocument({ ...repository, state: { status: 'deleted', namespace_id, name: named, life, contents } }),
  ).toBeUndefined();
});
