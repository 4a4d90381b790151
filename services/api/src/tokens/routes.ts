/** PUT …/auth: a registry asks whether the token that a client showed is good. A delete token is spent by it. */
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Lookup } from '@docket/store/read/look-up';

import { authenticateAt } from '../access/authenticate.ts';
import { may, missing, refuseProof, refuseToken } from '../access/rights.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { RepositoryResource } from '../http/paths.ts';
import type { ApiRequest } from '../http/request.ts';
import { run } from '../repositories/command.ts';
import type { RepositoryRoutes } from '../repositories/command.ts';

const denied = refuse('forbidden', 'a good token for this repository is needed');

/** The seed knows no 401 here: no or bad credentials are 403, and only who shows a good token is told that there is nothing (404). */
export async function putAuth(
  using: RepositoryRoutes,
  request: ApiRequest,
  { fullName }: RepositoryResource,
): Promise<Outcome> {
  const visit = await authenticateAt(using, request, fullName);
  if (isRefusal(visit)) return visit.refused === 'unauthorized' ? denied : visit;
  const { caller, found } = visit;
  if (caller.by !== 'token') return denied;
  const { namespace, repository } = found;
  if (!namespace || !repository) return missing(fullName);
  const refusal = refuseToken(caller, fullName, found, ['read', 'write', 'delete']);
  const { account, claims } = caller;
  if (claims.access === 'delete' && !refusal) {
    const judge = (now: Lookup) => (may('delete', account, now.namespace, now.repository?.state) ? undefined : denied);
    if (judge(found)) return denied;
    const command = { type: 'AuthorizeDeletion', tokenId: claims.jti, life: claims.life } as const;
    const executed = await run(using, request, caller, { fullName, command, found, judge });
    return isRefusal(executed) ? executed : answer(200, 'OK');
  }
  if (!may('read', account, namespace, repository.state)) return missing(fullName);
  return refusal ?? refuseProof(caller, fullName, found) ?? answer(200, 'OK');
}
