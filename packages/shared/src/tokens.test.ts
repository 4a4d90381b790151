import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { accesses, formatToken, parseAuthorization } from './tokens.ts';

const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
const token = fc.record({
  signature: fc.tuple(word, word, word).map((parts) => parts.join('.')),
  repository: fc
    .tuple(fc.stringMatching(/^[a-z0-9_]{4,30}$/), fc.stringMatching(/^[\w.-]{1,40}$/))
    .map((parts) => parts.join('/')),
  access: fc.constantFrom(...accesses),
});
const blank = fc.constantFrom('', ' ', '  ', '\t');

function basic(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

describe('the text of a token', () => {
  test('is read as it was written, with any number of "Token " in front and in any case', () => {
    fc.assert(
      fc.property(token, fc.array(fc.constantFrom('Token ', 'token ', 'TOKEN\t', 'Token  ')), (given, prefixes) => {
        expect(parseAuthorization(`${prefixes.join('')}${formatToken(given)}`)).toEqual({
          scheme: 'token',
          token: given,
        });
      }),
    );
  });

  test('is read with blanks around its commas and equals signs, quoted or not, with names in any case and in any order', () => {
    const pairsOf = token.chain((given) =>
      fc.record({
        given: fc.constant(given),
        pairs: fc
          .tuple(
            ...Object.entries(given).map(([name, value]) =>
              fc
                .tuple(blank, blank, blank, fc.boolean(), fc.boolean())
                .map(([before, between, after, quoted, capitals]) =>
                  [
                    before,
                    capitals ? name.toUpperCase() : name,
                    between,
                    '=',
                    after,
                    quoted ? `"${value}"` : value,
                  ].join(''),
                ),
            ),
          )
          .chain((pairs) => fc.shuffledSubarray(pairs, { minLength: pairs.length })),
      }),
    );
    fc.assert(
      fc.property(pairsOf, ({ given, pairs }) => {
        expect(parseAuthorization(`Token ${pairs.join(',')}`)).toEqual({ scheme: 'token', token: given });
      }),
    );
  });

  test('is the same when the header came twice, and malformed when two came that differ', () => {
    fc.assert(
      fc.property(token, token, (first, second) => {
        const both = parseAuthorization(`Token ${formatToken(first)}, Token ${formatToken(second)}`);
        const same = formatToken(first) === formatToken(second);
        expect(both).toEqual(same ? { scheme: 'token', token: first } : { scheme: 'malformed' });
        expect(parseAuthorization(`Token ${formatToken(first)}, Token ${formatToken(first)}`)).toEqual({
          scheme: 'token',
          token: first,
        });
      }),
    );
  });

  test.each([
    'access=write',
    'access="write"',
    'note="any,access=write"',
    'note="any,repository=other/repo"',
    'access:write',
  ])('is malformed when a v1 registry, which takes the last pair that it finds, would read more in it (%s)', (more) => {
    const text = 'Token signature=a.b.c,repository="foo/bar",access=read';
    expect(parseAuthorization(`${text},${more}`)).toEqual({ scheme: 'malformed' });
    expect(parseAuthorization(`${text}, ${more}`)).toEqual({ scheme: 'malformed' });
  });

  test('is malformed when one of its three parts is missing or empty', () => {
    const part = fc.constantFrom('signature', 'repository', 'access');
    fc.assert(
      fc.property(token, part, fc.boolean(), (given, missing, empty) => {
        const pairs = Object.entries(given).flatMap(([name, value]) => {
          if (name !== missing) return [`${name}=${value}`];
          return empty ? [`${name}=`] : [];
        });
        expect(parseAuthorization(`Token ${pairs.join(',')}`)).toEqual({ scheme: 'malformed' });
      }),
    );
  });

  test.each(['Token', 'Token ', 'token', 'Token Token', ' Token , Token ', 'Token,', 'Token, Token'])(
    'that says nothing (%j) is nobody: docker up to 1.7 sends it',
    (header) => {
      expect(parseAuthorization(header)).toEqual({ scheme: 'none' });
    },
  );
});

describe('Basic credentials', () => {
  /** Lone surrogates have no UTF-8. */
  const text = fc.string({ unit: 'grapheme' });

  test('are split at the first colon and are UTF-8', () => {
    const credentials = fc.tuple(
      text.map((username) => username.replaceAll(':', '')),
      text,
      fc.constantFrom('Basic ', 'basic ', 'BASIC   '),
    );
    fc.assert(
      fc.property(credentials, ([username, password, scheme]) => {
        fc.pre(username !== '' || password !== '');
        expect(parseAuthorization(`${scheme}${basic(`${username}:${password}`)}`)).toEqual({
          scheme: 'basic',
          username,
          password,
        });
      }),
    );
  });

  test('keep the colons of a password', () => {
    expect(parseAuthorization(`Basic ${basic('somebody:a:b:ü')}`)).toEqual({
      scheme: 'basic',
      username: 'somebody',
      password: 'a:b:ü',
    });
  });

  test('that came twice are the first', () => {
    expect(parseAuthorization(`Basic ${basic('somebody:secret')}, Basic ${basic('somebody:secret')}`)).toEqual({
      scheme: 'basic',
      username: 'somebody',
      password: 'secret',
    });
  });

  test('of nobody (Og==, docker 28) are nobody', () => {
    expect(parseAuthorization('Basic Og==')).toEqual({ scheme: 'none' });
  });

  test.each(['Basic', 'Basic  ', 'Basic !!!', `Basic ${basic('nocolon')}`, `Basic ${basic('a:b')} more`, 'Basic =='])(
    'that cannot be read (%j) are malformed, not nobody',
    (header) => {
      expect(parseAuthorization(header)).toEqual({ scheme: 'malformed' });
    },
  );
});

describe('any header at all', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.string({ unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 8 }),
      fc.constantFrom(
        'Token',
        'Basic',
        'Bearer',
        ' ',
        ',',
        '=',
        '"',
        'signature',
        'repository',
        'access',
        'Og==',
        ':',
        '\n',
      ),
    ),
    { maxLength: 20 },
  );

  test('is read without an error, and what is read out of it stands in it', () => {
    fc.assert(
      fc.property(pieces, (parts) => standsIn(parts.join(''))),
      { numRuns: 2_000 },
    );
  });

  function standsIn(header: string): boolean {
    const read = parseAuthorization(header);
    switch (read.scheme) {
      case 'token':
        return Object.values(read.token).every((value) => value !== '' && header.includes(value));
      case 'basic': {
        const encoded = header
          .trim()
          .replace(/^basic\s*/i, '')
          .replace(/,.*$/s, '');
        return Buffer.from(encoded, 'base64').toString('utf8') === `${read.username}:${read.password}`;
      }
      case 'bearer':
        return header.includes(read.session);
      case 'none':
        return /^(?:token|basic|og==|[\s,])*$/i.test(header);
      case 'malformed':
        return true;
    }
  }

  test('that is absent or blank is nobody', () => {
    expect(parseAuthorization(undefined)).toEqual({ scheme: 'none' });
    expect(parseAuthorization(' \t')).toEqual({ scheme: 'none' });
  });

  const characters = 16_000; // Node refuses headers of more than 16 KiB
  test.each([
    ['one word', `Token ${'a'.repeat(characters)}`],
    ['blanks', `Token a${' '.repeat(characters)}b`],
    ['blanks after Basic', `Basic a${' '.repeat(characters)}b`],
    ['many words', `Token ${'a '.repeat(characters / 2)}`],
    ['open quotes', `Token ${'a="'.repeat(characters / 3)}`],
    ['commas', `Token ${', '.repeat(characters / 2)}!`],
  ])('as long as Node lets through (%s) is read in a moment', (_, header) => {
    const started = performance.now();
    parseAuthorization(header);
    expect(performance.now() - started).toBeLessThan(50);
  });
});
