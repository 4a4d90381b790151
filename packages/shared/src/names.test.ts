import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  checksum,
  displayName,
  fullNameText,
  imageId,
  namespaceName,
  parseFullName,
  repositoryName,
  resourceWords,
  tagName,
  typedName,
} from './names.ts';

function textOf(alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(alphabet)), minLength, maxLength });
}

const lower = 'abcdefghijklmnopqrstuvwxyz';
const digits = '0123456789';
const namespaces = textOf(`${lower}${digits}_`, 4, 30);
const repositories = textOf(`${lower}${lower.toUpperCase()}${digits}._-`, 1, 255).filter(
  (name) => name !== '.' && name !== '..' && !resourceWords.includes(name),
);

const grammars = [
  { kind: 'namespace', schema: namespaceName, valid: namespaces, max: 30 },
  { kind: 'repository', schema: repositoryName, valid: repositories, max: 255 },
  { kind: 'image', schema: imageId, valid: textOf(`${lower}${digits}_.:+-`, 1, 128), max: 128 },
  { kind: 'checksum', schema: checksum, valid: textOf(`${lower}${digits}:+!"~`, 1, 255), max: 255 },
  { kind: 'tag', schema: tagName, valid: textOf(`${lower}${digits}_.-`, 1, 128), max: 128 },
];

test.each(grammars)('every $kind of the grammar is accepted as it is', ({ schema, valid }) => {
  fc.assert(fc.property(valid, (name) => schema.parse(name) === name));
});

test.each(grammars)(
  'a $kind with a blank, a slash, a control or a non-ASCII character anywhere is refused',
  (grammar) => {
    const { kind, schema, valid } = grammar;
    const stranger = fc.constantFrom(
      ' ',
      '\t',
      '\n',
      '\r',
      '\0',
      '\u007f',
      'é',
      'ａ',
      '\u200b',
      '😀',
      ...(kind === 'checksum' ? [] : ['/', '"', '?', '#', '%']),
    );
    fc.assert(
      fc.property(valid, stranger, fc.nat(), (name, character, seed) => {
        const at = seed % (name.length + 1);
        return !schema.safeParse(`${name.slice(0, at)}${character}${name.slice(at)}`).success;
      }),
    );
  },
);

test.each(grammars)('a $kind that is empty or one character too long is refused', ({ schema, max }) => {
  expect(schema.safeParse('').success).toBe(false);
  expect(schema.safeParse('a'.repeat(max)).success).toBe(true);
  expect(schema.safeParse('a'.repeat(max + 1)).success).toBe(false);
});

test('a namespace is at least four characters and has no capitals', () => {
  expect(namespaceName.safeParse('abc').success).toBe(false);
  expect(namespaceName.safeParse('abcD').success).toBe(false);
});

test('a namespace that is typed in any case is the one in small letters', () => {
  const inAnyCase = namespaces.chain((name) =>
    fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((large) => ({
      name,
      typed: Array.from(name, (letter, at) => (large[at] ? letter.toUpperCase() : letter)).join(''),
    })),
  );
  fc.assert(fc.property(inAnyCase, ({ name, typed }) => typedName.parse(typed) === name));
});

test.each(['abc', 'Team-A', 'Team.A', 'tEAM A', '\u212Aelvin', '\u0130smail', ''])(
  '%j is no namespace in any case',
  (typed) => {
    expect(typedName.safeParse(typed).success).toBe(false);
  },
);

test.each(['.', '..', ...resourceWords])(
  'a repository cannot be called %s, which means something else in a path',
  (word) => {
    expect(repositoryName.safeParse(word).success).toBe(false);
  },
);

test('a full name is read as it is written, and as it is shown', () => {
  fc.assert(
    fc.property(fc.oneof(namespaces, fc.constant('library')), repositories, (namespace, name) => {
      const fullName = parseFullName(`${namespace}/${name}`);
      expect(fullName).toEqual({ namespace, name });
      if (!fullName) return;
      expect(parseFullName(fullNameText(fullName))).toEqual(fullName);
      expect(parseFullName(displayName(fullName))).toEqual(fullName);
    }),
  );
});

test('a bare name is one of the library', () => {
  fc.assert(
    fc.property(repositories, (name) => {
      expect(parseFullName(name)).toEqual({ namespace: 'library', name });
    }),
  );
});

test('whatever is read as a full name has one slash at most and is made of names', () => {
  fc.assert(
    fc.property(textOf('abcd/._- A:', 0, 12), (text) => {
      const fullName = parseFullName(text);
      return (
        fullName === undefined ||
        (text.split('/').length <= 2 &&
          namespaceName.safeParse(fullName.namespace).success &&
          repositoryName.safeParse(fullName.name).success)
      );
    }),
  );
});
