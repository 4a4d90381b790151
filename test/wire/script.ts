/**
 * A conversation as a table: who says what, in which words, and what must come back. The words are sent as they are written, over
 * sockets of their own, to the API processes in turn, so that no answer can rest on what one process or one connection remembers.
 */
import { STATUS_CODES } from 'node:http';

import { expect } from 'vitest';

import { usualError } from '../conformance/scenario.ts';
import { Connection, held, valuesOf, written } from '../support/exchange.ts';
import type { Answer, Header } from '../support/exchange.ts';

/** How a program frames what it says: the order, the spelling and the surroundings of its headers. */
export interface Speaker {
  readonly name: string;
  /** `close`: a connection for each request, as all docker clients have it. */
  readonly connection: 'close' | 'keep-alive';
  frame(request: { line: string; headers: readonly Header[]; length: number | null; host: string }): {
    readonly line: string;
    readonly headers: readonly Header[];
  };
}

export interface Step {
  readonly by: Speaker;
  /** Without the version; words in braces stand for what the conversation knows: {path}, {basic}, {token}, {parent}, … */
  readonly says: string;
  readonly headers?: readonly Header[];
  readonly body?: string;
  readonly status: number;
  /** The body of the answer as JSON; left out where there is none. */
  readonly answer?: unknown;
  /** The body of the answer to the byte, for programs that compare it. */
  readonly bytes?: string;
  /** The token that must come with the answer, and that `{token}` stands for from here on. None comes where none is named. */
  readonly token?: 'read' | 'write' | 'delete';
  /** Headers that the program looks for in the answer. */
  readonly finds?: readonly (readonly [name: string, values: readonly string[]])[];
}

/** Stands for any sentence that the person in front of the client is told. */
export const anyError = Symbol('an error in JSON');

/** Stands for a body that the program does not look at. */
export const anything = Symbol('any JSON');

export interface Conversation {
  readonly urls: readonly string[];
  readonly host: string;
  /** `owner/bar` or `library/bar`, whatever the path says. */
  readonly fullName: string;
  readonly words: Readonly<Record<string, string>>;
}

/** Answers with the number of steps that went as written; the first that does not is the failure. */
export async function play(steps: readonly Step[], { urls, host, fullName, words }: Conversation): Promise<number> {
  const known = new Map(Object.entries(words));
  const lines = new Lines(urls);
  try {
    for (const [index, step] of steps.entries()) {
      const filled = (text: string) => text.replaceAll(/\{(\w+)\}/g, (whole, word: string) => known.get(word) ?? whole);
      const body = step.body === undefined ? null : filled(step.body);
      const { line, headers } = step.by.frame({
        line: filled(step.says),
        headers: (step.headers ?? []).map(([name, value]): Header => [name, filled(value)]),
        length: body === null ? null : Buffer.byteLength(body),
        host,
      });
      const answer = await lines.ask(index, step.by, written(`${line} HTTP/1.1`, headers, body));
      expectStep(
        answer,
        { ...step, answer: filledIn(step.answer, filled) },
        { step: `${index + 1}. ${step.by.name}: ${line}`, fullName },
      );
      const [token] = valuesOf(answer, 'X-Docker-Token');
      if (token !== undefined) known.set('token', `Token ${token}`);
    }
    return steps.length;
  } finally {
    lines.close();
  }
}

export interface Said {
  readonly says: string;
  readonly headers: readonly Header[];
  readonly host: string;
}

/** One request without a body, over a connection of its own. */
export async function spoken(url: string, by: Speaker, { says, headers, host }: Said): Promise<Answer> {
  const { line, headers: framed } = by.frame({ line: says, headers, length: null, host });
  const connection = new Connection(url);
  try {
    connection.send(written(`${line} HTTP/1.1`, framed, null));
    return held(line, await connection.answer());
  } finally {
    connection.close();
  }
}

function filledIn(answer: unknown, filled: (text: string) => string): unknown {
  if (answer === anyError) return usualError;
  if (answer === anything) return expect.anything();
  return answer === undefined ? undefined : (JSON.parse(filled(JSON.stringify(answer))) as unknown);
}

/** The connections of a conversation: those that are kept, and one for each request of those who keep none. */
class Lines {
  readonly #urls: readonly string[];
  readonly #kept = new Map<string, Connection>();

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  async ask(turn: number, by: Speaker, text: string): Promise<Answer> {
    const url = this.#urls[turn % this.#urls.length];
    if (url === undefined) throw new Error('nobody to talk to');
    if (by.connection === 'keep-alive') {
      const kept = this.#kept.get(url) ?? new Connection(url);
      this.#kept.set(url, kept);
      kept.send(text);
      return held(text, await kept.answer());
    }
    const connection = new Connection(url);
    try {
      connection.send(text);
      const answer = await connection.answer();
      await connection.ended();
      return held(text, answer);
    } finally {
      connection.close();
    }
  }

  close(): void {
    for (const connection of this.#kept.values()) connection.close();
  }
}

function expectStep(answer: Answer, step: Step, { step: where, fullName }: { step: string; fullName: string }): void {
  const seen = {
    where,
    status: answer.status,
    body: answer.body === '' ? undefined : (JSON.parse(answer.body) as unknown),
  };
  expect(seen).toEqual({ where, status: step.status, body: step.answer });
  if (step.bytes !== undefined) expect({ where, bytes: answer.body }).toEqual({ where, bytes: step.bytes });
  expect({ where, reason: answer.reason }).toEqual({ where, reason: STATUS_CODES[step.status] });
  const tokens = step.token ? [`repository="${fullName}",access=${step.token}`] : [];
  const found = valuesOf(answer, 'X-Docker-Token').map((token) => token.replace(/^signature=[\w.-]+,/, ''));
  expect({ where, tokens: found }).toEqual({ where, tokens });
  const always = [
    ['Content-Type', ['application/json']],
    ['Vary', ['Accept']],
    ['Content-Encoding', []],
    ['Connection', [step.by.connection]],
  ] as const;
  for (const [name, values] of [...always, ...(step.finds ?? [])]) {
    expect({ where, name, values: valuesOf(answer, name) }).toEqual({ where, name, values });
  }
}
