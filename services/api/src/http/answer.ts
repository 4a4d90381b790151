/** What a handler gives back, and the one place that writes it to the wire the way every client of the protocol reads it. */
import { answerBytesMax } from '@docket/shared/limits';
import type { Refusal } from '@docket/shared/refusal';
import type { Response } from 'express';

const jsonText = Symbol('JSON that is written already');

/** A body that is JSON already, as the database wrote it: it is sent as it is. */
export interface JsonText {
  readonly [jsonText]: string;
}

export function jsonTextOf(text: string): JsonText {
  return { [jsonText]: text };
}

type HeaderValue = string | readonly string[];

export interface Answer {
  readonly status: number;
  /** What becomes JSON, or is (`JsonText`); undefined sends no body at all. */
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
 * express would add a charset to the one and drop it from the other), and no browser is to guess another type. An answer is for who asked,
 * under the host that was asked, at that moment: a cache that others share never keeps it. `instead` is answered where the body is larger
 * than answers may be.
 */
export function send(response: Response, { status, body, headers = {} }: Answer, instead?: () => Answer): void {
  const bytes = body === undefined || status === 304 ? undefined : Buffer.from(textOf(body));
  if (bytes && instead && bytes.length > answerBytesMax) {
    send(response, instead());
    return;
  }
  response.statusCode = status;
  response.setHeader('Vary', 'Accept');
  response.setHeader('Cache-Control', 'private, no-cache');
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, typeof value === 'string' ? value : [...value]);
  }
  if (!bytes) {
    response.end();
    return;
  }
  response.setHeader('Content-Length', bytes.length);
  response.end(bytes);
}

function textOf(body: unknown): string {
  return typeof body === 'object' && body !== null && jsonText in body ? String(body[jsonText]) : JSON.stringify(body);
}
