import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import type { SourceLine } from '@docket/api/imports/run';
import { afterAll, expect, test } from 'vitest';

import { openLines } from './lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'docket-lines-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function linesOf(bytes: Buffer | string) {
  const file = join(folder, 'file');
  writeFileSync(file, bytes);
  const { lines, contents } = await openLines(file);
  const seen: SourceLine[] = [];
  for await (const line of lines) seen.push(line);
  return { lines: seen, total: contents?.lines };
}

test.each([
  ['', []],
  ['one', ['one']],
  ['one\ntwo\n', ['one', 'two']],
  ['\n\nthree', ['', '', 'three']],
  ['\ufeffone\r\ntwo', ['one\r', 'two']],
])('%j are the lines %j, plain and as gzip, and are counted before they are read', async (text, lines) => {
  const expected = { lines, total: lines.length };
  expect(await linesOf(text)).toEqual(expected);
  expect(await linesOf(gzipSync(text))).toEqual(expected);
});

test('a gzip file of several parts, one behind the other, is one text', async () => {
  expect(await linesOf(Buffer.concat([gzipSync('one\ntw'), gzipSync('o\nthree')]))).toEqual({
    lines: ['one', 'two', 'three'],
    total: 3,
  });
});

test('lines longer than what is read at once are whole, and one longer than every line is none', async () => {
  const long = 'é'.repeat(200_000);
  const { lines } = await linesOf(`${long}\n${'x'.repeat(5_000_000)}\nlast`);
  expect(lines).toEqual([long, { unreadable: 'the line is longer than 4194304 bytes' }, 'last']);
});

test('a line that is not UTF-8 is told, and those around it are read', async () => {
  const latin1 = Buffer.from('caf\u00e9\n', 'latin1');
  const { lines } = await linesOf(Buffer.concat([Buffer.from('one\n'), latin1, Buffer.from('two')]));
  const unreadable =
    'the line is not valid UTF-8; if the file is Latin-1, iconv -f ISO-8859-1 -t UTF-8 makes UTF-8 of it';
  expect(lines).toEqual(['one', { unreadable }, 'two']);
});

const path = (name: string) => join(folder, name);
const array = "is a JSON array; one object a line is wanted, as jq -c '.[]' makes of it";
const encoded = (name: string) => `is ${name}; iconv -f ${name} -t UTF-8 makes UTF-8 of it, which is read here`;
const text = '{"name": "redis"}\n';
const swapped = (given: string) => Buffer.from(given, 'utf16le').swap16();

test.each<[string, Buffer | string, string]>([
  ['an array', '[{"name": "redis"}]', array],
  ['an array behind blanks', '\r\n\t [\n', array],
  ['an array behind a mark of its byte order', '\ufeff[]', array],
  ['UTF-16 of Windows', Buffer.from(`\ufeff${text}`, 'utf16le'), encoded('UTF-16')],
  ['UTF-16 of the other order', swapped(`\ufeff${text}`), encoded('UTF-16')],
  ['UTF-16 without a mark', Buffer.from(text, 'utf16le'), encoded('UTF-16LE')],
  ['UTF-16 of the other order without a mark', swapped(text), encoded('UTF-16BE')],
  ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), encoded('UTF-32')],
  ['UTF-32 of the other order', Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x7b]), encoded('UTF-32')],
])('%s is refused with a sentence before a line is read, packed too', async (_what, bytes, sentence) => {
  for (const packed of [bytes, gzipSync(bytes)]) {
    await expect(linesOf(packed)).rejects.toThrow(new Error(`${path('file')} ${sentence}`));
  }
});

test('a file that is packed and broken off, or damaged, is an error that names it, not a short file', async () => {
  const whole = gzipSync(Array.from({ length: 1_000 }, (_, index) => `line ${index * 7919}`).join('\n'));
  const damaged = Buffer.from(whole);
  damaged.fill(0xff, 100, 200);
  for (const bytes of [whole.subarray(0, whole.length - 200), whole.subarray(0, 2), damaged]) {
    await expect(linesOf(bytes)).rejects.toThrow(`${path('file')} is packed, and cut off or damaged`);
  }
});

test('a file that is not there, a folder and what cannot be read are errors before anything is read', async () => {
  await expect(openLines(path('nothing'))).rejects.toThrow(`there is no such file: ${path('nothing')}`);
  writeFileSync(path('file'), '');
  await expect(openLines(path('file/below'))).rejects.toThrow(`there is no such file: ${path('file/below')}`);
  await expect(openLines(folder)).rejects.toThrow(`${folder} is a folder and no file`);
  const name = 'x'.repeat(300);
  await expect(openLines(path(name))).rejects.toThrow(`${path(name)} cannot be read`);
});

test('the same text is known again however it is packed, and another is told from it', async () => {
  const known = async (bytes: Buffer | string) => {
    writeFileSync(path('file'), bytes);
    return (await openLines(path('file'))).contents?.sha256;
  };
  const first = await known('one\ntwo\n');
  expect(await known(gzipSync('one\ntwo\n'))).toBe(first);
  expect(await known(Buffer.concat([gzipSync('one\nt'), gzipSync('wo\n')]))).toBe(first);
  for (const other of ['one\ntwo', 'one\ntwo\n\n', 'one\nTwo\n']) expect(await known(other)).not.toBe(first);
});
