/** The lines of a file or of standard input, unpacked when it is gzip, whatever it is called. */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export interface Lines {
  readonly lines: AsyncIterable<string>;
  /** 0 to 1; undefined where the whole is not known. */
  readonly fractionRead: () => number | undefined;
}

const gzipMagic = Buffer.from([0x1f, 0x8b]);

/** Rejects when the file cannot be read. */
export async function openLines(file: string): Promise<Lines> {
  const size = file === '-' ? undefined : (await stat(file)).size;
  const source: Readable = file === '-' ? process.stdin : createReadStream(file);
  let read = 0;
  await once(source, 'readable');
  const head: unknown = source.read();
  if (Buffer.isBuffer(head)) source.unshift(head);
  const zipped = Buffer.isBuffer(head) && head.subarray(0, 2).equals(gzipMagic);
  source.on('data', (chunk: Buffer) => {
    read += chunk.length;
  });
  source.pause();
  const text = zipped ? source.pipe(createGunzip()) : source;
  if (zipped) source.on('error', (error) => text.destroy(error));
  const lines = createInterface({ input: text, crlfDelay: Infinity });
  return {
    lines: linesOrError(lines, text),
    fractionRead: () => (size === undefined || size === 0 ? undefined : read / size),
  };
}

/** readline ends quietly when its input breaks; half a file must not look like the whole. */
async function* linesOrError(lines: AsyncIterable<string>, input: Readable): AsyncGenerator<string> {
  let failure: Error | undefined;
  input.on('error', (error) => {
    failure = error;
  });
  yield* lines;
  if (failure) throw failure;
}
