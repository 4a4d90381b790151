/**
 * One `up` at a time on a data directory, and nothing left over from one that was killed. The claim is a file that names its holder
 * and the holder's children by pid and birth, so that neither a reused pid nor a stale file can mislead.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as elapsed } from 'node:timers/promises';

import { readIfThere, writePrivateFile } from '@docket/infra/private-file';
import { endProcess, identityOf, isRunning } from '@docket/infra/process-identity';
import type { ProcessIdentity } from '@docket/infra/process-identity';
import { z } from 'zod';

/** Above what `up` itself takes to stop. */
const holderEndsMs = 40_000;
const childGraceMs = 10_000;
const pollMs = 50;
const attemptsMax = 5;

const identity = z.object({ pid: z.int().positive(), born: z.string() });
const claimFile = z.object({
  holder: identity,
  /** The npm that the holder belongs to, when it was started by one: without it the holder is an orphan. */
  npm: identity.optional(),
  ending: z.boolean(),
  children: z.array(identity),
});
type ClaimFile = z.infer<typeof claimFile>;

export interface Claim {
  /** A process that must not outlive the holder: if it is left behind, the next holder ends it. */
  add(child: ProcessIdentity): void;
  /** Says that the data directory will be free soon, so that a process that waits for it goes on waiting. */
  ending(): void;
  release(): void;
}

interface Options {
  readonly dataDirectory: string;
  readonly npm: ProcessIdentity | undefined;
  readonly say: (line: string) => void;
}

export async function claimDataDirectory({ dataDirectory, npm, say }: Options): Promise<Claim> {
  // Root lends PostgreSQL a user, which must get through; what is in it is closed file by file.
  mkdirSync(dataDirectory, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const path = join(dataDirectory, 'up.json');
  const holder = identityOf(process.pid);
  if (holder === undefined) throw new Error('this process cannot be found among the processes of the machine');
  let mine: ClaimFile = { holder, npm, ending: false, children: [] };
  for (let attempt = 1; !createWhole(path, mine); attempt++) {
    if (attempt > attemptsMax) throw new Error(`${path} is being written by others again and again`);
    const other = read(path);
    if (other === undefined) continue;
    if (isRunning(other.holder)) await untilGone(other, dataDirectory, say);
    else await takeOver(path, other, say);
  }
  const write = (change: Partial<ClaimFile>) => {
    mine = { ...mine, ...change };
    writePrivateFile(path, JSON.stringify(mine));
  };
  return {
    add: (child) => write({ children: [...mine.children.filter(isRunning), child] }),
    ending: () => write({ ending: true }),
    release: () => rmSync(path, { force: true }),
  };
}

async function untilGone(other: ClaimFile, dataDirectory: string, say: Options['say']): Promise<void> {
  const { pid } = other.holder;
  if (other.npm !== undefined && !isRunning(other.npm)) {
    say(`stopping a Docket whose npm was killed (pid ${pid})`);
    await endProcess(other.holder, [{ signal: 'SIGTERM', graceMs: holderEndsMs }]);
    return;
  }
  if (!other.ending) throw new Error(`another Docket runs on ${dataDirectory} already (pid ${pid})`);
  say(`waiting for the Docket that is stopping (pid ${pid})`);
  const deadline = performance.now() + holderEndsMs;
  while (isRunning(other.holder)) {
    if (performance.now() > deadline) throw new Error(`the Docket with pid ${pid} does not stop on ${dataDirectory}`);
    await elapsed(pollMs);
  }
}

async function takeOver(path: string, dead: ClaimFile, say: Options['say']): Promise<void> {
  const children = dead.children.filter(isRunning);
  if (children.length > 0) say(`stopping ${children.length} processes that a killed Docket left running`);
  await Promise.all(children.map((child) => endProcess(child, [{ signal: 'SIGTERM', graceMs: childGraceMs }])));
  // Moved away before it is judged again: another `up` may have taken over meanwhile, and its claim must stand.
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = read(aside);
  if (moved !== undefined && isRunning(moved.holder)) createWhole(path, moved);
  rmSync(aside, { force: true });
}

/** False when there is one already. */
function createWhole(path: string, content: ClaimFile): boolean {
  const whole = `${path}.${randomBytes(4).toString('hex')}`;
  writePrivateFile(whole, JSON.stringify(content));
  try {
    linkSync(whole, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(whole, { force: true });
  }
}

function read(path: string): ClaimFile | undefined {
  const text = readIfThere(path);
  return text === undefined ? undefined : claimFile.parse(JSON.parse(text));
}
