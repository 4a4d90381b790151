/** Every route × every kind of caller × a repository in every state: what is answered, that nothing more is told, that nothing is written. */
import { createHmac, randomUUID } from 'node:crypto';

import { sessions } from '@docket/api/access/sessions';
import { tokens } from '@docket/api/access/tokens';
import { parseEnvironment } from '@docket/runtime/environment';
import { namespaceName, repositoryName } from '@docket/shared/names';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hub } from '../support/hub.ts';
import type { Hub, HubAnswer } from '../support/hub.ts';
import { endpoints, managementEndpoints } from '../support/mounted-routes.ts';
import { Description } from '../support/openapi-document.ts';
import { mayRead, rows, states } from '../support/rights-rows.ts';
import type { Kind, Rank, Row, State } from '../support/rights-rows.ts';
import { basic, fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';

const secret = 'nobody who may not read it is told of this';
const askedAtOnce = 8;
const cast = ['owner', 'member', 'reader', 'writer', 'manager', 'stranger'] as const;

let world: System;
let ask: Hub;
let organization: string;
let people: Readonly<Record<(typeof cast)[number] | 'asleep', Account>>;
let mint: { readonly good: ReturnType<typeof tokens>; readonly expired: ReturnType<typeof tokens> };
let begun: ReturnType<typeof sessions>;
let description: Description;

beforeAll(async () => {
  world = await createWorld();
  ask = hub(world.urls);
  description = new Description((await ask('GET', '/openapi.json')).body);
  const { tokenKeys } = parseEnvironment({ ...world.environment });
  mint = { good: tokens(tokenKeys, 600), expired: tokens(tokenKeys, -600) };
  begun = sessions(tokenKeys);
  const [owner, member, reader, writer, manager, stranger, asleep] = await Promise.all([
    ...[1, 2, 3, 4, 5, 6].map(() => world.createAccount()),
    world.createAccount(fresh('asleep_'), { active: false }),
  ]);
  if (!owner || !member || !reader || !writer || !manager || !stranger || !asleep) throw new Error('the cast is short');
  people = { owner, member, reader, writer, manager, stranger, asleep };
  organization = fresh('org_');
  await arranged(ask('POST', '/v2/orgs', { as: owner, body: { orgname: organization } }), 201);
  const membership = `/v2/orgs/${organization}/members/${member.name}`;
  await arranged(ask('PUT', membership, { as: owner, body: { role: 'member' } }), 200);
}, 120_000);

afterAll(() => world?.stop());

async function arranged(answer: Promise<HubAnswer>, status: number): Promise<void> {
  const { status: is, text } = await answer;
  if (is !== status) throw new Error(`arranging needs ${status}, not ${is} ${text}`);
}

interface Fixture {
  readonly name: string;
  readonly id: string;
}

/** A repository of the organization in that state, with everybody let into it as the cast says. */
async function repositoryIn(state: State): Promise<Fixture> {
  const name = fresh('repo-');
  if (state === 'never') return { name, id: randomUUID() };
  const { owner, reader, writer, manager } = people;
  const path = `/v2/repositories/${organization}/${name}`;
  const v1 = `/v1/repositories/${organization}/${name}`;
  const body = { name, description: secret, is_private: state === 'private' };
  await arranged(ask('POST', `/v2/repositories/${organization}`, { as: owner, body }), 201);
  const grants = [
    [reader, 'read'],
    [writer, 'write'],
    [manager, 'admin'],
  ] as const;
  await Promise.all(
    grants.map(([who, permission]) =>
      arranged(ask('PUT', `${path}/collaborators/${who.name}`, { as: owner, body: { permission } }), 200),
    ),
  );
  await arranged(ask('PUT', `${v1}/`, { as: owner, body: [{ id: 'layer', Tag: 'latest' }] }), 200);
  await arranged(ask('PUT', `${v1}/images`, { as: owner, body: [] }), 204);
  if (state === 'deleting' || state === 'spent') await arranged(ask('DELETE', `${v1}/`, { as: owner }), 202);
  if (state === 'deleted') await arranged(ask('DELETE', path, { as: owner }), 202);
  if (state === 'taken down') {
    const takedown = `/v2/takedowns/repositories/${organization}/${name}`;
    await arranged(ask('PUT', takedown, { as: world.admin, body: { reason: 'it mines coins' } }), 200);
  }
  const [row] = await world.query<{ repository_id: string }>(
    'select repository_id from directory.repository_names where name = $1',
    [name],
  );
  const fixture = { name, id: row?.repository_id ?? '' };
  if (state === 'spent') await arranged(ask('PUT', `${v1}/auth`, { as: token(fixture, 'delete') }), 200);
  return fixture;
}

interface Caller {
  readonly who: string;
  readonly kind: Kind;
  readonly authorization: (fixture: Fixture) => string | undefined;
}

const kinds: readonly Caller[] = [
  { who: 'nobody', kind: { kind: 'nobody' }, authorization: () => undefined },
  {
    who: 'the owner with a wrong password',
    kind: { kind: 'wrong' },
    authorization: () => basic({ name: people.owner.name, password: 'wrong' }),
  },
  { who: 'an account that is not active', kind: { kind: 'inactive' }, authorization: () => basic(people.asleep) },
  person('a stranger', 'stranger', 'nothing'),
  person('a member', 'member', 'read'),
  person('a reader', 'reader', 'read', true),
  person('a writer', 'writer', 'write', true),
  person('an admin of the repository', 'manager', 'admin', true),
  person('an owner', 'owner', 'owner'),
  {
    who: 'an admin of the index',
    kind: { kind: 'person', rank: 'index admin', by: 'password' },
    authorization: () => basic(world.admin),
  },
  {
    who: 'an owner in a session',
    kind: { kind: 'person', rank: 'owner', by: 'session' },
    authorization: () => `Bearer ${session()}`,
  },
  ...(['read', 'write', 'delete'] as const).flatMap((access): Caller[] => [
    {
      who: `a ${access} token`,
      kind: { kind: 'token', access, fits: true },
      authorization: (fixture) => token(fixture, access),
    },
    {
      who: `a ${access} token of another life`,
      kind: { kind: 'token', access, fits: false },
      authorization: (fixture) => token(fixture, access, 2),
    },
    {
      who: `a ${access} token of another repository`,
      kind: { kind: 'token', access, fits: false },
      authorization: () => token({ name: 'other', id: randomUUID() }, access),
    },
    {
      who: `a ${access} token that expired`,
      kind: { kind: 'wrong' },
      authorization: (fixture) => token(fixture, access, 1, mint.expired),
    },
  ]),
  {
    who: 'a read token rewritten into a write token',
    kind: { kind: 'wrong' },
    authorization: (fixture) => token(fixture, 'read').replace('access=read', 'access=write'),
  },
  ...Object.entries({
    'a session that expired': () => session(-600),
    'a refresh token': () => begun.issue(accountRow(), 'refresh', 600),
    'a session of an earlier password': () => begun.issue({ ...accountRow(), credentialVersion: 7 }, 'session', 600),
    'a session without a signature': () => forged({ alg: 'none', kid: 'test' }),
    'a session under another key': () => forged({ alg: 'HS256', kid: 'test' }, 'a key that nobody here signs with'),
    'a session whose claims were changed': () => {
      const [header, , signature] = session().split('.');
      return [header, part({ ...claims(), sub: people.stranger.id }), signature].join('.');
    },
  }).map(([who, made]): Caller => ({ who, kind: { kind: 'wrong' }, authorization: () => `JWT ${made()}` })),
];

function person(who: string, name: (typeof cast)[number], rank: Rank, grant?: true): Caller {
  const kind: Kind = { kind: 'person', rank, by: 'password', ...(grant ? { grant } : {}) };
  return { who, kind, authorization: () => basic(people[name]) };
}

function accountRow() {
  const { id, name } = people.owner;
  return {
    id,
    name: namespaceName.parse(name),
    namespaceId: randomUUID(),
    isAdmin: false,
    status: 'active',
    passwordHash: '',
    credentialVersion: 1,
  } as const;
}

function session(seconds = 600): string {
  return begun.issue(accountRow(), 'session', seconds);
}

function token({ name, id }: Fixture, access: 'read' | 'write' | 'delete', life = 1, from = mint.good): string {
  const fullName = { namespace: namespaceName.parse(organization), name: repositoryName.parse(name) };
  return `Token ${from.issue({ account: accountRow(), fullName, repositoryId: id, life, access })}`;
}

function claims() {
  const exp = Math.floor(Date.now() / 1000) + 600;
  return { purpose: 'session', jti: 'some', sub: people.owner.id, exp, credential_version: 1 };
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function forged(header: object, key?: string): string {
  const text = `${part(header)}.${part(claims())}`;
  return `${text}.${key === undefined ? '' : createHmac('sha256', key).update(text).digest('base64url')}`;
}

function filled(text: string, { name }: Fixture): string {
  return text
    .replaceAll('$namespace', organization)
    .replaceAll('$name', name)
    .replaceAll(/\$(owner|member|reader|writer|manager|stranger)/g, (_, who: (typeof cast)[number]) => people[who].name)
    .replaceAll('$fresh', fresh('made-'))
    .replaceAll('$', `${organization}/${name}`);
}

async function lastPosition(): Promise<string> {
  const [row] = await world.query<{ position: string }>('select coalesce(max(position), 0) as position from es.events');
  return String(row?.position);
}

/** What is wrong with the answer, in words; nothing when all is well. */
async function asked(row: Row, caller: Caller, state: State, fixture: Fixture): Promise<string[]> {
  const target = filled(row.target, fixture);
  const body: unknown = row.body === undefined ? undefined : JSON.parse(filled(JSON.stringify(row.body), fixture));
  const answer = await ask(row.method, target, { as: caller.authorization(fixture), body });
  const expected = row.status(caller.kind, state);
  const said = `${caller.who}: ${answer.status} ${answer.text.slice(0, 200)}`;
  const faults: string[] = [];
  if (answer.status !== expected) faults.push(`${said}, not ${expected}`);
  // The question comes back with the answer, and is no answer.
  const listed = answer.text.replace(/"query":"[^"]*",/, '').includes(fixture.name);
  if (row.lists && listed && !mayRead(caller.kind, state)) faults.push(`${said}: it is listed`);
  if (expected >= 400 && answer.text.includes(secret)) faults.push(`${said}: the description is told`);
  if (expected === 404 && row.target.includes('/$') && !answer.text.includes(`there is no `))
    faults.push(`${said}: told`);
  if (expected >= 400 && expected !== 405 && !hasSentence(answer.body)) faults.push(`${said}: no sentence`);
  const described = description.faults({
    method: row.method,
    target,
    status: answer.status,
    contentType: answer.header('Content-Type') ?? null,
    body: answer.text,
  });
  return [...faults, ...described];
}

/** The same for callers who may write nothing, several at a time; none of them has written anything. */
async function askedOfReaders(
  row: Row,
  callers: readonly Caller[],
  state: State,
  fixture: Fixture,
): Promise<readonly string[]> {
  const faults: string[] = [];
  for (let first = 0; first < callers.length; first += askedAtOnce) {
    const some = callers.slice(first, first + askedAtOnce);
    const before = await lastPosition();
    faults.push(...(await Promise.all(some.map((caller) => asked(row, caller, state, fixture)))).flat());
    if ((await lastPosition()) !== before) {
      faults.push(`one of these has written something: ${some.map(({ who }) => who).join(', ')}`);
    }
  }
  return faults;
}

function hasSentence(body: unknown): boolean {
  if (typeof body === 'string') return body !== '';
  const { message, error } = Object(body);
  return typeof (message ?? error) === 'string';
}

test('there is a row for every operation, and for no other', () => {
  const told = rows.filter((row) => !row.isNone).map(({ method, path }) => `${method} ${path}`);
  // Official repositories go by their bare name too, to the same operation.
  const operations = endpoints.filter(({ path }) => !path.startsWith('/v1/repositories/{repo_name}'));
  expect(told.toSorted()).toEqual(operations.map(({ method, path }) => `${method} ${path}`).toSorted());
});

/** A target that names the repository. */
const ofRepository = /\$name|\/\$(?!namespace)/;

describe.each(states)('of a repository that is %s', (state) => {
  const ofThis = rows.filter(({ target, lists }) => state === 'public' || lists || ofRepository.test(target));
  /** A repository that stays as it is: each caller who may change one gets another. */
  let untouched: Fixture;
  beforeAll(async () => {
    untouched = await repositoryIn(state);
  });

  test.each(ofThis.map((row) => [`${row.method} ${row.target}`, row] as const))(
    '%s answers everybody as they may be answered',
    async (_, row) => {
      const faults: string[] = [];
      const mayWrite = ({ kind }: Caller) => row.method !== 'GET' && row.status(kind, state) < 400;
      faults.push(
        ...(await askedOfReaders(
          row,
          kinds.filter((caller) => !mayWrite(caller)),
          state,
          untouched,
        )),
      );
      const writers = kinds.filter(mayWrite);
      const changed = ofRepository.test(row.target) ? await Promise.all(writers.map(() => repositoryIn(state))) : [];
      for (const [index, caller] of writers.entries()) {
        faults.push(...(await asked(row, caller, state, changed[index] ?? untouched)));
      }
      expect(faults).toEqual([]);
    },
    60_000,
  );
});

test('a private repository answers who may not read it as one that never was, word for word', async () => {
  const [hidden, never] = [await repositoryIn('private'), await repositoryIn('never')];
  for (const row of rows.filter(({ target }) => target.includes('$name') || target.includes('/$'))) {
    for (const { who, authorization } of kinds.filter(({ who: name }) => name === 'nobody' || name === 'a stranger')) {
      const told = async (fixture: Fixture) => {
        const body: unknown = row.body === undefined ? undefined : JSON.parse(filled(JSON.stringify(row.body), never));
        const { status, text } = await ask(row.method, filled(row.target, fixture), {
          as: authorization(fixture),
          body,
        });
        return `${who} ${row.method} ${row.target} ${status} ${text.replaceAll(fixture.name, 'it')}`;
      };
      expect(await told(hidden)).toBe(await told(never));
    }
  }
});

test('every answer that the document has for managing was seen, but for those that need more than a caller', () => {
  const rare =
    /4(?:00|05|12|13|22|29)|50[03]|POST \/v2\/(?:users\/login|auth\/token) (?:200|403)|GET .*\/namespaces\/\{namespace\} 404|GET .*(?:\/v2\/repositories\/\{namespace\}|\/repositories) 404|members\/\{username\} (?:204|409)$|POST \S+\/(?:\{namespace\}|repositories) 409|POST \/v2\/orgs 201/;
  const unseen = managementEndpoints.flatMap(({ method, path, answers }) =>
    Object.keys(answers)
      .map((status) => `${method} ${path} ${status}`)
      .filter((pair) => !description.seen.has(pair) && !rare.test(pair)),
  );
  expect(unseen).toEqual([]);
});
