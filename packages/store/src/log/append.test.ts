import { eventBytesMax } from '@docket/shared/limits';
import { afterAll, expect, it } from 'vitest';

import { connect } from '../connect.ts';
import { appendAll, EventTooLarge, whyTooLarge } from './append.ts';
import type { AppendCommand } from './append.ts';

/** Nobody listens there. */
const { database, stop } = connect({
  url: 'postgres://nobody@127.0.0.1:1/nothing',
  applicationName: 'test',
  pooler: 'none',
  connectionsMax: 1,
  onIdleError: () => undefined,
});

afterAll(stop);

function described(bytes: number): AppendCommand {
  const frame = JSON.stringify({ description: '' }).length;
  return {
    streamId: 'repository-1',
    expectedVersion: 0,
    commandId: '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09',
    events: [{ type: 'DescriptionChanged', data: { description: 'x'.repeat(bytes - frame) } }],
    metadata: { actor: null, request_id: 'r', correlation_id: 'r', causation_id: 'r' },
    context: { ip: null, userAgent: null, fingerprint: null },
  };
}

it('sends no event that is larger than one may be, and says how large', async () => {
  const reason = `the event DescriptionChanged would have ${eventBytesMax + 1} bytes; one may have ${eventBytesMax}`;
  await expect(appendAll(database, [described(eventBytesMax + 1)])).rejects.toThrow(new EventTooLarge(reason));
});

it('knows the largest that may be', () => {
  expect(described(eventBytesMax).events.map(whyTooLarge)).toEqual([undefined]);
});
