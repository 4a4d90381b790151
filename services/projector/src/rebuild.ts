/** The tables built anew from the first event, in a schema beside the one that is read, with a checkpoint of their own. */
import { restartCheckpoint } from '@docket/store/checkpoint';
import type { Projection } from '@docket/store/checkpoint';
import type { Executor } from '@docket/store/log';

const rebuildProjection: Projection = { name: 'tables_next', version: 1 };

/** Where the pages of the rebuild go: `projectPage` fills it as it fills the running one. */
export const rebuildTarget = { projection: rebuildProjection, schema: 'read_next' } as const;

/** In one transaction: an earlier attempt is gone, and the new one stands at the beginning. */
export async function beginRebuild(client: Executor): Promise<void> {
  await client.query({ text: 'select es.begin_rebuild()' });
  await restartCheckpoint(client, rebuildProjection);
}
