import type { DomainEvent } from '@docket/shared/stored-event';
import type { Recorded } from '@docket/shared/event';
import { repositoryStream } from '@docket/shared/stored-event';
import type { Database } from '@docket/store/connect';
import { readStreamBackwards } from '@docket/store/log/read';

import { accountNames } from '../access/accounts.ts';
import type { HistoryEntry } from './dto.ts';

/** Newest first. `next` is the position to ask before for the rest; undefined when there is none. */
export async function repositoryHistory(
  database: Database,
  repositoryId: string,
  before: bigint | undefined,
  pageSize: number,
): Promise<{ readonly entries: HistoryEntry[]; readonly next: bigint | undefined }> {
  const events = await readStreamBackwards(database, repositoryStream(repositoryId), before, pageSize + 1);
  const page = events.slice(0, pageSize);
  const names = await accountNames(
    database,
    page.flatMap(({ metadata }) => metadata.actor?.id ?? []),
  );
  const more = events.length > pageSize;
  return { entries: page.map((event) => entry(event, names)), next: more ? page.at(-1)?.position : undefined };
}

function entry(
  { position, version, event, recordedAt, metadata: { actor, request_id } }: Recorded<DomainEvent>,
  names: ReadonlyMap<string, string>,
): HistoryEntry {
  return {
    position: String(position),
    version,
    type: event.type,
    at: recordedAt.toISOString(),
    // Names are joined when read: an account that was erased leaves its id.
    actor: actor && {
      id: actor.id,
      name: names.get(actor.id) ?? null,
      via: actor.via,
      token_id: actor.token_id ?? null,
    },
    request_id,
    data: event.data,
  };
}
