import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startMeilisearch } from './meilisearch.ts';
import { isOfficial } from './official-program.ts';

const released = 'the program as its authors released it';
const sha256 = createHash('sha256').update(released).digest('hex');

let folder: string;
let path: string;
let recordFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'docket-program-'));
  // Another user runs it when this is root.
  chmodSync(folder, 0o755);
  path = join(folder, 'program');
  recordFile = join(folder, 'checked');
  writeFileSync(path, released, { mode: 0o755 });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a program', () => {
  it('is the official one by its bytes, which are not read again while the file is the one that was read', async () => {
    expect(await isOfficial({ path, sha256, recordFile })).toBe(true);
    const record = readFileSync(recordFile, 'utf8');
    // Believed and not read: the record says so of another hash too, once it is there.
    writeFileSync(recordFile, record.replace(sha256, 'f'.repeat(64)));
    expect(await isOfficial({ path, sha256: 'f'.repeat(64), recordFile })).toBe(true);
    expect(statSync(recordFile).mode & 0o777).toBe(0o600);
  });

  it('is read again when it was written to, though it has its size and its date', async () => {
    expect(await isOfficial({ path, sha256, recordFile })).toBe(true);
    const { atime, mtime, size } = statSync(path);
    writeFileSync(path, released.replace('authors', 'strange'));
    utimesSync(path, atime, mtime);
    expect(statSync(path).size).toBe(size);
    expect(await isOfficial({ path, sha256, recordFile })).toBe(false);
  });

  it('that is not the official one leaves no record', async () => {
    writeFileSync(path, `${released}.`);
    expect(await isOfficial({ path, sha256, recordFile })).toBe(false);
    expect(() => statSync(recordFile)).toThrow('ENOENT');
  });
});

it('a Meilisearch of the package that is not the official one is not run, and a sentence says so', async () => {
  const ran = join(folder, 'ran');
  writeFileSync(path, `#!/bin/sh\ntouch '${ran}'\n`);
  expect(await startMeilisearch({ dataDirectory: folder, packaged: path })).toEqual({
    status: 'unavailable',
    reason: expect.stringMatching(
      / is not the Meilisearch of the official release \(another SHA-256\), and is not run$/,
    ),
  });
  expect(() => statSync(ran)).toThrow('ENOENT');
});
