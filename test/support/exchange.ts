/**
 * HTTP over a socket of its own, byte for byte as given: no client library adds, joins, sorts or follows anything.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { mustBeDescribed } from './described.ts';

export type Header = readonly [name: string, value: string];

export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly Header[];
  readonly body: string | null;
}

export interface Answer {
  readonly status: number;
  readonly reason: string;
  /** One entry per line, in the order and spelling of the wire. */
  readonly headers: readonly Header[];
  readonly body: string;
}

/** Longer than every timeout of the server itself, so that its own answer comes first. */
const answerMsMax = 30_000;
const answerBytesMax = 1_000_000;

/** Sends the request as it is given, with the two headers without which the exchange would not end: Content-Length and Connection. */
export async function exchange(url: string, request: Request): Promise<Answer> {
  const { method, target, headers, body } = request;
  const length: Header[] = body === null ? [] : [['Content-Length', String(Buffer.byteLength(body))]];
  const connection = new Connection(url);
  try {
    connection.send(written(`${method} ${target} HTTP/1.1`, [...headers, ...length, ['Connection', 'close']], body));
    const answer = await connection.answer({ hasBody: method !== 'HEAD' });
    await connection.ended();
    return held(`${method} ${target}`, answer);
  } catch (error) {
    throw new Error(`${method} ${target} at ${url} was not answered`, { cause: error });
  } finally {
    connection.close();
  }
}

/** Holds an answer to the API's OpenAPI document. `line` begins as the request does: method and target. */
export function held(line: string, answer: Answer): Answer {
  const [method = '', target = ''] = line.split(' ', 2);
  const { status, body } = answer;
  mustBeDescribed({ method, target, status, contentType: valuesOf(answer, 'Content-Type')[0] ?? null, body });
  return answer;
}

export function written(line: string, headers: readonly Header[], body: string | null): string {
  return [line, ...headers.map(([name, value]) => `${name}: ${value}`), '', body ?? ''].join('\r\n');
}

export function valuesOf(answer: Answer, name: string): string[] {
  return answer.headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

/** One socket to one process, for as many exchanges as both sides like. */
export class Connection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #end: Error | 'regular' | undefined;
  #changed = () => {};

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#socket = connect({ host: hostname, port: Number(port) });
    this.#socket.setTimeout(answerMsMax, () => this.#socket.destroy(new Error(`no answer in ${answerMsMax} ms`)));
    this.#socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, Buffer.from(chunk)]);
      if (this.#received.length > answerBytesMax) this.#socket.destroy(new Error('an answer that does not end'));
      this.#changed();
    });
    this.#socket.on('error', (error) => {
      this.#end ??= error;
      this.#changed();
    });
    this.#socket.on('close', () => {
      this.#end ??= 'regular';
      this.#changed();
    });
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** The next answer, when it is there whole. */
  async answer({ hasBody = true } = {}): Promise<Answer> {
    for (;;) {
      const found = parsed(this.#received, hasBody);
      if (found) {
        this.#received = this.#received.subarray(found.bytes);
        return found.answer;
      }
      if (this.#end !== undefined) {
        throw new Error(`the connection ended after ${JSON.stringify(this.#received.toString('latin1'))}`, {
          cause: this.#end,
        });
      }
      await this.#change();
    }
  }

  /** The other side has closed the connection and left nothing unsaid behind the last answer. */
  async ended(): Promise<void> {
    while (this.#end === undefined) await this.#change();
    if (this.#received.length > 0) throw new Error(`bytes after the answer: ${this.#received.toString('latin1')}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}

function parsed(bytes: Buffer, hasBody: boolean): { answer: Answer; bytes: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const line = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(first);
  if (!line) throw new Error(`not a status line: ${first}`);
  const headers = lines.map((text): Header => {
    const colon = text.indexOf(':');
    return [text.slice(0, colon), text.slice(colon + 1).trim()];
  });
  const answer = { status: Number(line[1]), reason: line[2] ?? '', headers, body: '' };
  const start = end + 4;
  const length = hasBody ? bodyBytes(answer) : 0;
  if (bytes.length < start + length) return undefined;
  return {
    answer: { ...answer, body: bytes.subarray(start, start + length).toString() },
    bytes: start + length,
  };
}

function bodyBytes(answer: Answer): number {
  if (answer.status < 200 || answer.status === 204 || answer.status === 304) return 0;
  const lengths = valuesOf(answer, 'Content-Length');
  if (lengths.length !== 1) throw new Error(`an answer without its one length: ${JSON.stringify(answer)}`);
  return Number(lengths[0]);
}
