import { describe, expect, test } from 'vitest';

import { extract } from './extract.ts';
import { seedDocument } from './seed-document.ts';

const text = `page_title: A made-up API
page_keywords: API, shelves

# Shelves

## Introduction

- Books lie on shelves.

## Shelf

### One Shelf

\`PUT /v1/shelves/(shelf)/books\`

Put a book on
the shelf.

    It stays there.

    **Example Request**:

        PUT /v1/shelves/oak/books?side=left HTTP/1.1
        Host: example.com

        {"title": "Walden",
         "pages": 350}

    Parameters:

    - **shelf** – the name of the shelf

    Json Parameters:

     

    - **title** – what is printed
        on the back
    - **pages** – how many

    Query Parameters:

    - **side** – left or right

    **Example Response**:

        HTTP/1.1 201 OK
        Vary: Accept

        ""

    Status Codes:

    - **201** – On the shelf
    - **409** – No room
`;

test('an endpoint is read with its titles, remarks, parameters, request, response and status codes', () => {
  expect(extract(text)).toEqual({
    preamble: [{ titles: ['Introduction'], sentence: 'Books lie on shelves.' }],
    endpoints: [
      {
        titles: ['Shelf', 'One Shelf'],
        method: 'PUT',
        path: '/v1/shelves/(shelf)/books',
        remarks: 'Put a book on the shelf. It stays there.',
        parameters: [
          { in: 'path', name: 'shelf', words: 'the name of the shelf' },
          { in: 'json', name: 'title', words: 'what is printed on the back' },
          { in: 'json', name: 'pages', words: 'how many' },
          { in: 'query', name: 'side', words: 'left or right' },
        ],
        request: {
          method: 'PUT',
          target: '/v1/shelves/oak/books?side=left',
          headers: [['Host', 'example.com']],
          body: '{"title": "Walden",\n "pages": 350}',
        },
        response: { status: 201, reason: 'OK', headers: [['Vary', 'Accept']], body: '""' },
        statuses: [
          { code: 201, words: 'On the shelf' },
          { code: 409, words: 'No room' },
        ],
      },
    ],
  });
});

describe('what it does not know is refused with the number of the line, never skipped:', () => {
  test.each([
    ['front matter of another form', 'page_keywords: API', 'keywords: API', /^line 2: /],
    ['a heading that was left out', '## Shelf', '#### Shelf', /^line 10: .*left out/],
    ['an endpoint outside /v1', '`PUT /v1/', '`PUT /v2/', /^line 14: .*below \/v1/],
    ['an unknown method', '`PUT /v1/', '`BREW /v1/', /^line 14: .*method/],
    ['an unknown label', '    Parameters:', '    Cookies:', /^line 29: /],
    ['a misspelled label', '**Example Response**:', '**Example Respnse**:', /^line 14: .*response/],
    ['a label twice', '    Query Parameters:', '    Json Parameters:', /^line 41: .*once/],
    ['a label that stands among the remarks', 'the shelf.', 'the shelf:', /^line 17: /],
    ['an endpoint without a request', '**Example Request**:', 'An example follows', /^line 23: /],
    ['a request of another method', '        PUT /v1', '        POST /v1', /^line 23: .*PUT/],
    ['a request of another path', 'shelves/oak/books', 'shelves/oak/pens', /^line 23: .*form/],
    ['a request with two names for one parameter', 'shelves/oak/books', 'shelves/oak/ash/books', /^line 23: .*form/],
    ['another version of HTTP', 'left HTTP/1.1', 'left HTTP/2', /^line 23: .*request line/],
    ['a header that is none', 'Host: example.com', 'Host example.com', /^line 24: .*header/],
    ['an example that is not indented', '        Host:', '    Host:', /^line 24: .*eight blanks/],
    ['a body that is not JSON', '"pages": 350}', '"pages": }', /^line 23: .*JSON/],
    ['a body with a hole', '"Walden",\n', '"Walden",\n\n', /^line 27: .*empty lines/],
    ['a parameter of the path without words', '    - **shelf** – the name of the shelf\n', '', /^line 14: .*path/],
    ['a parameter of the query without words', '    - **side** – left or right\n', '', /^line 14: .*query/],
    ['a field of the body without words', '    - **pages** – how many\n', '', /^line 14: .*body/],
    ['a list entry with a hyphen for its dash', '**shelf** –', '**shelf** -', /^line 31: .*entry/],
    ['an entry that is not one', '    - **409** –', '    409 –', /^line 55: .*entry/],
    ['a status that is none', '**409**', '**4o9**', /^line 55: .*status code/],
    ['a status twice', '**409**', '**201**', /^line 14: .*once/],
    ['a response whose status is not in the list', 'HTTP/1.1 201 OK', 'HTTP/1.1 200 OK', /^line 14: .*200/],
    ['a status line that is none', 'HTTP/1.1 201 OK', 'HTTP 201', /^line 47: .*status line/],
    ['a stray line among the status codes', '    - **409**', 'And then:\n    - **409**', /^line 55: .*entry/],
    ['a list before the first endpoint', '- Books lie', '* Books lie', /^line 8: .*sentence/],
  ])('%s', (_, before, after, message) => {
    expect(text).toContain(before);
    expect(() => extract(text.replace(before, after))).toThrow(message);
  });

  test('the same endpoint a second time', () => {
    const again = text.slice(text.indexOf('`PUT'));
    expect(() => extract(`${text}\n${again}`)).toThrow(/^line 57: .*described twice/);
  });

  test('a document without endpoints', () => {
    expect(() => extract('page_title: Nothing\n\n# Nothing\n')).toThrow(/no endpoint/);
  });
});

const document = seedDocument();

test.skipIf(document === undefined)('every line of the published text that opens something is found in a case', () => {
  const { endpoints } = extract(document ?? '');
  const occurrences = (pattern: RegExp) => document?.match(pattern)?.length;
  expect(endpoints).toHaveLength(14);
  expect(occurrences(/^`[A-Z]+ \//gm)).toBe(endpoints.length);
  expect(occurrences(/HTTP\/1\.1$/gm)).toBe(endpoints.length);
  expect(occurrences(/^ +HTTP\/1\.1 \d{3}/gm)).toBe(endpoints.length);
  expect(occurrences(/^ +- \*\*\d{3}\*\*/gm)).toBe(endpoints.flatMap(({ statuses }) => statuses).length);
  expect(occurrences(/^ +- \*\*[a-z_]+\*\*/gm)).toBe(endpoints.flatMap(({ parameters }) => parameters).length);
  const messages = endpoints.flatMap(({ request, response }) => [request, response]);
  expect(occurrences(/^ {8}[A-Z][A-Za-z-]+: /gm)).toBe(messages.flatMap(({ headers }) => headers).length);
});
