/** PUT …/auth: a registry asks whether the token that a client showed is good. A delete token is spent by it. */
import { isRefusal, refuse } from '@docket/shared/refusal';
import { lookUp } from '@docket/store/repositories';

import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import { authenticate } from '../http/authenticate.ts';
import type { RepositoryResource } from '../http/paths.ts';
import type { ApiRequest } from '../http/request.ts';
import { mayRead, mayWrite, missing, refuseToken } from '../http/rights.ts';
import { run } from '../repositories/command.ts';
import type { RepositoryRoutes } from '../repositories/command.ts';

const denied = refuse('forbidden', 'a good token for this repository is needed');

/** The seed knows no 401 here: no or bad credentials are 403, and only who shows a good token is told that there is nothing (404). */
export async function putAuth(
  using: RepositoryRoutes,
  request: ApiRequest,
  { fullName }: RepositoryResource,
): Promise<Outcome> {
  const caller = await authenticate(using, request);
  if (isRefusal(caller)) return caller.refused === 'unauthorized' ? denied : caller;
  if (caller.by !== 'token') return denied;
  const found = await lookUp(using.store, fullName);
  const { namespace, repository } = found;
  if (!namespace || !repository) return missing(fullName);
  const refusal = refuseToken(caller, fullName, found, ['read', 'write', 'delete']);
  const { account, claims } = caller;
  if (claims.access === 'delete' && !refusal) {
    if (!mayWrite(account, namespace)) return denied;
    const command = { type: 'AuthorizeDeletion', tokenId: claims.jti, life: claims.life } as const;
    const executed = await run(using, request, caller, { fullName, command, found });
    return isRefusal(executed) ? executed : answer(200, 'OK');
  }
  if (!mayRead(account, namespace, repository.state)) return missing(fullName);
  if (refusal) return refusal;
  return claims.access === 'write' && !mayWrite(account, namespace) ? denied : answer(200, 'OK');
}
