import { createLog } from '@docket/runtime/log';
import { isRefusal } from '@docket/shared/refusal';
import { connect } from '@docket/store/connect';
import { unbounded } from '@docket/store/rate-limits';
import { expect, it } from 'vitest';

import { sessions } from '../access/sessions.ts';
import { tokens } from '../access/tokens.ts';
import type { Answer } from '../http/answer.ts';
import { requestOf } from '../http/request.testing.ts';
import type { SearchEngine, SearchFound, SearchQuestion } from './engine.ts';
import { searchOperations } from './routes.ts';

/** Never connected to: nothing is found here, so there is nothing to look up. */
const { database } = connect({
  url: 'postgres://127.0.0.1:1/none',
  applicationName: 'test',
  pooler: 'none',
  connectionsMax: 1,
  onIdleError: () => undefined,
});

function engine(name: SearchEngine['name'], found: () => SearchFound | undefined) {
  const asked: SearchQuestion[] = [];
  const search: SearchEngine['search'] = async (question) => {
    asked.push(question);
    return found();
  };
  return { name, asked, search };
}

const nothing = () => ({ hits: [], total: 0 });
const broken = () => {
  throw new Error('broken');
};

async function searched(query: string, ...engines: SearchEngine[]): Promise<Answer> {
  const using = {
    database,
    engines,
    anonymousSearch: 'on' as const,
    log: createLog({ name: 'test', level: 'silent' }),
    logins: { judge: () => Promise.resolve('wrong' as const) },
    rates: { searches: unbounded },
    tokens: tokens([{ id: 'some', secret: 's'.repeat(32) }], 60),
    sessions: sessions([{ id: 'some', secret: 's'.repeat(32) }]),
  };
  const [search] = searchOperations;
  const outcome = await search?.run(using, requestOf({ query }));
  if (outcome === undefined || isRefusal(outcome)) {
    return { status: 0, body: outcome === undefined ? undefined : outcome.refused };
  }
  return outcome;
}

const everything = { kind: 'everything' };
const words = (text: string) => ({ kind: 'words', text, exact: undefined });

it.each<[string, Omit<SearchQuestion, 'without' | 'term'> & { term: unknown }]>([
  ['', { term: everything, offset: 0, limit: 25 }],
  ['q=', { term: everything, offset: 0, limit: 25 }],
  ['q=%2F', { term: everything, offset: 0, limit: 25 }],
  ['q=acme/', { term: { kind: 'namespace', namespace: 'acme' }, offset: 0, limit: 25 }],
  ['q=ACME/', { term: { kind: 'namespace', namespace: 'acme' }, offset: 0, limit: 25 }],
  ['q=key+value', { term: words('key value'), offset: 0, limit: 25 }],
  ['q=key%20value&n=10', { term: words('key value'), offset: 0, limit: 10 }],
  ['q=key+value&n=10&page=3', { term: words('key value'), offset: 20, limit: 10 }],
  ['n=1000&q=key+value', { term: words('key value'), offset: 0, limit: 100 }],
  ['q=key+value&n=0&page=0', { term: words('key value'), offset: 0, limit: 25 }],
  ['q=key+value&n=-1&page=1.5', { term: words('key value'), offset: 0, limit: 25 }],
  ['q=key+value&n=ten&page=', { term: words('key value'), offset: 0, limit: 25 }],
  ['q=&q=key+value', { term: words('key value'), offset: 0, limit: 25 }],
  ['q=%EF%BC%B2%EF%BC%A5+x', { term: words('re x'), offset: 0, limit: 25 }],
])('?%s', async (query, question) => {
  const meilisearch = engine('meilisearch', nothing);
  expect(await searched(query, meilisearch)).toMatchObject({ status: 200 });
  expect(meilisearch.asked).toEqual([{ ...question, without: undefined }]);
});

it('answers in the form of the seed, and says who answered', async () => {
  expect(
    await searched(
      'q=key+value&n=10&page=2',
      engine('meilisearch', () => ({ hits: [], total: 25 })),
    ),
  ).toEqual({
    status: 200,
    body: { query: 'key value', num_results: 25, num_pages: 3, page: 2, page_size: 10, results: [] },
    headers: { ETag: expect.stringMatching(/^"[\w-]{27}"$/), 'X-Docket-Search': 'meilisearch' },
  });
});

it.each([
  ['cannot at present', () => undefined],
  ['breaks over the question', broken],
])('asks the next engine when the first %s', async (_what, found) => {
  const [first, second] = [engine('meilisearch', found), engine('postgres', nothing)];
  expect(await searched('q=key+value', first, second)).toMatchObject({ headers: { 'X-Docket-Search': 'postgres' } });
  expect(second.asked).toEqual(first.asked);
});

it('says so when no engine answers', async () => {
  expect(await searched('q=key+value', engine('meilisearch', broken), engine('postgres', broken))).toEqual({
    status: 0,
    body: 'search_unavailable',
  });
});
