/**
 * Passwords are hashed and compared in worker threads, behind a queue in which clients take turns: whoever guesses waits behind their own
 * guesses. The queue has an end for each client and for all.
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';

import { waitingPasswordsMax } from '@docket/shared/limits';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { Piscina } from 'piscina';

import { overloaded } from '../http/problem.ts';
import { fairQueue, isTurnedAway } from './fair-queue.ts';
import type { PasswordTask } from './password-worker.ts';

export interface Passwords {
  /** As it would be now: undefined where one more of the client may wait. */
  readonly refusal: (client: string) => Refusal | undefined;
  /** Refused when too many wait. */
  readonly hash: (password: string, client: string) => Promise<string | Refusal>;
  /**
   * Refused when too many wait, and by `refusal`, which is asked when it is its turn. Without a hash it takes as long as with one, and
   * is false.
   */
  readonly isRight: (
    password: string,
    hash: string | undefined,
    asked: { readonly client: string; readonly refusal: () => Refusal | undefined },
  ) => Promise<boolean | Refusal>;
  readonly stop: () => Promise<void>;
}

export interface PasswordOptions {
  /** Of new hashes. */
  readonly cost: number;
  readonly clientWaitingPasswordsMax: number;
}

export function passwords({ cost, clientWaitingPasswordsMax }: PasswordOptions): Passwords {
  // One core is left for the requests that need no bcrypt.
  const threads = Math.max(1, availableParallelism() - 1);
  const pool = new Piscina<PasswordTask, string | boolean>({
    filename: new URL('./password-worker.js', import.meta.url).href,
    name: 'run',
    minThreads: 1,
    maxThreads: threads,
  });
  const queue = fairQueue({
    runningMax: threads,
    waitingMax: waitingPasswordsMax,
    waitingOfClientMax: clientWaitingPasswordsMax,
  });
  let nobody: Promise<string> | undefined;

  async function inTurn<Result>(client: string, work: () => Promise<Result>): Promise<Result | Refusal> {
    const result = await queue.run(client, work);
    if (!isTurnedAway(result)) return result;
    switch (result.full) {
      case 'line':
        return lineFull(clientWaitingPasswordsMax);
      case 'queue':
        return overloaded;
    }
  }

  async function hashed(password: string): Promise<string> {
    const result = await pool.run({ task: 'hash', password, cost });
    if (typeof result !== 'string') throw new TypeError('a hash that is not a text');
    return result;
  }

  function hashOfNobody(): Promise<string> {
    nobody ??= hashed(randomBytes(16).toString('hex'));
    // A failed first try must not stay: the next unknown name makes the hash again.
    nobody.catch(() => {
      nobody = undefined;
    });
    return nobody;
  }

  return {
    refusal: (client) => (queue.isFull(client) ? lineFull(clientWaitingPasswordsMax) : undefined),
    hash: (password, client) => inTurn(client, () => hashed(password)),
    isRight: (password, hash, { client, refusal }) =>
      inTurn(client, async () => {
        const refused = refusal();
        if (refused) return refused;
        const isSame = await pool.run({ task: 'compare', password, hash: hash ?? (await hashOfNobody()) });
        return hash !== undefined && isSame === true;
      }),
    stop: () => pool.destroy(),
  };
}

const lineFullSeconds = 1;

function lineFull(max: number): Refusal {
  return {
    ...refuse('rate_limited', 'too many passwords from your address wait to be checked; try again in a moment'),
    rate: {
      limit: Number.isFinite(max) ? max : waitingPasswordsMax,
      resetAt: Math.ceil(Date.now() / 1_000) + lineFullSeconds,
    },
    afterSeconds: lineFullSeconds,
  };
}
