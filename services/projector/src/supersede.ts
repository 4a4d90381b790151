/** A new version of a projection, while an older one is in use, is built beside it and then takes its place. */
import type { Log } from '@docket/runtime/log';
import { versionInUse } from '@docket/store/followers/checkpoint';
import type { Projection } from '@docket/store/followers/checkpoint';
import type { Database } from '@docket/store/connect';

import type { Progress } from './follow.ts';

export interface Successor {
  readonly projection: Projection;
  /** Begins, or goes on with what somebody began. Undefined: a newer version is in use or is being built. */
  readonly open: () => Promise<'begun' | 'resumed' | undefined>;
  /** One page of what is built; idle at the end of the log, standby while another process builds it. */
  readonly page: () => Promise<Progress>;
  /** False: not now, or there is nothing to switch to any more. */
  readonly takePlace: () => Promise<boolean>;
}

/** One step, for a follower that stands by: without an older version it goes on standing by. */
export function superseding(database: Database, log: Log, successor: Successor): () => Promise<Progress> {
  const { projection, open, page, takePlace } = successor;
  const { name, version } = projection;
  return async () => {
    const inUse = await versionInUse(database, name);
    if (inUse === undefined || inUse >= version) return 'standby';
    const opened = await open();
    if (opened === undefined) return 'standby';
    if (opened === 'begun') log.info({ projection: name, version }, `building the ${name} of a new version`);
    const progress = await page();
    if (progress !== 'idle') return progress;
    if (await takePlace()) log.info({ projection: name, version }, `the ${name} of a new version is in use`);
    return 'advanced';
  };
}
