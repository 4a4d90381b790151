/** The lines of a file or of standard input, unpacked when it is gzip, whatever it is called. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export interface Lines {
  readonly lines: AsyncIterable<string>;
  /** 0 to 1; undefined where the whole is not known. */
  readonly fractionRead: () => number | undefined;
}

const gzipMagic = Buffer.from([0x1f, 0x8b]);
/** Above any line that can be imported; what goes on without an end is no file of lines. */
const lineCharactersMax = 64 * 1024 * 1024;

/** Rejects when the file cannot be read. */
export async function openLines(file: string): Promise<Lines> {
  const size = file === '-' ? undefined : (await stat(file)).size;
  const source: AsyncIterable<Buffer> = file === '-' ? process.stdin : createReadStream(file);
  const chunks = source[Symbol.asyncIterator]();
  const head = await firstBytes(chunks);
  let read = 0;
  async function* whole(): AsyncGenerator<Buffer> {
    yield head;
    read += head.length;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      read += next.value.length;
      yield next.value;
    }
  }
  const zipped = head.subarray(0, gzipMagic.length).equals(gzipMagic);
  return {
    lines: linesOf(zipped ? unpacked(whole()) : whole()),
    fractionRead: () => (size === undefined || size === 0 ? undefined : read / size),
  };
}

/** Enough to see what it is, if there is as much. */
async function firstBytes(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < gzipMagic.length) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

function unpacked(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const source = Readable.from(bytes, { objectMode: false });
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  return source.pipe(gunzip);
}

/** Half a file must not look like the whole: what breaks the reading is thrown. A mark of the byte order in front is left out. */
async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let open = '';
  for await (const chunk of bytes) {
    const [first = '', ...others] = decoder.decode(chunk, { stream: true }).split('\n');
    open += first;
    if (open.length > lineCharactersMax) throw new Error(`a line of more than ${lineCharactersMax} characters`);
    for (const next of others) {
      yield open;
      open = next;
    }
  }
  open += decoder.decode();
  if (open !== '') yield open;
}
