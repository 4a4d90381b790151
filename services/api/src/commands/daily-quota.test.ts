import { expect, it } from 'vitest';

import { refuseBeyondDay, unbounded } from './daily-quota.ts';
import type { Left } from './daily-quota.ts';

const event = { type: 'DescriptionChanged', data: { description: 'é'.repeat(10) } } as const;
const bytes = Buffer.byteLength(JSON.stringify(event.data));
const left = (events: number, of: number): Left => ({
  events,
  bytes: of,
  max: { events: 100, bytes: 5_000 },
  afterSeconds: 60,
});

it('lets through what fits into what is left, to the last event and byte', () => {
  expect(refuseBeyondDay(left(2, 2 * bytes), [event, event])).toBeUndefined();
});

it('refuses one event more, with the quota, what is left of it, and when the next day begins', () => {
  expect(refuseBeyondDay(left(1, 5_000), [event, event])).toEqual({
    refused: 'quota_used_up',
    message: 'an account may cause 100 events a day and has 1 left; this needs 2',
    quota: { limit: 100, left: 1 },
    afterSeconds: 60,
  });
});

it('refuses one byte more, counted as they are written and not as characters', () => {
  expect(refuseBeyondDay(left(2, 2 * bytes - 1), [event, event])).toEqual({
    refused: 'quota_used_up',
    message: `an account may cause 5000 bytes of events a day and has ${2 * bytes - 1} left; this needs ${2 * bytes}`,
    quota: { limit: 5_000, left: 2 * bytes - 1 },
    afterSeconds: 60,
  });
});

it('holds to nothing who is not held', () => {
  expect(refuseBeyondDay(unbounded, [event])).toBeUndefined();
});
