/** The lines of a file or of standard input, unpacked when it is gzip, whatever it is called. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

import type { SourceLine } from '@docket/api/imports/run';
import { importLineBytesMax } from '@docket/shared/limits';

export interface Lines {
  readonly lines: AsyncIterable<SourceLine>;
  /** How many there are; undefined where that is not known before the end. */
  readonly total: number | undefined;
}

const newline = 0x0a;
const gzipMagic = Buffer.from([0x1f, 0x8b]);

/** Rejects when the file cannot be read. The lines throw when it breaks off: half a file must not look like the whole. */
export async function openLines(file: string): Promise<Lines> {
  if (file === '-') return { lines: linesIn(await unpacked(process.stdin)), total: undefined };
  // A pipe or the like can be read once only.
  const total = (await stat(file)).isFile() ? await countLines(file) : undefined;
  return { lines: linesIn(await unpacked(createReadStream(file))), total };
}

async function countLines(file: string): Promise<number> {
  let lines = 0;
  let last = newline;
  for await (const chunk of await unpacked(createReadStream(file))) {
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1)) lines += 1;
    last = chunk.at(-1) ?? last;
  }
  return last === newline ? lines : lines + 1;
}

async function unpacked(source: AsyncIterable<Buffer | string>): Promise<AsyncIterable<Buffer>> {
  const chunks = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let isEnd = false;
  while (head.length < gzipMagic.length && !isEnd) {
    const next = await chunks.next();
    if (next.done === true) isEnd = true;
    else head = Buffer.concat([head, Buffer.from(next.value)]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield head;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield Buffer.from(next.value);
  }
  if (!head.subarray(0, gzipMagic.length).equals(gzipMagic)) return whole();
  const gunzip = createGunzip();
  // An error on either side ends the other, and whoever reads sees it.
  return pipeline(Readable.from(whole(), { objectMode: false }), gunzip, () => undefined);
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
    return { unreadable: 'the line is not valid UTF-8' };
  }
}
