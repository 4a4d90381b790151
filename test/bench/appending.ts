/** The commands that the append benches send: pushes of two layers, five to a repository, with a request's context. */
import { v7 as uuidv7 } from 'uuid';

import { checksum, imageId } from '@docket/shared/names';
import { repositoryStream } from '@docket/shared/stored-event';
import { groupCommit } from '@docket/store/log/group-commit';
import type { AppendCommand, Verdict } from '@docket/store/log/append';
import type { Connection } from '@docket/store/connect';

const pushesOfARepository = 5;

const images = [1, 2].map((layer) => ({
  id: imageId.parse(String(layer).repeat(64)),
  checksum: checksum.parse(`sha256:${'a'.repeat(64)}`),
}));
const context = { ip: '203.0.113.7', userAgent: 'docker/1.0.0 go/go1.2.1 kernel/3.2.0 os/linux', fingerprint: null };

/** One caller's commands, one after the other. */
export function pushes(): () => AppendCommand {
  const accountId = uuidv7();
  let stream = repositoryStream(uuidv7());
  let version = 0;
  return () => {
    if (version === pushesOfARepository) {
      stream = repositoryStream(uuidv7());
      version = 0;
    }
    const requestId = uuidv7();
    return {
      streamId: stream,
      expectedVersion: version++,
      commandId: uuidv7(),
      events: [{ type: 'PushOpened', data: { push: version, images } }],
      metadata: {
        actor: { id: accountId, via: 'basic' },
        request_id: requestId,
        correlation_id: requestId,
        causation_id: requestId,
      },
      context,
    };
  };
}

/** So many callers that append through one group commit; fails when one of them is not told `appended`. */
export function groupAppender(store: Connection, callers: number): (caller: number) => Promise<void> {
  const { append } = groupCommit({ database: store.database, onAppended: () => undefined });
  const next = Array.from({ length: callers }, pushes);
  return async (caller) => {
    const command = next[caller]?.();
    if (!command) throw new Error(`there is no caller ${caller}`);
    for (const verdict of await append([command])) mustBeAppended(verdict);
  };
}

function mustBeAppended({ outcome }: Verdict): void {
  if (outcome !== 'appended') throw new Error(`a command that nobody disputes was answered ${outcome}`);
}
