/** The loop with a step that does what the test says, and a report that notes what it is told. */
import { createLog } from '@docket/runtime/log';
import type { Standpoint } from '@docket/store/followers/checkpoint';
import type { Trouble } from '@docket/store/followers/trouble';
import { describe, expect, test, vi } from 'vitest';

import { failuresMax } from './failing.ts';
import { follow } from './follow.ts';
import type { Progress, Report } from './follow.ts';

const deadlineMs = 30_000;

/** Given what the steps do in turn (the last of them for ever) and where the checkpoint is. */
function given(steps: readonly (Progress | Error)[], standpoint: Report['standpoint']) {
  const told: Trouble[] = [];
  let turn = 0;
  let clearings = 0;
  const follower = follow({
    name: 'tables',
    log: createLog({ name: 'test', level: 'silent' }),
    pollMs: 1,
    step: async () => {
      const step = steps[Math.min(turn, steps.length - 1)] ?? 'idle';
      turn += 1;
      if (step instanceof Error) throw step;
      return step;
    },
    report: {
      standpoint,
      trouble: async (trouble) => void told.push(trouble),
      foundNothing: async () => void (clearings += 1),
    },
  });
  return { follower, told, turns: () => turn, clearings: () => clearings };
}

const broken = new Error('Connection terminated unexpectedly');
const at = (next: bigint | undefined): Report['standpoint'] => {
  const standpoint: Standpoint = { checkpoint: 7n, next };
  return async () => standpoint;
};

// Each waits for pauses between tries.
describe.concurrent('a follower', () => {
  test('given a page that fails every time, when it has failed often enough, then its event and reason are told, and it is tried on', async () => {
    const { follower, told, turns } = given([broken], at(9n));
    try {
      await vi.waitUntil(() => told.length === 2, deadlineMs);
      expect(turns()).toBeGreaterThan(failuresMax);
      expect(told[0]).toMatchObject({
        kind: 'failing',
        reason: broken.message,
        failing: { position: 9n, failures: failuresMax },
      });
      expect(follower.state()).toMatchObject({ state: 'failing', trouble: { failing: { failures: failuresMax + 1 } } });
    } finally {
      await follower.stop();
    }
  });

  test('given that another process has the page in between, when both fail in turn, then the failures are counted on', async () => {
    const { follower, told } = given(
      Array.from({ length: 4 * failuresMax }, (_, turn) => (turn % 2 === 0 ? broken : 'standby')),
      at(9n),
    );
    try {
      await vi.waitUntil(() => told.length > 0, deadlineMs);
      expect(told[0]).toMatchObject({ failing: { position: 9n, failures: failuresMax } });
    } finally {
      await follower.stop();
    }
  });

  test('given a database that is away for everybody, when pages fail, then it is the trouble of no event', async () => {
    const away = async (): Promise<never> => {
      throw broken;
    };
    const { follower, told, turns } = given([broken], away);
    try {
      await vi.waitUntil(() => turns() > failuresMax, deadlineMs);
      expect(told).toEqual([]);
      expect(follower.state()).toMatchObject({ state: 'failing', reason: broken.message, trouble: undefined });
    } finally {
      await follower.stop();
    }
  });

  test('given that somebody may have told of a failing page, when there is nothing to apply, then that is cleared, once', async () => {
    const { follower, turns, clearings } = given(['idle'], at(undefined));
    try {
      await vi.waitUntil(() => turns() > 5, deadlineMs);
      expect(clearings()).toBe(1);
    } finally {
      await follower.stop();
    }
  });
});
