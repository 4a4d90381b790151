/** One process of several that append at once: works for as long as it is told, and tells how much it did per second. */
import { connect } from '@docket/store/connect';

import { groupAppender } from './appending.ts';
import { repeatedly } from './harness.ts';

const [url = '', callersWanted] = process.argv.slice(2);
const callers = Number(callersWanted);
/** Each: a process that has just begun runs code that is not compiled yet, and a round is too short to get over it under load. */
const warmUpAppends = 500;
const store = connect({
  url,
  applicationName: 'docket bench',
  pooler: 'none',
  connectionsMax: 2,
  onIdleError: () => undefined,
});
const group = groupAppender(store, callers);
process.on('message', (roundMs) => {
  void repeatedly(callers, Number(roundMs), group).then((perSecond) => process.send?.(perSecond));
});
process.once('disconnect', () => void store.stop());
await Promise.all(
  Array.from({ length: callers }, async (_, caller) => {
    for (let appended = 0; appended < warmUpAppends; appended++) await group(caller);
  }),
);
process.send?.(0);
