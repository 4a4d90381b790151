/** Commands for the tests of the log: what they say does not matter there, only that it is stored once and in order. */
import { randomUUID } from 'node:crypto';

import { repositoryStream } from '@docket/shared/stored-event';
import type { DomainEvent } from '@docket/shared/stored-event';
import { connect } from '@docket/store/connect';
import type { Connection } from '@docket/store/connect';
import type { AppendCommand } from '@docket/store/log/append';

export function described(description: string): DomainEvent {
  return { type: 'DescriptionChanged', data: { description } };
}

export function newStream(): string {
  return repositoryStream(randomUUID());
}

/** One event for a new stream, unless told otherwise. */
export function command(told: Partial<AppendCommand> = {}): AppendCommand {
  const requestId = randomUUID();
  return {
    streamId: newStream(),
    expectedVersion: 0,
    commandId: randomUUID(),
    events: [described('one')],
    metadata: { actor: null, request_id: requestId, correlation_id: requestId, causation_id: requestId },
    context: { ip: '203.0.113.7', userAgent: 'docker/1.0.0', fingerprint: null },
    ...told,
  };
}

export function openStore(url: string, connectionsMax = 4): Connection {
  return connect({
    url,
    applicationName: 'docket test',
    pooler: 'none',
    connectionsMax,
    onIdleError: () => undefined,
  });
}
