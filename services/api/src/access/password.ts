/**
 * Passwords: hashed and compared in worker threads behind a queue with an end, and remembered for a short while once they were right.
 * What is remembered is bound to the version of the credentials, which every request reads, so that a changed password counts at once
 * in every process.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';

import {
  passwordBytesMax,
  rememberedPasswordMs,
  rememberedPasswordsMax,
  waitingPasswordsMax,
} from '@docket/shared/limits';
import { LRUCache } from 'lru-cache';
import { Piscina } from 'piscina';

import { Overloaded } from '../http/problem.ts';
import type { PasswordTask } from './password-worker.ts';

export interface Credential {
  readonly accountId: string;
  readonly credentialVersion: number;
  readonly passwordHash: string;
}

export interface Passwords {
  /** Rejects with Overloaded when too many wait. */
  readonly hash: (password: string) => Promise<string>;
  /**
   * For an unknown name give undefined: it takes as long as a wrong password, and is false. So is a password that is longer than any that
   * was ever set: bcrypt would look at its first bytes alone.
   */
  readonly isRight: (password: string, credential: Credential | undefined) => Promise<boolean>;
  readonly stop: () => Promise<void>;
}

export function passwords(cost: number): Passwords {
  const pool = new Piscina<PasswordTask, string | boolean>({
    filename: new URL('./password-worker.js', import.meta.url).href,
    name: 'run',
    minThreads: 1,
    // One core is left for the requests that need no bcrypt.
    maxThreads: Math.max(1, availableParallelism() - 1),
    maxQueue: waitingPasswordsMax,
  });
  // Only this process knows the key, so what it remembers of passwords is worth nothing outside.
  const key = randomBytes(32);
  const remembered = new LRUCache<string, Promise<boolean>>({ max: rememberedPasswordsMax, ttl: rememberedPasswordMs });
  let nobody: Promise<string> | undefined;

  async function run(task: PasswordTask): Promise<string | boolean> {
    if (pool.queueSize >= waitingPasswordsMax) throw new Overloaded('too many passwords wait to be checked');
    return pool.run(task);
  }

  async function hash(password: string): Promise<string> {
    const result = await run({ task: 'hash', password, cost });
    if (typeof result !== 'string') throw new TypeError('a hash that is not a text');
    return result;
  }

  async function compare(password: string, passwordHash: string): Promise<boolean> {
    return (await run({ task: 'compare', password, hash: passwordHash })) === true;
  }

  return {
    hash,
    isRight: async (password, credential) => {
      if (credential === undefined || Buffer.byteLength(password) > passwordBytesMax) {
        // A failed first try must not stay: the next unknown name makes the hash again.
        nobody ??= hash(randomBytes(16).toString('hex'));
        nobody.catch(() => {
          nobody = undefined;
        });
        await compare(password, await nobody);
        return false;
      }
      const { accountId, credentialVersion, passwordHash } = credential;
      const fingerprint = createHmac('sha256', key)
        .update(JSON.stringify([accountId, credentialVersion, password]))
        .digest('base64');
      const known = remembered.get(fingerprint);
      if (known !== undefined) return known;
      // Requests of one push come at once: they wait for one comparison. Only a right one is remembered.
      const comparison = compare(password, passwordHash);
      remembered.set(fingerprint, comparison);
      const forget = () => remembered.delete(fingerprint);
      comparison.then((right) => right || forget(), forget);
      return comparison;
    },
    stop: () => pool.destroy(),
  };
}
