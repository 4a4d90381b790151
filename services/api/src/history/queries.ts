import { historyImagesMax, historyPageBytesMax, historyStoredBytesMax } from '@docket/shared/limits';
import { repositoryStream } from '@docket/shared/stored-event';
import type { Database } from '@docket/store/connect';
import { readStreamBackwards } from '@docket/store/log/read';
import type { ToldEvent } from '@docket/store/log/read';

import { accountNames } from '../access/accounts.ts';
import type { HistoryEntry } from './dto.ts';

/**
 * Newest first, fewer than asked for where they are large. `next` is the position to ask before for the rest; undefined when there is
 * none.
 */
export async function repositoryHistory(
  database: Database,
  repositoryId: string,
  before: bigint | undefined,
  pageSize: number,
): Promise<{ readonly entries: HistoryEntry[]; readonly next: bigint | undefined }> {
  const { events, more } = await readStreamBackwards(database, repositoryStream(repositoryId), before, {
    eventsMax: pageSize,
    bytesMax: historyPageBytesMax,
    storedBytesMax: historyStoredBytesMax,
    imagesMax: historyImagesMax,
  });
  const names = await accountNames(
    database,
    events.flatMap(({ metadata }) => metadata.actor?.id ?? []),
  );
  return { entries: events.map((event) => entry(event, names)), next: more ? events.at(-1)?.position : undefined };
}

function entry(
  { position, version, event, imageCount, recordedAt, metadata: { actor, request_id } }: ToldEvent,
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
    data: imageCount === undefined ? event.data : { ...event.data, image_count: imageCount },
  };
}
