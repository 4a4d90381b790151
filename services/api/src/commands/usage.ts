/**
 * What each account appended today (UTC), over all processes. A process adds up in memory and writes every second or so, which tells it
 * what the others wrote. Far from its quota an account is judged by what the process knows; close to it every command is counted before
 * it is answered, and the next is judged by what the database knows. So an account gets beyond its quota by the commands that are on
 * their way at once when it is met, and by a hundredth of it for each other process.
 */
import type { Quotas } from '@docket/runtime/environment';
import type { Log } from '@docket/runtime/log';
import {
  usageCloseShare,
  usageDaysKept,
  usageKnownMsMax,
  usagesKnownMax,
  usageWrittenAfterMs,
  usageWrittenShare,
} from '@docket/shared/limits';
import type { DomainEvent } from '@docket/shared/stored-event';
import type { Database } from '@docket/store/connect';
import { dataBytes } from '@docket/store/log/append';
import { LRUCache } from 'lru-cache';
import { sql } from 'kysely';

import { unbounded } from './daily-quota.ts';
import type { Amount, Left } from './daily-quota.ts';

export interface Usage {
  /** What an account may still append today. Undefined is one that no quota holds. Rejects when the database cannot be asked. */
  readonly left: (accountId: string | undefined) => Promise<Left>;
  /** What is in the log now. Close to the quota it is to be waited for, until the other processes can know. */
  readonly add: (accountId: string | undefined, events: readonly DomainEvent[]) => Promise<void>;
  /** Writes what is not written yet. */
  readonly stop: () => Promise<void>;
}

/** Where no account is held to anything, as at the console of the operator. */
export const uncounted: Usage = {
  left: () => Promise.resolve(unbounded),
  add: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};

interface UsageOptions {
  readonly database: Database;
  readonly log: Log;
  readonly quotas: Pick<Quotas, 'accountDailyEventsMax' | 'accountDailyBytesMax'>;
}

interface Known extends Amount {
  readonly day: string;
  /** `performance.now()` */
  readonly readAt: number;
}

const nothing: Amount = { events: 0, bytes: 0 };
const dayMs = 86_400_000;

export function usage({ database, log, quotas }: UsageOptions): Usage {
  const max: Amount = { events: quotas.accountDailyEventsMax, bytes: quotas.accountDailyBytesMax };
  if (max.events === Number.POSITIVE_INFINITY && max.bytes === Number.POSITIVE_INFINITY) return uncounted;
  /** As the database last told it, of all processes. */
  const known = new LRUCache<string, Known>({ max: usagesKnownMax });
  /** Not written yet; and being written. */
  let pending = new Map<string, Amount>();
  let onTheWay: ReadonlyMap<string, Amount> = new Map();
  const reading = new Map<string, Promise<Known>>();
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let prunedOn = '';

  function used(accountId: string, at: Amount): Amount {
    return sum(at, sum(pending.get(accountId) ?? nothing, onTheWay.get(accountId) ?? nothing));
  }

  async function left(accountId: string | undefined): Promise<Left> {
    if (accountId === undefined) return unbounded;
    const now = Date.now();
    const today = dayOf(now);
    let at = known.get(accountId);
    if (at?.day !== today || performance.now() - at.readAt > usageKnownMsMax) at = await readAgain(accountId);
    // A day only adds: what is used up stays so without being asked for.
    else if (isWithin(at, max) && !isWithin(used(accountId, at), share(max, usageCloseShare)))
      at = await readAgain(accountId);
    const amount = used(accountId, at);
    return {
      events: Math.max(0, max.events - amount.events),
      bytes: Math.max(0, max.bytes - amount.bytes),
      max,
      afterSeconds: Math.ceil((dayMs - (now % dayMs)) / 1_000),
    };
  }

  /** Requests that ask for one account at once wait for one statement. */
  function readAgain(accountId: string): Promise<Known> {
    const present = reading.get(accountId);
    if (present) return present;
    const read = readOne(accountId).finally(() => reading.delete(accountId));
    reading.set(accountId, read);
    return read;
  }

  async function readOne(accountId: string): Promise<Known> {
    if (pending.has(accountId) || onTheWay.has(accountId)) await write();
    const day = dayOf(Date.now());
    const { rows } = await sql<{ readonly events: bigint; readonly bytes: bigint }>`select events, bytes
      from directory.usage where account_id = ${accountId} and day = ${day}`.execute(database);
    return remember(accountId, day, rows[0]);
  }

  function remember(accountId: string, day: string, row: { events: bigint; bytes: bigint } | undefined): Known {
    // A statement that began earlier may answer later: within a day it only grows.
    const before = known.get(accountId);
    const { events, bytes } = before?.day === day ? before : nothing;
    const at = {
      day,
      events: Math.max(events, Number(row?.events ?? 0)),
      bytes: Math.max(bytes, Number(row?.bytes ?? 0)),
      readAt: performance.now(),
    };
    known.set(accountId, at);
    return at;
  }

  async function add(accountId: string | undefined, events: readonly DomainEvent[]): Promise<void> {
    if (accountId === undefined || events.length === 0) return;
    const bytes = events.reduce((total, event) => total + dataBytes(event), 0);
    pending.set(accountId, sum(pending.get(accountId) ?? nothing, { events: events.length, bytes }));
    const isMuch = !isWithin(pending.get(accountId) ?? nothing, share(max, usageWrittenShare));
    const isClose = !isWithin(used(accountId, known.get(accountId) ?? nothing), share(max, usageCloseShare));
    if (isMuch || isClose) return write();
    timer ??= setTimeout(() => void write(), usageWrittenAfterMs).unref();
  }

  /** Everything that is pending; one statement at a time. */
  async function write(): Promise<void> {
    await writing;
    if (pending.size === 0) return writing;
    clearTimeout(timer);
    timer = undefined;
    writing ??= writeNow().finally(() => {
      writing = undefined;
    });
    return writing;
  }

  async function writeNow(): Promise<void> {
    const batch = pending;
    onTheWay = batch;
    pending = new Map();
    const day = dayOf(Date.now());
    try {
      // In one order, so that two processes do not wait for each other.
      const ids = [...batch.keys()].toSorted();
      const amounts = ids.map((id) => batch.get(id) ?? nothing);
      const { rows } = await sql<{ readonly account_id: string; readonly events: bigint; readonly bytes: bigint }>`
        insert into directory.usage as u (account_id, day, events, bytes)
        select id, ${day}::date, events, bytes
        from unnest(${ids}::uuid[], ${amounts.map(({ events }) => events)}::bigint[],
          ${amounts.map(({ bytes }) => bytes)}::bigint[]) as added(id, events, bytes)
        on conflict (account_id, day) do update set events = u.events + excluded.events, bytes = u.bytes + excluded.bytes
        returning account_id, events, bytes`.execute(database);
      for (const { account_id, ...row } of rows) remember(account_id, day, row);
    } catch (error) {
      log.warn({ err: error }, 'what accounts appended could not be counted; it is tried again');
      for (const [id, amount] of batch) pending.set(id, sum(pending.get(id) ?? nothing, amount));
      timer ??= setTimeout(() => void write(), usageWrittenAfterMs).unref();
      return;
    } finally {
      onTheWay = new Map();
    }
    if (prunedOn !== day) await prune(day);
  }

  async function prune(day: string): Promise<void> {
    prunedOn = day;
    try {
      await sql`delete from directory.usage where day < ${day}::date - ${usageDaysKept}::int`.execute(database);
    } catch (error) {
      log.warn({ err: error }, 'the use of days that are over could not be deleted; it is tried again tomorrow');
    }
  }

  return {
    left,
    add,
    stop: async () => {
      clearTimeout(timer);
      await write();
      clearTimeout(timer);
    },
  };
}

function share(max: Amount, part: number): Amount {
  return { events: max.events * part, bytes: max.bytes * part };
}

function isWithin(amount: Amount, max: Amount): boolean {
  return amount.events < max.events && amount.bytes < max.bytes;
}

function sum(one: Amount, other: Amount): Amount {
  return { events: one.events + other.events, bytes: one.bytes + other.bytes };
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
