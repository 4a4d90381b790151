/** Batches that are tried again on a lost race, and while the database is away: what an earlier try wrote is found and adds nothing. */
import { isConnectionLoss, isPassing, isUniqueViolation } from '@docket/store/connect';

const attemptsMax = 25;
const retryMs = 200;

/** Undefined is a lost race. `failure` is the sentence for the case that no try succeeds. */
export async function retry<Outcome>(failure: string, attempt: () => Promise<Outcome | undefined>): Promise<Outcome> {
  let cause: unknown;
  for (let count = 0; count < attemptsMax; count++) {
    try {
      const outcome = await attempt();
      if (outcome !== undefined) return outcome;
    } catch (error) {
      if (!isConnectionLoss(error) && !isPassing(error) && !isUniqueViolation(error)) throw error;
      cause = error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, retryMs);
    });
  }
  throw new Error(failure, { cause });
}
