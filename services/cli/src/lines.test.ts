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
  const { lines, total } = await openLines(file);
  const seen: SourceLine[] = [];
  for await (const line of lines) seen.push(line);
  return { lines: seen, total };
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
  const { lines } = await linesOf(Buffer.concat([Buffer.from('one\n'), Buffer.from([0xff, 0x0a]), Buffer.from('two')]));
  expect(lines).toEqual(['one', { unreadable: 'the line is not valid UTF-8' }, 'two']);
});

test('a file that is broken off is an error, not a short file', async () => {
  const whole = gzipSync(Array.from({ length: 1_000 }, (_, index) => `line ${index * 7919}`).join('\n'));
  await expect(linesOf(whole.subarray(0, whole.length - 200))).rejects.toThrow('unexpected end of file');
});

test('a file that is not there is an error before anything is read', async () => {
  await expect(openLines(join(folder, 'nothing'))).rejects.toThrow('ENOENT');
});
