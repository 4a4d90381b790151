/** Stars: one of an account for a repository, given and taken back; who gave them. */
import { isRefusal } from '@docket/shared/refusal';

import { allowed } from '../access/authorize.ts';
import { person, visitor } from '../access/credentials.ts';
import { envelopeOf } from '../commands/envelope.ts';
import { answer } from '../http/answer.ts';
import { asked, commanded, done, idempotency } from '../http/common-answers.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { offsetOf, pageAnswer, pageOf, pageQuery } from '../http/paging.ts';
import { repositoryParameters, repositoryPaths } from '../http/paths.ts';
import type { Commanding } from '../repositories/command.ts';
import { changeStar } from './change.ts';
import { stargazer } from './dto.ts';
import { stargazers } from './queries.ts';

export const starOperations: readonly Operation<Commanding>[] = [
  operation({
    method: 'GET',
    path: repositoryPaths('/stars'),
    summary: 'Who starred it, the latest first.',
    needs: 'read',
    credentials: visitor,
    parameters: repositoryParameters,
    authorize: allowed('read'),
    query: pageQuery,
    answers: { 200: { description: 'A page of accounts.', body: pageOf('StargazerPage', stargazer) }, ...asked },
    handle: async (using: Commanding, { request, target, query }) => {
      const { state, id } = target.repository;
      const life = state.status === 'absent' ? 0 : state.life;
      const { count, results } = await stargazers(using.database, id, life, offsetOf(query), query.page_size);
      return pageAnswer(request, query, count, results);
    },
  }),
  changingStar('POST', 'Star', 'Stars it; however often, it is one star of the account.'),
  changingStar('DELETE', 'Unstar', 'Takes the star back.'),
];

/** Twice is once: the second says so again. */
function changingStar(method: 'POST' | 'DELETE', type: 'Star' | 'Unstar', summary: string) {
  return operation({
    method,
    path: repositoryPaths('/stars'),
    summary,
    needs: 'read, and an account',
    credentials: person,
    parameters: repositoryParameters,
    headers: idempotency,
    authorize: allowed('star'),
    answers: { 204: done, ...commanded },
    handle: async (using: Commanding, { request, caller, target: { fullName, namespace, judge } }) => {
      const envelope = await envelopeOf(request, caller, using.tokenKeys);
      if (isRefusal(envelope)) return envelope;
      const star = { type, fullName, namespaceId: namespace.id, accountId: caller.account.id, judge } as const;
      const outcome = await changeStar(using, star, envelope);
      return isRefusal(outcome) ? outcome : answer(204, undefined);
    },
  });
}
