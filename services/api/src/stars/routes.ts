/** Stars: one of an account for a repository, given and taken back; who gave them. */
import { isRefusal } from '@docket/shared/refusal';

import { unauthorized } from '../access/authenticate.ts';
import { authorizeAction } from '../access/authorize.ts';
import { commandEnvelope } from '../commands/envelope.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { offsetOf, pageAnswer, pageQuery } from '../http/paging.ts';
import type { PageLinks } from '../http/paging.ts';
import { repositoryPaths } from '../http/paths.ts';
import { parseField } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import type { Commanding } from '../repositories/command.ts';
import { changeStar } from './change.ts';
import { stargazers } from './queries.ts';

export type StarRoutes = Commanding & PageLinks;

export function starRoutes(using: StarRoutes): Route[] {
  return repositoryPaths('/stars').map((path): Route => ({
    path,
    handlers: {
      GET: (request) => listStars(using, request),
      POST: (request) => star(using, request, 'Star'),
      DELETE: (request) => star(using, request, 'Unstar'),
    },
  }));
}

async function listStars(using: StarRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'read');
  if (isRefusal(target)) return target;
  const asked = parseField(pageQuery, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const { state, id } = target.repository;
  const life = state.status === 'absent' ? 0 : state.life;
  const { count, results } = await stargazers(using.database, id, life, offsetOf(asked), asked.page_size);
  return pageAnswer(using, request, asked, count, results);
}

/** Twice is once: the second says so again. */
async function star(using: StarRoutes, request: ApiRequest, type: 'Star' | 'Unstar'): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'star');
  if (isRefusal(target)) return target;
  const { caller, account, fullName, judge } = target;
  if (!account) return unauthorized('a name and password are needed, or a session');
  const envelope = commandEnvelope(request, caller, '', using.tokenKeys);
  if (isRefusal(envelope)) return envelope;
  const done = await changeStar(using, { type, fullName, accountId: account.id, judge }, envelope);
  return isRefusal(done) ? done : answer(204, undefined);
}
