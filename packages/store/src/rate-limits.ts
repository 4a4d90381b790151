/**
 * How often something may happen, counted in the database for all processes together (rate-limiter-flexible over a table of ours). In
 * front stands the memory of this process: what is known to be used up costs no statement, and what happens often is counted in lots.
 * While the database cannot count, each process counts for itself.
 */
import { LRUCache } from 'lru-cache';
import { sql } from 'kysely';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';

import { NoPrimary } from './breaker.ts';
import type { Database } from './connect.ts';
import { prepared } from './prepared.ts';
import type { Prepared } from './prepared.ts';

/** Keys of a limit that a process knows something of. Beyond them the database is asked again. */
const knownMax = 20_000;
/** How often after its start a process deletes what is over, how many rows with one statement, and how many statements at most. */
const pruneEveryMs = 60_000;
const prunedAtOnceMax = 1_000;
const prunesMax = 100;
/** The clocks of two processes may differ by so much. */
const clocksApartMs = 60_000;
/** That the database cannot count is told once in so long. */
const troubleEveryMs = 60_000;

export interface RateLimit {
  /** Stands before the keys in the table. */
  readonly name: string;
  /** How many in `seconds`, from the first on; infinite is without bound. */
  readonly max: number;
  readonly seconds: number;
  /** A process takes so many with one statement, and uses them up before it asks again; 1 unless told. */
  readonly lot?: number;
}

/** There is no room in a limit. */
export interface UsedUp {
  readonly max: number;
  /** When there is room again, in milliseconds since 1970. */
  readonly untilMs: number;
}

export interface RateLimiter {
  /** Counts one; used up when there was no room for it. */
  readonly take: (key: string) => Promise<UsedUp | undefined>;
  /** How many were counted, and whether there is room for another. Counts nothing. */
  readonly look: (key: string) => Promise<{ readonly counted: number; readonly usedUp: UsedUp | undefined }>;
  /** What this process knows without asking. */
  readonly known: (key: string) => UsedUp | undefined;
  /** Takes one back that was counted and did not happen. */
  readonly giveBack: (key: string) => Promise<void>;
  /** Begins anew. */
  readonly forget: (key: string) => Promise<void>;
}

export interface RateLimits {
  readonly limiter: (limit: RateLimit) => RateLimiter;
  readonly stop: () => void;
}

interface RateLimitsOptions {
  readonly database: Database;
  /** Limits hold in this process alone until the database can count again. Told once a minute. */
  readonly onTrouble: (error: unknown) => void;
}

export function rateLimits({ database, onTrouble }: RateLimitsOptions): RateLimits {
  let toldAt = -Infinity;
  const failed = (error: unknown) => {
    // That there is no primary is told where it is noticed.
    if (error instanceof NoPrimary || performance.now() - toldAt < troubleEveryMs) return;
    toldAt = performance.now();
    onTrouble(error);
  };
  const client = storeClient(database, failed);
  const prunes = () => void prune(database).catch(failed);
  prunes();
  const timer = setInterval(prunes, pruneEveryMs).unref();
  return {
    limiter: (limit) => (limit.max === Number.POSITIVE_INFINITY ? unbounded : limiterOf(limit, client)),
    stop: () => clearInterval(timer),
  };
}

/** Counts nothing. */
export const unbounded: RateLimiter = {
  take: () => Promise.resolve(undefined),
  look: () => Promise.resolve({ counted: 0, usedUp: undefined }),
  known: () => undefined,
  giveBack: () => Promise.resolve(),
  forget: () => Promise.resolve(),
};

type StoreClient = ReturnType<typeof storeClient>;

function limiterOf({ name, max, seconds, lot = 1 }: RateLimit, client: StoreClient): RateLimiter {
  const bound = { keyPrefix: name, points: max, duration: seconds };
  const counter = new RateLimiterPostgres({
    ...bound,
    storeClient: client,
    storeType: 'pool',
    schemaName: 'directory',
    tableName: 'rate_limits',
    tableCreated: true,
    // Rows that are over are deleted by us, a bounded number at once.
    clearExpiredByTimeout: false,
    insuranceLimiter: new RateLimiterMemory(bound),
  });
  /** Until when a key is used up. */
  const usedUp = new LRUCache<string, number>({ max: knownMax });
  /** Of a lot that was taken: what is left of it, and until when it is good. */
  const spare = new LRUCache<string, { readonly left: number; readonly untilMs: number }>({ max: knownMax });

  const taking = new Map<string, Promise<unknown>>();

  function known(key: string): UsedUp | undefined {
    const untilMs = usedUp.get(key);
    if (untilMs === undefined) return undefined;
    if (untilMs > Date.now()) return { max, untilMs };
    usedUp.delete(key);
    return undefined;
  }

  function remember(key: string, { consumedPoints, msBeforeNext }: RateLimiterRes): UsedUp | undefined {
    if (consumedPoints < max) return undefined;
    const untilMs = Date.now() + msBeforeNext;
    usedUp.set(key, untilMs);
    return { max, untilMs };
  }

  function isSpare(key: string): boolean {
    const kept = spare.get(key);
    if (kept === undefined) return false;
    if (kept.left > 1 && kept.untilMs > Date.now()) spare.set(key, { ...kept, left: kept.left - 1 });
    else spare.delete(key);
    return kept.untilMs > Date.now();
  }

  async function takeLot(key: string): Promise<UsedUp | undefined> {
    const counted = await consumed(counter, key, lot);
    const reached = remember(key, counted);
    const given = Math.min(lot, max - (counted.consumedPoints - lot));
    if (given <= 0) return reached;
    if (given > 1) spare.set(key, { left: given - 1, untilMs: Date.now() + counted.msBeforeNext });
    return undefined;
  }

  return {
    known,
    take: async (key) => {
      for (;;) {
        if (isSpare(key)) return undefined;
        const full = known(key);
        if (full) return full;
        // Who comes while a lot is on its way takes of that one: a crowd would take as many lots as it has heads.
        const onTheWay = taking.get(key);
        if (onTheWay === undefined) break;
        await onTheWay;
      }
      if (lot === 1) return takeLot(key);
      const taken = takeLot(key).finally(() => taking.delete(key));
      taking.set(key, taken);
      return taken;
    },
    look: async (key) => {
      const full = known(key);
      if (full) return { counted: max, usedUp: full };
      const found = await counter.get(key);
      return found === null
        ? { counted: 0, usedUp: undefined }
        : { counted: found.consumedPoints, usedUp: remember(key, found) };
    },
    giveBack: async (key) => {
      usedUp.delete(key);
      await counter.reward(key);
    },
    forget: async (key) => {
      usedUp.delete(key);
      await counter.delete(key);
    },
  };
}

/** The library rejects with what it counted when that is too much. */
async function consumed(counter: RateLimiterPostgres, key: string, points: number): Promise<RateLimiterRes> {
  try {
    return await counter.consume(key, points);
  } catch (error) {
    if (error instanceof RateLimiterRes) return error;
    throw error;
  }
}

interface CountRow {
  readonly points: number;
  readonly expire: bigint | null;
}

/** What the library needs of a pool of `pg`; its few statements are prepared like ours. */
function storeClient(database: Database, failed: (error: unknown) => void) {
  const statements = new Map<string, Prepared<CountRow, readonly unknown[]>>();
  return {
    query: async ({ name, text, values }: { name: string; text: string; values: readonly unknown[] }) => {
      const statement = statements.get(text) ?? prepared<CountRow, readonly unknown[]>(name, text);
      statements.set(text, statement);
      try {
        const rows = await statement(database, values);
        // It computes with numbers.
        const counts = rows.map(({ points, expire }) => ({ points, expire: expire === null ? null : Number(expire) }));
        return { rows: counts, rowCount: counts.length };
      } catch (error) {
        failed(error);
        throw error;
      }
    },
  };
}

/** Two processes that do it at once delete other rows. */
async function prune(database: Database): Promise<void> {
  for (let time = 0; time < prunesMax; time += 1) {
    const { numAffectedRows = 0n } = await sql`delete from directory.rate_limits where key in (
      select key from directory.rate_limits where expire < ${Date.now() - clocksApartMs}
      order by expire limit ${prunedAtOnceMax} for update skip locked)`.execute(database);
    if (numAffectedRows < prunedAtOnceMax) return;
  }
}
