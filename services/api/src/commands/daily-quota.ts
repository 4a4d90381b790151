/** What an account may append in a day, and the refusal of what is more. Pure. */
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { DomainEvent } from '@docket/shared/stored-event';
import { dataBytes } from '@docket/store/log/append';

export interface Amount {
  readonly events: number;
  readonly bytes: number;
}

export interface Left extends Amount {
  readonly max: Amount;
  /** Until the next day (UTC). */
  readonly afterSeconds: number;
}

const endless: Amount = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
export const unbounded: Left = { ...endless, max: endless, afterSeconds: 0 };

/** Undefined: they fit into what is left. */
export function refuseBeyondDay(left: Left, events: readonly DomainEvent[]): Refusal | undefined {
  if (left === unbounded) return undefined;
  const bytes = events.reduce((total, event) => total + dataBytes(event), 0);
  if (events.length > left.events) return usedUp('events', left, events.length);
  return bytes > left.bytes ? usedUp('bytes', left, bytes) : undefined;
}

function usedUp(unit: keyof Amount, left: Left, wanted: number): Refusal {
  const what = unit === 'events' ? 'events' : 'bytes of events';
  return {
    ...refuse(
      'quota_used_up',
      `an account may cause ${left.max[unit]} ${what} a day and has ${left[unit]} left; this needs ${wanted}`,
    ),
    quota: { limit: left.max[unit], left: left[unit] },
    afterSeconds: left.afterSeconds,
  };
}
