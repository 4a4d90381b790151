/** PUT …/auth: a registry asks whether the token that a client showed is good. A delete token is spent by it. */
import { isRefusal, refuse } from '@docket/shared/refusal';

import { accountOf } from '../access/authenticate.ts';
import { judgement, visitAt } from '../access/authorize.ts';
import { may, missing, refuseProof, refuseToken } from '../access/rights.ts';
import { answer } from '../http/answer.ts';
import { idempotency, ok, v1 } from '../http/common-answers.ts';
import { operation, ownCredentials } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { repositoryParameters, v1RepositoryPaths } from '../http/paths.ts';
import { run } from '../repositories/command.ts';
import type { RepositoryRoutes } from '../repositories/command.ts';

const denied = refuse('forbidden', 'a good token for this repository is needed');

export const tokenOperations: readonly Operation<RepositoryRoutes>[] = [
  operation({
    method: 'PUT',
    path: v1RepositoryPaths('auth'),
    summary: 'Whether the access token of the request is good; a delete token is spent by it.',
    needs: 'a token',
    credentials: ownCredentials('needed'),
    parameters: repositoryParameters,
    headers: idempotency,
    authorize: visitAt,
    answers: {
      200: { description: 'It is good.', body: ok },
      400: v1.badRequest,
      403: { ...v1.forbidden, description: 'It is not, or there is none.' },
      404: v1.missing,
      413: v1.tooLarge,
      422: v1.reused,
      ...v1.always,
    },
    /** The seed knows no 401 here: no or bad credentials are 403, and only who shows a good token is told that there is nothing (404). */
    refused: (refusal) => (refusal.refused === 'unauthorized' ? denied : refusal),
    handle: async (using: RepositoryRoutes, { request, target: { caller, fullName, found } }) => {
      if (caller.by !== 'token') return denied;
      const { namespace, repository } = found;
      if (!namespace || !repository) return missing(fullName);
      const refusal = refuseToken(caller, fullName, found, ['read', 'write', 'delete']);
      const { account, claims } = caller;
      if (claims.access === 'delete' && !refusal) {
        const judge = judgement(caller, (present, now) =>
          may('delete', accountOf(present), now.namespace, now.repository?.state) ? undefined : denied,
        );
        if (judge(found)) return denied;
        const command = { type: 'AuthorizeDeletion', tokenId: claims.jti, life: claims.life } as const;
        const executed = await run(using, request, caller, { fullName, command, found, judge });
        return isRefusal(executed) ? executed : answer(200, 'OK');
      }
      if (!may('read', account, namespace, repository.state)) return missing(fullName);
      return refusal ?? refuseProof(caller, fullName, found) ?? answer(200, 'OK');
    },
  }),
];
