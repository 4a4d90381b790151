/**
 * What the published API text says about one endpoint, as data. `extract.ts` reads it out of the text, `seed-cases.ts` is the
 * project's own copy of it, and `seed.test.ts` holds the running processes to it.
 */
import type { Header } from '../support/exchange.ts';

export const methods = ['GET', 'PUT', 'POST', 'DELETE'] as const;
export type Method = (typeof methods)[number];

export interface ExampleRequest {
  readonly method: Method;
  readonly target: string;
  readonly headers: readonly Header[];
  /** The text as it is written, line breaks and blanks included; null where the example has none. */
  readonly body: string | null;
}

export interface ExampleResponse {
  readonly status: number;
  readonly reason: string | null;
  readonly headers: readonly Header[];
  readonly body: string | null;
}

export interface Parameter {
  readonly in: 'path' | 'json' | 'query';
  readonly name: string;
  readonly words: string;
}

export interface StatusCode {
  readonly code: number;
  readonly words: string;
}

export interface Endpoint {
  /** The headings it stands under, without the title of the document. */
  readonly titles: readonly string[];
  readonly method: Method;
  /** With its parameters in parentheses: `/v1/repositories/(namespace)/(repo_name)/`. */
  readonly path: string;
  readonly remarks: string;
  readonly parameters: readonly Parameter[];
  readonly request: ExampleRequest;
  readonly response: ExampleResponse;
  readonly statuses: readonly StatusCode[];
}

export interface Contract {
  /** Sentences that belong to no endpoint, with the headings they stand under. */
  readonly preamble: readonly { readonly titles: readonly string[]; readonly sentence: string }[];
  readonly endpoints: readonly Endpoint[];
}

export function keyOf(endpoint: Pick<Endpoint, 'method' | 'path'>): string {
  return `${endpoint.method} ${endpoint.path}`;
}

export function parameterNames(path: string): string[] {
  return [...path.matchAll(/\(([^()/]+)\)/g)].flatMap((match) => match[1] ?? []);
}
