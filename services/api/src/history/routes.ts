/** Who did what to a repository, when: the log itself, page by page. */
import { historyPageDefault, historyPageMax } from '@docket/shared/limits';
import { refuse } from '@docket/shared/refusal';
import { lookUp } from '@docket/store/read/look-up';
import { z } from 'zod';

import { accountOf } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { anyCaller } from '../access/credentials.ts';
import { maySee, missing, refuseToken } from '../access/rights.ts';
import { answer } from '../http/answer.ts';
import { refused, v2 } from '../http/common-answers.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { wholeNumber } from '../http/paging.ts';
import { fullNameIn, repositoryParameters } from '../http/paths.ts';
import { historyPage } from './dto.ts';
import type { HistoryPage } from './dto.ts';
import { repositoryHistory } from './queries.ts';

const positionMax = 2n ** 63n - 1n;
const notAPosition = 'must be a position: a decimal number';
const position = z
  .string()
  .refine((digits) => /^\d{1,19}$/.test(digits), { error: notAPosition, abort: true })
  .transform(BigInt)
  .refine((number) => number <= positionMax, notAPosition)
  .meta({ type: 'integer', format: 'int64', minimum: 0 });

export const historyOperations: readonly Operation<Authentication>[] = [
  operation({
    method: 'GET',
    path: '/v2/repositories/{namespace}/{repo_name}/history',
    summary: 'Who did what to it and when, newest first; for its readers, and after its deletion for its owner.',
    needs: 'read; admin where nobody reads any more',
    credentials: anyCaller,
    parameters: repositoryParameters,
    query: z.object({
      page_size: wholeNumber(1, historyPageMax, 'refuse')
        .default(historyPageDefault)
        .meta({
          description: `Up to ${historyPageMax}; ${historyPageDefault} unless told. Fewer come where they are large: \`next\` goes on.`,
        }),
      before: position.optional(),
    }),
    answers: {
      200: { description: 'A page of events.', body: historyPage },
      400: refused('The request is not understood; the error names the field.'),
      401: { ...refused('The credentials are wrong.'), headers: ['WWW-Authenticate'] },
      403: refused('The account is not active, or the token is for another repository.'),
      404: refused('There is no such repository, as far as the asker may know.'),
      ...v2.always,
    },
    /** Readers of the repository may ask; while it is being deleted and after, its owner and the admins. */
    handle: async (using: Authentication, { request, caller, parameters, query: { page_size, before } }) => {
      const fullName = fullNameIn(parameters);
      const account = accountOf(caller);
      const found = await lookUp(using.database, fullName, account?.id);
      const { namespace, repository } = found;
      if (!namespace || !repository || !maySee(account, namespace, repository.state)) return missing(fullName);
      if (caller.by === 'token') {
        const refusal = refuseToken(caller, fullName, found, ['read', 'write', 'delete']);
        if (refusal) return refuse('forbidden', refusal.message);
      }
      const { entries, next } = await repositoryHistory(using.database, repository.id, before, page_size);
      const path = `/v2/repositories/${fullName.namespace}/${fullName.name}/history`;
      const page: HistoryPage = {
        results: entries,
        next: next === undefined ? null : request.address.url(`${path}?page_size=${page_size}&before=${next}`),
      };
      return answer(200, page);
    },
  }),
];
