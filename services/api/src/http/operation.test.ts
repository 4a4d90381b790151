import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { answer } from './answer.ts';
import { endpointsOf, noCredentials, operation } from './operation.ts';
import type { Credentials } from './operation.ts';
import { requestOf } from './request.testing.ts';

interface Using {
  readonly caller: string | Refusal;
  readonly target: string | Refusal;
}

const whoever: Credentials<Using, string> = {
  wanted: 'needed',
  authenticate: ({ caller }) => Promise.resolve(caller),
};

const full = operation({
  method: 'PUT',
  path: '/things/{number}',
  summary: 'Does it.',
  needs: 'a right',
  credentials: whoever,
  parameters: z.object({ number: z.string().regex(/^\d+$/).transform(Number) }),
  authorize: (using: Using) => Promise.resolve(using.target),
  query: z.object({ n: z.string().transform(Number).default(7) }),
  body: z.object({ words: z.array(z.string()) }),
  answers: {},
  handle: (_using, { caller, parameters, target, query, body }) =>
    answer(200, { caller, number: parameters.number, target, n: query.n, words: body.words }),
});

const good = { parameters: { number: '3' }, query: 'n=4', text: () => Promise.resolve('{"words": ["a"], "more": 1}') };

it('is given what its schemas make of the request', async () => {
  const outcome = await full.run({ caller: 'sam', target: 'it' }, requestOf(good));
  expect(outcome).toEqual(answer(200, { caller: 'sam', number: 3, target: 'it', n: 4, words: ['a'] }));
});

const nobody = refuse('unauthorized', 'nobody');
const mayNot = refuse('forbidden', 'may not');
const badParameters = { parameters: { number: 'three' } };
const badQuery = { query: 'n=1&n=2' };
const noBody = { text: () => Promise.resolve('') };

it.each([
  ['the caller', nobody, mayNot, { ...badParameters, ...noBody }, nobody],
  ['the parameters', 'sam', mayNot, { ...badParameters, ...noBody }, { refused: 'invalid_field', field: 'number' }],
  ['the right', 'sam', mayNot, { ...badQuery, ...noBody }, mayNot],
  ['the body', 'sam', 'it', noBody, { refused: 'invalid_json' }],
])('is refused for %s before anything that comes behind is looked at', async (_what, caller, target, bad, refusal) => {
  expect(await full.run({ caller, target }, requestOf({ ...good, ...bad }))).toMatchObject(refusal);
});

const filters = { query: z.object({ n: z.string().optional(), name: z.string().optional() }) };
const listed = (path: string, more: object = {}) =>
  operation({
    method: 'GET',
    path,
    summary: 'Lists them.',
    needs: 'nothing',
    credentials: noCredentials,
    answers: {},
    handle: () => answer(200, 'all'),
    ...more,
  });

it.each([
  ['a filter that is not known', listed('/v2/things', filters), 'n=1&colour=red', '"colour"', 'there are n, name'],
  ['any parameter where there is none', listed('/v2/things'), 'colour=red', '"colour"', 'there are none'],
  ['a parameter without a value', listed('/v2/things'), '=', '""', 'there are none'],
  ['one that is spelt in another way', listed('/v2/things', filters), 'Name=x', '"Name"', 'there are n, name'],
  ['one that objects have', listed('/v2/things', filters), '__proto__=x', '"__proto__"', 'there are n, name'],
  ['one that acts on a terminal', listed('/v2/things'), '%1b[2J%e2%80%ae=x', '"?[2J?"', 'there are none'],
  ['one of a name without an end', listed('/v2/things'), 'x'.repeat(500), `"${'x'.repeat(80)}"`, 'there are none'],
])('refuses %s below /v2, and names those that there are', async (_what, some, query, name, there) => {
  expect(await some.run({}, requestOf({ query }))).toEqual(
    refuse('malformed_request', `no parameter ${name} is known here; ${there}`, JSON.parse(name)),
  );
});

it('refuses one that is there twice, of which only one could be honoured', async () => {
  expect(await listed('/v2/things', filters).run({}, requestOf({ query: 'name=x&n=1&n=2' }))).toEqual(
    refuse('malformed_request', 'the parameter n is there twice', 'n'),
  );
});

it.each([
  ['is not of /v2', listed('/v1/things', filters), 'n=1&colour=red'],
  ['says that others may come', listed('/v2/things', { otherQuery: 'ignored' }), 'account=sam&service=x'],
  ['knows them all', listed('/v2/things', filters), 'name=x&n=1'],
])('answers all where it %s', async (_what, some, query) => {
  expect(await some.run({}, requestOf({ query }))).toEqual(answer(200, 'all'));
});

it('reads no body for who may not send one, and else no more than the operation takes', async () => {
  const limits: number[] = [];
  const text = (bytesMax: number) => {
    limits.push(bytesMax);
    return Promise.resolve('{"words": []}');
  };
  await full.run({ caller: 'sam', target: mayNot }, requestOf({ ...good, text }));
  expect(limits).toEqual([]);
  await full.run({ caller: 'sam', target: 'it' }, requestOf({ ...good, text }));
  expect(limits).toEqual([64 * 1024]);
});

describe('a body that was waited for', () => {
  /** Who asks may until the body is read. */
  function untilItIsRead(arrived: boolean, target: Using['target'] = 'it') {
    const seen = { asked: 0, read: false };
    const using: Using = {
      get caller() {
        seen.asked += 1;
        return seen.read && !arrived ? nobody : 'sam';
      },
      target,
    };
    const request = requestOf({
      ...good,
      method: 'PUT',
      hasArrived: () => Promise.resolve(arrived),
      text: () => {
        seen.read = true;
        return good.text();
      },
    });
    return { seen, using, request };
  }

  it('is of who may when it is there, and of nobody who might before', async () => {
    const { seen, using, request } = untilItIsRead(false);
    expect(await full.run(using, request)).toEqual(nobody);
    expect(seen).toEqual({ asked: 2, read: true });
  });

  it('is not waited for where who asks may not', async () => {
    const { seen, using, request } = untilItIsRead(false, mayNot);
    expect(await full.run(using, request)).toEqual(mayNot);
    expect(seen).toEqual({ asked: 1, read: false });
  });

  it('costs no second question where it came with its head', async () => {
    const { seen, using, request } = untilItIsRead(true);
    expect(await full.run(using, request)).toMatchObject({ status: 200 });
    expect(seen).toEqual({ asked: 1, read: true });
  });

  it('is waited for as well by an operation that wants none', async () => {
    const { seen, using, request } = untilItIsRead(false);
    const bare = operation({
      method: 'DELETE',
      path: '/things',
      summary: 'Undoes it.',
      needs: 'a right',
      credentials: whoever,
      answers: {},
      handle: () => answer(204, undefined),
    });
    expect(await bare.run(using, request)).toEqual(nobody);
    expect(seen).toEqual({ asked: 2, read: true });
  });
});

it('is an endpoint under each of its paths', () => {
  const ping = operation({
    method: 'GET',
    path: ['/one', '/other'],
    summary: 'Is it there?',
    needs: 'nothing',
    credentials: noCredentials,
    answers: {},
    handle: () => answer(200, true),
  });
  const named = endpointsOf([full, ping]).map(({ method, path, credentials }) => `${method} ${path} ${credentials}`);
  expect(named).toEqual(['PUT /things/{number} needed', 'GET /one none', 'GET /other none']);
});
