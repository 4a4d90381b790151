/** GET /v1/search: the answer of the seed, the numbers of docker 1.6 and later, the order of the index with the exact name first. */
import { createHash } from 'node:crypto';

import type { Environment } from '@docket/runtime/environment';
import type { Log } from '@docket/runtime/log';
import { searchDepthMax, searchResultsDefault, searchResultsMax } from '@docket/shared/limits';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { parseSearchTerm, searchResult } from '@docket/shared/search';
import type { SearchResult, SearchTerm } from '@docket/shared/search';
import { isPublic } from '@docket/shared/repositories';
import { NoPrimary } from '@docket/store/breaker';
import { lookUp, publicNumbers } from '@docket/store/read/look-up';
import { z } from 'zod';

import type { AccountRow } from '../access/accounts.ts';
import { accountOf, authenticateAny, unauthorized } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { refuseUsedUp } from '../access/rates.ts';
import type { RateLimiters } from '../access/rates.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import { v1 } from '../http/common-answers.ts';
import { operation, ownCredentials } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { wholeNumber, wholeNumberMax } from '../http/paging.ts';
import { refusalOfError } from '../http/problem.ts';
import type { ApiRequest } from '../http/request.ts';
import { shownOnTerminal } from '../http/text.ts';
import { searchAnswer } from './dto.ts';
import type { SearchAnswer } from './dto.ts';
import type { SearchEngine } from './engine.ts';
import type { SearchHit } from './engine.ts';

export interface SearchRoutes extends Authentication, Pick<Environment, 'anonymousSearch'> {
  /** In the order in which they are asked: the next when one cannot answer. */
  readonly engines: readonly SearchEngine[];
  readonly rates: Pick<RateLimiters, 'searches'>;
  readonly log: Log;
}

/** A number that is none falls back to its default, as at the Hub. */
const searchQuery = z.object({
  q: z.string().optional().meta({ description: 'Words; nothing is everything, `team/` a namespace.' }),
  n: wholeNumber(1, searchResultsMax, 'clamp')
    .catch(searchResultsDefault)
    .meta({ description: `Results of a page, up to ${searchResultsMax}; ${searchResultsDefault} unless told.` }),
  page: wholeNumber(1, wholeNumberMax, 'clamp').catch(1).meta({ description: 'From 1 on.' }),
});

export const searchOperations: readonly Operation<SearchRoutes>[] = [
  operation({
    method: 'GET',
    path: '/v1/search',
    summary: 'Searches the public repositories. Numbers that are none fall back to their defaults.',
    needs: 'nothing; only what is public is found',
    // Search has one failure for every cause, credentials too.
    credentials: ownCredentials('optional'),
    query: searchQuery,
    head: 'refused',
    answers: {
      200: { description: 'A page of results.', body: searchAnswer, headers: ['ETag', 'X-Docket-Search'] },
      304: { description: 'The answer is the one of `If-None-Match`.' },
      401: { ...v1.unauthorized, description: 'Searching needs an account here, or the credentials are wrong.' },
      403: v1.forbidden,
      ...v1.always,
      405: { ...v1.always[405], description: 'Only GET.' },
    },
    /** The seed knows one failure of search, 500, whatever is the matter. */
    handle: async (using: SearchRoutes, { request, query }) => {
      try {
        return await search(using, request, query);
      } catch (error) {
        if (!refusalOfError(error)) throw error;
        const level = error instanceof NoPrimary ? 'debug' : 'warn';
        using.log[level]({ err: error, request_id: request.id }, unavailable.message);
        return unavailable;
      }
    },
  }),
];

const unavailable = refuse('search_unavailable', 'search is not available; try again in a moment');

async function search(
  using: SearchRoutes,
  request: ApiRequest,
  { n: pageSize, page }: z.output<typeof searchQuery>,
): Promise<Outcome> {
  const caller = await authenticateAny(using, request);
  if (isRefusal(caller)) return caller;
  if (caller.by === 'nothing' && using.anonymousSearch === 'off')
    return unauthorized('searching needs an account here');
  const refusal = await refuseOften(using, accountOf(caller), request);
  if (refusal) return refusal;
  // Some clients send `q` twice, once empty.
  const words = request.query.getAll('q').find((value) => value !== '') ?? '';
  const term = parseSearchTerm(words);
  const pinned = page * pageSize <= searchDepthMax + pageSize ? await exactRepository(using, term) : undefined;
  const found = await firstAnswer(using, term, pinned, { page, pageSize });
  if (!found) return unavailable;
  const results = (pinned && page === 1 ? [pinned.result, ...found.results] : found.results).map(onTerminal);
  const total = found.total + (pinned ? 1 : 0);
  const body: SearchAnswer = {
    query: shownOnTerminal(words),
    num_results: total,
    num_pages: Math.ceil(total / pageSize),
    page,
    page_size: pageSize,
    results: isOldDocker(request.userAgent) ? results.map(onlyTexts) : results,
  };
  return withEtag(request, body, found.engine);
}

/** Admins of the index are held to none of it. */
async function refuseOften(
  { rates }: SearchRoutes,
  account: AccountRow | undefined,
  { client }: ApiRequest,
): Promise<Refusal | undefined> {
  if (account?.isAdmin) return undefined;
  const usedUp = await rates.searches.take(account?.id ?? client);
  return usedUp && refuseUsedUp(usedUp, 'too many searches from here');
}

interface Pinned {
  readonly number: bigint | undefined;
  readonly result: SearchResult;
}

/** The repository whose very name was asked for, as it is at this moment. */
async function exactRepository({ database }: SearchRoutes, term: SearchTerm): Promise<Pinned | undefined> {
  if (term.kind !== 'words' || !term.exact) return undefined;
  const { repository } = await lookUp(database, term.exact);
  if (!repository || !isPublic(repository.state)) return undefined;
  return { number: repository.number, result: searchResult(term.exact, repository.state) };
}

interface FoundPage {
  readonly engine: string;
  readonly results: readonly SearchResult[];
  readonly total: number;
}

/** The pinned one is left out of what the engine is asked for, so that it neither comes twice nor shifts a page by one. */
async function firstAnswer(
  { engines, database, log }: SearchRoutes,
  term: SearchTerm,
  pinned: Pinned | undefined,
  { page, pageSize }: { readonly page: number; readonly pageSize: number },
): Promise<FoundPage | undefined> {
  const taken = pinned ? 1 : 0;
  const offset = Math.max(0, (page - 1) * pageSize - taken);
  const limit = page === 1 ? pageSize - taken : pageSize;
  for (const engine of engines) {
    try {
      const found = await engine.search({ term, without: pinned?.number, offset, limit });
      if (!found) continue;
      const shown =
        found.hits.length === 0
          ? new Set<bigint>()
          : await publicNumbers(
              database,
              found.hits.map(({ number }) => number),
            );
      const results = found.hits.filter(({ number }) => shown.has(number)).map(({ result }: SearchHit) => result);
      // What the index holds and nobody may see any more is not counted either.
      return { engine: engine.name, results, total: found.total - (found.hits.length - results.length) };
    } catch (error) {
      log.warn({ err: error, engine: engine.name }, `${engine.name} did not answer a search`);
    }
  }
  return undefined;
}

/** docker and podman print descriptions as they come, and older ones may hold anything. */
function onTerminal(result: SearchResult): SearchResult {
  return { ...result, description: shownOnTerminal(result.description) };
}

/** docker 0.6 reads every value of a result as a text and dies on a number. */
function isOldDocker(userAgent: string | null): boolean {
  return /\bdocker\/0\.[0-6](\D|$)/.test(userAgent ?? '');
}

function onlyTexts({ name, description }: SearchResult): Pick<SearchResult, 'name' | 'description'> {
  return { name, description };
}

function withEtag(request: ApiRequest, body: SearchAnswer, engine: string): Outcome {
  const etag = `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 27)}"`;
  const headers = { ETag: etag, 'X-Docket-Search': engine };
  const known = (request.header('if-none-match') ?? '').split(',').some((value) => value.trim() === etag);
  return known ? answer(304, undefined, headers) : answer(200, body, headers);
}
