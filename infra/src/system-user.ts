/**
 * The system users that engines run as where root starts them: none of them is root, and each reads what is its own. Such a user must be
 * able to reach the programs and the data, which it cannot below a home directory that is closed to others: there they are kept outside.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { readIfThere, writePrivateFile } from './private-file.ts';

/** Open to everybody on the way down, so that the system users reach what lies in it. */
export const sharedFolder = '/var/lib/docket';
const digestCharacters = 16;
const commandDeadlineMs = 10_000;

export type EngineName = 'postgres' | 'meilisearch';

/** Given to the processes of an engine; undefined: they run as whoever runs this. */
export type SystemUser = { readonly uid: number; readonly gid: number } | undefined;

/** Undefined unless this is root. Named after its engine, and made when the machine has none. */
export function systemUser(name: EngineName): SystemUser {
  if (process.getuid?.() !== 0) return undefined;
  const known = userIds(name);
  if (known !== undefined) return known;
  const attempts: readonly (readonly [string, readonly string[]])[] = [
    ['groupadd', ['--system', name]],
    ['useradd', ['--system', '--gid', name, '--home-dir', '/nonexistent', '--shell', '/bin/false', name]],
    // BusyBox has these programs instead of the two above.
    ['addgroup', ['-S', name]],
    ['adduser', ['-S', '-D', '-H', '-s', '/bin/false', '-G', name, name]],
  ];
  for (const [command, words] of attempts) {
    spawnSync(command, words, { stdio: 'ignore', timeout: commandDeadlineMs });
    const made = command === 'useradd' || command === 'adduser' ? userIds(name) : undefined;
    if (made !== undefined) return made;
  }
  throw new Error(
    `no engine runs as root, and the user "${name}" is not there and could not be made; ` +
      'run as an ordinary user, make that user, or name engines of your own (DATABASE_URL, MEILISEARCH_URL)',
  );
}

export interface EnginePlace {
  readonly folder: string;
  /** Outside the data directory, which has no record of it: what is there belonged to one that was removed, passwords and all. */
  readonly abandoned: boolean;
}

/** The folder of the engine's data, which belongs logically to the data directory. */
export function enginePlace(dataDirectory: string, name: EngineName, user: SystemUser): EnginePlace {
  const recorded = readIfThere(recordOf(dataDirectory, name))?.trim();
  if (recorded !== undefined && recorded !== '') return { folder: recorded, abandoned: false };
  if (canReach(user, dataDirectory)) return { folder: join(dataDirectory, name), abandoned: false };
  const digest = createHash('sha256').update(realpathSync(dataDirectory)).digest('hex').slice(0, digestCharacters);
  const folder = join(sharedFolder, name === 'postgres' ? digest : `${digest}-${name}`);
  return { folder, abandoned: existsSync(folder) };
}

/** Recorded before anything is in the folder, so that a start which is cut short leaves no data that nobody knows of. */
export function claimPlace(
  { folder, abandoned }: EnginePlace,
  dataDirectory: string,
  name: EngineName,
  user: SystemUser,
): void {
  if (abandoned) rmSync(folder, { recursive: true, force: true });
  if (dirname(folder) === sharedFolder) {
    makeSharedFolder(sharedFolder);
    writePrivateFile(recordOf(dataDirectory, name), `${folder}\n`);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
}

function recordOf(dataDirectory: string, name: EngineName): string {
  return join(dataDirectory, `${name}-location`);
}

export function makeSharedFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  // The umask of root may have taken these modes away.
  chmodSync(path, 0o755);
}

/** The system answers this: modes, groups, access lists and mounts all have a say, so the answer is not computed here. */
export function canReach(user: SystemUser, path: string): boolean {
  if (user === undefined) return true;
  const { status } = spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], {
    ...user,
    cwd: '/',
    timeout: commandDeadlineMs,
  });
  return status === 0;
}

function userIds(name: string): SystemUser {
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe', timeout: commandDeadlineMs }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}
