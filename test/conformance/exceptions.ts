/**
 * The four places where the published text contradicts itself, and what holds instead. Everything else in it holds to the letter.
 * Each correction names the words that it replaces and is refused when they are not there, so none can outlive its reason.
 */
import type { Header } from '../support/exchange.ts';
import { keyOf } from './contract.ts';
import type { Endpoint, ExampleResponse } from './contract.ts';

type Correction = { readonly of: string } & (
  | { readonly part: 'header'; readonly name: string; readonly documented: string; readonly holds: string }
  | { readonly part: 'body'; readonly documented: string; readonly holds: string | null }
  | { readonly part: 'reason'; readonly documented: string; readonly holds: string }
);

interface Exception {
  readonly contradiction: string;
  readonly corrections: readonly Correction[];
}

export const exceptions: readonly Exception[] = [
  {
    contradiction: 'the library examples hand out a token of library/foobar in one header and of foo/bar in the other',
    corrections: [
      {
        of: 'PUT /v1/repositories/(repo_name)/',
        part: 'header',
        name: 'X-Docker-Token',
        documented: 'signature=123abc,repository="foo/bar",access=write',
        holds: 'signature=123abc,repository="library/foobar",access=write',
      },
      {
        of: 'DELETE /v1/repositories/(repo_name)/',
        part: 'header',
        name: 'X-Docker-Token',
        documented: 'signature=123abc,repository="foo/bar",access=delete',
        holds: 'signature=123abc,repository="library/foobar",access=delete',
      },
    ],
  },
  {
    contradiction: 'the login answers a bare OK under the content type of JSON',
    corrections: [{ of: 'GET /v1/users', part: 'body', documented: 'OK', holds: '"OK"' }],
  },
  {
    contradiction: 'answers of status 204, which never have a body, are shown with one',
    corrections: [
      {
        of: 'PUT /v1/repositories/(namespace)/(repo_name)/images',
        part: 'body',
        documented: '""',
        holds: null,
      },
      { of: 'PUT /v1/repositories/(repo_name)/images', part: 'body', documented: '""', holds: null },
      { of: 'PUT /v1/users/(username)/', part: 'body', documented: '""', holds: null },
    ],
  },
  {
    contradiction: 'the reason phrase of status 201 is written as that of 200',
    corrections: [{ of: 'POST /v1/users', part: 'reason', documented: 'OK', holds: 'Created' }],
  },
];

/** The response of the example as it holds: the text with those corrections that concern this endpoint. */
export function responseThatHolds(endpoint: Endpoint): ExampleResponse {
  const corrections = exceptions.flatMap((exception) => exception.corrections);
  return corrections.filter(({ of }) => of === keyOf(endpoint)).reduce(corrected, endpoint.response);
}

function corrected(response: ExampleResponse, correction: Correction): ExampleResponse {
  switch (correction.part) {
    case 'header': {
      const headers = response.headers.map(([name, value]): Header => {
        return name === correction.name ? [name, replaced(correction, value)] : [name, value];
      });
      if (!headers.some(([name]) => name === correction.name)) replaced(correction, null);
      return { ...response, headers };
    }
    case 'body':
      return { ...response, body: replaced(correction, response.body) };
    case 'reason':
      return { ...response, reason: replaced(correction, response.reason) };
  }
}

function replaced<Holds>(correction: { of: string; documented: string; holds: Holds }, found: string | null): Holds {
  if (found === correction.documented) return correction.holds;
  const said = JSON.stringify(correction.documented);
  throw new Error(`the exception of ${correction.of} expects ${said} in the text, which says ${JSON.stringify(found)}`);
}
