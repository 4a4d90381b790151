/**
 * The lines of a file or of standard input, unpacked when it is gzip, whatever it is called. What is no text of lines is told by its
 * first bytes, before anything is made of it.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

import type { SourceLine } from '@docket/api/imports/run';
import { importLineBytesMax } from '@docket/shared/limits';

export interface Lines {
  readonly lines: AsyncIterable<SourceLine>;
  /** Undefined for what can be read once only, and is not known before its end. */
  readonly contents: Contents | undefined;
}

interface Contents {
  readonly lines: number;
  /** Of the text, however it is packed. */
  readonly sha256: string;
}

const newline = 0x0a;
const gzipMagic = Buffer.from([0x1f, 0x8b]);
/** Enough for every mark of an encoding, and for blanks before a bracket. */
const headBytesMax = 64;

/**
 * Rejects with a sentence that names the file when it cannot be read, or is no text of lines. The lines throw when it breaks off: half
 * a file must not look like the whole.
 */
export async function openLines(file: string): Promise<Lines> {
  // A pipe or the like can be read once only.
  const isAgain = file !== '-' && (await whatIs(file)).isFile();
  const contents = isAgain ? await contentsOf(file) : undefined;
  return { lines: linesIn(await textIn(file)), contents };
}

async function whatIs(file: string) {
  try {
    return await stat(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function contentsOf(file: string): Promise<Contents> {
  const hash = createHash('sha256');
  let lines = 0;
  let last = newline;
  for await (const chunk of await textIn(file)) {
    hash.update(chunk);
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1)) lines += 1;
    last = chunk.at(-1) ?? last;
  }
  return { lines: last === newline ? lines : lines + 1, sha256: hash.digest('hex') };
}

/** The bytes of the file, unpacked; errors name it. */
async function textIn(file: string): Promise<AsyncIterable<Buffer>> {
  try {
    const packed = await begun(file === '-' ? process.stdin : createReadStream(file), gzipMagic.length);
    const plain = await begun(packed.head.equals(gzipMagic) ? gunzipped(packed.whole) : packed.whole, headBytesMax);
    const wrong = wrongBeginning(plain.head);
    if (wrong !== undefined) throw new NoLines(`${nameOf(file)} ${wrong}`);
    return named(file, plain.whole);
  } catch (error) {
    throw unreadable(file, error);
  }
}

class NoLines extends Error {}

function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file;
}

function unreadable(file: string, error: unknown): Error {
  if (error instanceof NoLines) return error;
  const name = nameOf(file);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') return new NoLines(`there is no such file: ${name}`);
  if (code === 'EISDIR') return new NoLines(`${name} is a folder and no file`);
  if (code === 'EACCES' || code === 'EPERM') return new NoLines(`${name} may not be read by this user`);
  const what = code.startsWith('Z_') ? 'is packed, and cut off or damaged' : 'cannot be read';
  return new Error(`${name} ${what}`, { cause: error });
}

async function* named(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw unreadable(file, error);
  }
}

interface Begun {
  /** Its first bytes: as many as were wanted, or all. */
  readonly head: Buffer;
  /** All of it, the head included. */
  readonly whole: AsyncIterable<Buffer>;
}

async function begun(source: AsyncIterable<Buffer | string>, headBytes: number): Promise<Begun> {
  const chunks = source[Symbol.asyncIterator]();
  let read = Buffer.alloc(0);
  let isEnd = false;
  while (read.length < headBytes && !isEnd) {
    const next = await chunks.next();
    if (next.done === true) isEnd = true;
    else read = Buffer.concat([read, Buffer.from(next.value)]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield read;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield Buffer.from(next.value);
  }
  return { head: read.subarray(0, headBytes), whole: whole() };
}

/** An error on either side ends the other, and whoever reads sees it. */
function gunzipped(packed: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return pipeline(Readable.from(packed, { objectMode: false }), createGunzip(), () => undefined);
}

/** In this order: the mark of UTF-32 begins with that of UTF-16. */
const encodingMarks: readonly (readonly [string, Buffer])[] = [
  ['UTF-32', Buffer.from([0xff, 0xfe, 0x00, 0x00])],
  ['UTF-32', Buffer.from([0x00, 0x00, 0xfe, 0xff])],
  ['UTF-16', Buffer.from([0xff, 0xfe])],
  ['UTF-16', Buffer.from([0xfe, 0xff])],
];

/** Why it cannot be a text of lines; undefined when it may be one. */
function wrongBeginning(head: Buffer): string | undefined {
  const [marked] = encodingMarks.find(([, mark]) => head.subarray(0, mark.length).equals(mark)) ?? [];
  const encoding = marked ?? unmarkedEncoding(head);
  if (encoding !== undefined)
    return `is ${encoding}; iconv -f ${encoding} -t UTF-8 makes UTF-8 of it, which is read here`;
  if (/^\ufeff?\s*\[/.test(head.toString('utf8'))) {
    return "is a JSON array; one object a line is wanted, as jq -c '.[]' makes of it";
  }
  return undefined;
}

/** Letters and signs of ASCII, with a zero byte beside each of the first two. */
function unmarkedEncoding(head: Buffer): string | undefined {
  const zeros = Array.from(head.subarray(0, 4), (byte) => (byte === 0 ? '0' : 'x')).join('');
  if (zeros === 'x0x0') return 'UTF-16LE';
  return zeros === '0x0x' ? 'UTF-16BE' : undefined;
}

async function* linesIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<SourceLine> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const part = chunk.subarray(start, end);
      yield bytes === 0 ? lineOf([part], part.length) : lineOf([...parts, part], bytes + part.length);
      parts = [];
      bytes = 0;
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    bytes += rest.length;
    if (bytes <= importLineBytesMax) parts.push(rest);
    else parts = [];
  }
  if (bytes > 0) yield lineOf(parts, bytes);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function lineOf(parts: readonly Buffer[], bytes: number): SourceLine {
  if (bytes > importLineBytesMax) return { unreadable: `the line is longer than ${importLineBytesMax} bytes` };
  const [only = Buffer.alloc(0), ...more] = parts;
  try {
    return utf8.decode(more.length === 0 ? only : Buffer.concat(parts));
  } catch {
    return {
      unreadable: 'the line is not valid UTF-8; if the file is Latin-1, iconv -f ISO-8859-1 -t UTF-8 makes UTF-8 of it',
    };
  }
}
