/**
 * The identity of a process. A pid that was written down may belong to a stranger when it is read again; with the moment of the
 * process's birth it cannot, so that nothing is ever signalled that is not ours.
 */
import { execFileSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as elapsed } from 'node:timers/promises';

const pollMs = 20;
const killedDeadlineMs = 5_000;
const psDeadlineMs = 2_000;
const hasProc = existsSync('/proc/self/stat');

export interface ProcessIdentity {
  readonly pid: number;
  /** Unique on this machine together with the pid; to be compared, not to be read. */
  readonly born: string;
}

/** Undefined when there is no such process, or only its remains that nobody has waited for. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const born = hasProc ? bornByProc(pid) : bornByPs(pid);
  return born === undefined ? undefined : { pid, born };
}

export function isRunning({ pid, born }: ProcessIdentity): boolean {
  return identityOf(pid)?.born === born;
}

/** The words of the command; empty when it cannot be known. */
export function commandLine(pid: number): readonly string[] {
  if (!hasProc) return [ps(pid, 'command=') ?? ''];
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Asks with each signal in turn, gives each its time, and kills the whole process group in the end. */
export async function endProcess(
  identity: ProcessIdentity,
  requests: readonly { readonly signal: NodeJS.Signals; readonly graceMs: number }[],
): Promise<void> {
  for (const { signal, graceMs } of requests) {
    if (!send(identity, identity.pid, signal) || (await ended(identity, graceMs))) return;
  }
  send(identity, -identity.pid, 'SIGKILL');
  if (send(identity, identity.pid, 'SIGKILL') && !(await ended(identity, killedDeadlineMs)))
    throw new Error(`process ${identity.pid} is there still, ${killedDeadlineMs} ms after SIGKILL`);
}

/** In words, once it has ended or could not be started. */
export function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit status ${code}` : `ended by ${signal}`));
  });
}

async function ended(identity: ProcessIdentity, deadlineMs: number): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  while (isRunning(identity)) {
    if (performance.now() > deadline) return false;
    await elapsed(pollMs);
  }
  return true;
}

function send(identity: ProcessIdentity, target: number, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    return process.kill(target, signal);
  } catch (error) {
    // It ended between the look and the signal, or it does not lead a group.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

function bornByProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the command stands in brackets and may hold anything; what follows is "state ppid … starttime …" (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

function bornByPs(pid: number): string | undefined {
  const line = ps(pid, 'stat=,lstart=')?.trim();
  if (line === undefined || line === '' || line.startsWith('Z')) return undefined;
  return line.split(/\s+/).slice(1).join(' ');
}

function ps(pid: number, columns: string): string | undefined {
  try {
    return execFileSync('ps', ['-o', columns, '-p', String(pid)], { encoding: 'utf8', timeout: psDeadlineMs });
  } catch {
    return undefined;
  }
}
