import { setTimeout as elapsed } from 'node:timers/promises';

const pollMs = 20;
const deadlineMsUsual = 20_000;

/** Resolves with the condition's first answer. When the time is up it throws the condition's last error, or says that nothing came. */
export async function until<Answer>(
  what: string,
  condition: () => Promise<Answer | undefined | false> | Answer | undefined | false,
  deadlineMs = deadlineMsUsual,
): Promise<Answer> {
  const deadline = performance.now() + deadlineMs;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (answer !== undefined && answer !== false) return answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: failure });
    await elapsed(pollMs);
  }
}
