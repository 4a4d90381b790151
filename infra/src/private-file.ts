/** Files of the data directory that only their owner may read, each whole or not there at all. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

const privateMode = 0o600;
/** An engine writes a few lines a day; what is older than this much is of no use any more. */
const engineLogBytesMax = 8 * 1024 * 1024;

export function writePrivateFile(path: string, content: string): void {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = openSync(temporary, 'wx', privateMode);
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What the file holds, or what is made now and kept in it. */
export function keptInPrivateFile(path: string, make: () => string): string {
  const kept = readIfThere(path)?.trim();
  if (kept !== undefined && kept !== '') return kept;
  const made = make();
  writePrivateFile(path, `${made}\n`);
  return made;
}

/** A descriptor to append to, for a child process; the caller closes it. */
export function openEngineLog(path: string): number {
  const file = openSync(path, 'a', privateMode);
  if (fstatSync(file).size > engineLogBytesMax) ftruncateSync(file);
  return file;
}
