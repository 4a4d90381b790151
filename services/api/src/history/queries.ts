import type { DomainEvent } from '@docket/shared/stored-event';
import type { Recorded } from '@docket/shared/event';
import { repositoryStream } from '@docket/shared/stored-event';
import type { Store } from '@docket/store/connect';
import { readStreamBackwards } from '@docket/store/log';

import { accountNames } from '../access/accounts.ts';

export interface HistoryEntry {
  readonly position: string;
  readonly version: number;
  readonly type: string;
  readonly at: string;
  readonly actor: {
    readonly id: string;
    readonly name: string | null;
    readonly via: string;
    readonly token_id: string | null;
  } | null;
  readonly request_id: string;
  readonly data: unknown;
}

/** Newest first. `next` is the position to ask before for the rest; undefined when there is none. */
export async function repositoryHistory(
  database: Store,
  repositoryId: string,
  before: bigint | undefined,
  pageSize: number,
): Promise<{ readonly entries: readonly HistoryEntry[]; readonly next: bigint | undefined }> {
  const events = await readStreamBackwards(database.pool, repositoryStream(repositoryId), before, pageSize + 1);
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
