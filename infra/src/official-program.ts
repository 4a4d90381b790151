/** Whether a program that somebody repacked is, byte for byte, the one that its authors released. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { readIfThere, writePrivateFile } from './private-file.ts';

const readBytes = 1024 * 1024;

interface Program {
  readonly path: string;
  /** Of the release, in hexadecimal. */
  readonly sha256: string;
  /** What was found right is written here, so that 131 MB are read once and not at every start. */
  readonly recordFile: string;
}

/** Reads the program unless the record is of this very file; whoever writes to it changes its `ctime`, which nobody can set. */
export async function isOfficial({ path, sha256, recordFile }: Program): Promise<boolean> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const seen = [sha256, dev, ino, size, mtimeNs, ctimeNs, path].join(' ');
  if (readIfThere(recordFile)?.trim() === seen) return true;
  if ((await sha256Of(path)) !== sha256) return false;
  writePrivateFile(recordFile, `${seen}\n`);
  return true;
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: readBytes }), hash);
  return hash.digest('hex');
}
