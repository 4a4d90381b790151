/** What a handler gives back, and the one place that writes it to the wire the way every client of the protocol reads it. */
import type { Refusal } from '@docket/shared/refusal';
import type { Response } from 'express';

type HeaderValue = string | readonly string[];

export interface Answer {
  readonly status: number;
  /** JSON; undefined sends no body at all. */
  readonly body: unknown;
  /** An array is one header line for each element. */
  readonly headers?: Readonly<Record<string, HeaderValue>>;
}

export type Outcome = Answer | Refusal;

export function answer(status: number, body: unknown, headers: Answer['headers'] = {}): Answer {
  return { status, body, headers };
}

/**
 * `Content-Type` is exactly `application/json` and stands on a 204 as well; `Vary: Accept` on everything (seed, every example;
 * express would add a charset to the one and drop it from the other).
 */
export function send(response: Response, { status, body, headers = {} }: Answer): void {
  response.statusCode = status;
  response.setHeader('Vary', 'Accept');
  response.setHeader('Content-Type', 'application/json');
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, typeof value === 'string' ? value : [...value]);
  }
  if (body === undefined || status === 304) {
    response.end();
    return;
  }
  const bytes = Buffer.from(JSON.stringify(body));
  response.setHeader('Content-Length', bytes.length);
  response.end(bytes);
}
