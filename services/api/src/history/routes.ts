/** Who did what to a repository, when: the log itself, page by page. */
import { namespaceName, repositoryName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import { lookUp } from '@docket/store/read/look-up';
import { z } from 'zod';

import { accountOf, authenticateAny } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { maySee, missing, refuseToken } from '../access/rights.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { parseField } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { historyPageDefault, historyPageMax } from '../limits.ts';
import { repositoryHistory } from './queries.ts';

export interface HistoryRoutes extends Authentication {
  readonly publicUrl: string | undefined;
}

export function historyRoutes(using: HistoryRoutes): Route[] {
  return [
    {
      path: '/v2/repositories/:namespace/:repo_name/history',
      handlers: { GET: (request) => history(using, request) },
    },
  ];
}

export const historyTarget = z.object({ namespace: namespaceName, repo_name: repositoryName });
const positionMax = 2n ** 63n - 1n;
export const historyPage = z.object({
  page_size: z.coerce
    .number()
    .pipe(z.int(`must be a whole number from 1 to ${historyPageMax}`).min(1).max(historyPageMax))
    .default(historyPageDefault),
  before: z
    .string()
    .regex(/^\d{1,19}$/, 'must be a position: a decimal number')
    .transform(BigInt)
    .refine((position) => position <= positionMax, 'must be a position: a decimal number')
    .optional(),
});

/** Readers of the repository may ask; while it is being deleted and after, its owner and the admins. */
async function history(using: HistoryRoutes, request: ApiRequest): Promise<Outcome> {
  const caller = await authenticateAny(using, request);
  if (isRefusal(caller)) return caller;
  const named = parseField(historyTarget, request.parameters);
  if (isRefusal(named)) return named;
  const asked = parseField(historyPage, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const fullName = { namespace: named.namespace, name: named.repo_name };
  const found = await lookUp(using.database, fullName, accountOf(caller)?.id);
  const { namespace, repository } = found;
  if (!namespace || !repository) return missing(fullName);
  if (!maySee(accountOf(caller), namespace, repository.state)) return missing(fullName);
  if (caller.by === 'token') {
    const refusal = refuseToken(caller, fullName, found, ['read', 'write', 'delete']);
    if (refusal) return refuse('forbidden', refusal.message);
  }
  const { entries, next } = await repositoryHistory(using.database, repository.id, asked.before, asked.page_size);
  const url = `${using.publicUrl ?? request.origin}/v2/repositories/${fullName.namespace}/${fullName.name}/history`;
  return answer(200, {
    results: entries,
    next: next === undefined ? null : `${url}?page_size=${asked.page_size}&before=${next}`,
  });
}
