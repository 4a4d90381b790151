/**
 * A right that ends while a request is on its way counts no more: the body is held back until it is gone, or the right is taken by a
 * transaction that has not committed yet. Whole answers, and nothing in the log.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Connection, exchange, held, written } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { hub } from '../support/hub.ts';
import type { Hub } from '../support/hub.ts';
import { arranged, basic, bodyOf, fresh, headersWith, tokenOf, wantsToken } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { Account, Credentials, System } from '../support/world.ts';

let world: System;
let ask: Hub;
/** Owns the organizations that the others are let into. */
let boss: Account;

beforeAll(async () => {
  world = await createWorld({ api: 2 });
  ask = hub(world.urls);
  boss = await world.createAccount();
}, 120_000);

afterAll(() => world?.stop());

interface Told {
  readonly status: number;
  readonly body: unknown;
}

interface Trial {
  readonly what: string;
  readonly method: string;
  readonly target: string;
  readonly authorization: string;
  readonly body: unknown;
  /** The status while everything holds. */
  readonly good: number;
  /** When the person was put out, or is no admin any more; undefined where it would still be good. */
  readonly refused?: Told;
}

const isV1 = ({ target }: Trial) => target.startsWith('/v1/');
const told = (trial: Trial, status: number, sentence: string): Told => ({
  status,
  body: isV1(trial) ? { error: sentence } : { message: sentence },
});

async function arrange(who: Credentials, method: string, target: string, body?: unknown): Promise<void> {
  const { status, text } = await ask(method, target, { as: who, body });
  if (status >= 300) throw new Error(`arranging ${method} ${target}: ${status} ${text}`);
}

const memberPath = (orgname: string, { name }: Credentials) => `/v2/orgs/${orgname}/members/${name}`;
const late = [{ id: 'abcdef', Tag: 'late' }];

/** An organization of the boss with the person as another owner, and what that person asks for, each of a repository of its own. */
async function trialsOfOwner(person: Account, orgname: string): Promise<readonly Trial[]> {
  await arrange(boss, 'POST', '/v2/orgs', { orgname });
  await arrange(boss, 'PUT', memberPath(orgname, person), { role: 'owner' });
  const privately = async (name: string) => {
    await arrange(boss, 'POST', `/v2/repositories/${orgname}`, { name, is_private: true });
    return `${orgname}/${name}`;
  };
  const [pushed, listed, proved, first, described, granted, revoked, deleted, starred] = await Promise.all(
    ['pushed', 'listed', 'proved', 'first', 'described', 'granted', 'revoked', 'deleted', 'starred'].map(privately),
  );
  const collaborator = (repository: string | undefined) =>
    `/v2/repositories/${repository}/collaborators/${world.admin.name}`;
  await arrange(boss, 'PUT', collaborator(revoked), { permission: 'read' });
  const authorization = basic(person);
  const opened = await exchange(world.urls[0] ?? '', {
    method: 'PUT',
    target: `/v1/repositories/${proved}/`,
    headers: headersWith(authorization, wantsToken),
    body: '[]',
  });
  const token = tokenOf(arranged(opened, 200));
  const v1 = (sentence: string): Told => ({ status: 403, body: { error: `${person.name} may not ${sentence}` } });
  const hidden = (what: string): Told => ({ status: 404, body: { message: `there is no ${what}` } });
  const trial = (what: string, method: string, target: string, body: unknown, good: number, refused: Told): Trial => ({
    what,
    method,
    target,
    authorization,
    body,
    good,
    refused,
  });
  const created = `${orgname}/created`;
  return [
    trial('a push', 'PUT', `/v1/repositories/${pushed}/`, late, 200, v1(`push to ${pushed}`)),
    trial('a first push', 'PUT', `/v1/repositories/${created}/`, late, 200, v1(`push to ${created}`)),
    trial('images', 'PUT', `/v1/repositories/${listed}/images`, late, 204, v1(`push to ${listed}`)),
    {
      ...trial('images, by a token', 'PUT', `/v1/repositories/${proved}/images`, late, 204, v1(`push to ${proved}`)),
      authorization: token,
    },
    trial('a deletion in two steps', 'DELETE', `/v1/repositories/${first}/`, {}, 202, v1(`delete ${first}`)),
    trial('another repository', 'POST', `/v2/repositories/${orgname}`, { name: 'other' }, 201, {
      status: 403,
      body: { message: `${person.name} may not create repositories in ${orgname}` },
    }),
    trial(
      'a description',
      'PATCH',
      `/v2/repositories/${described}`,
      { description: 'late' },
      200,
      hidden(`repository ${described}`),
    ),
    trial('a grant', 'PUT', collaborator(granted), { permission: 'admin' }, 200, hidden(`repository ${granted}`)),
    trial('a grant that is taken', 'DELETE', collaborator(revoked), {}, 204, hidden(`repository ${revoked}`)),
    trial('a deletion', 'DELETE', `/v2/repositories/${deleted}`, {}, 202, hidden(`repository ${deleted}`)),
    trial('a star', 'POST', `/v2/repositories/${starred}/stars`, {}, 204, hidden(`repository ${starred}`)),
    trial(
      'another owner',
      'PUT',
      memberPath(orgname, world.admin),
      { role: 'owner' },
      200,
      hidden(`organization ${orgname}`),
    ),
    trial('an owner put out', 'DELETE', memberPath(orgname, boss), {}, 204, hidden(`organization ${orgname}`)),
  ];
}

/** What everybody may with an account. */
function trialsOfPerson(person: Account): readonly Trial[] {
  const authorization = basic(person);
  return [
    {
      what: 'an organization',
      method: 'POST',
      target: '/v2/orgs',
      authorization,
      body: { orgname: fresh('late_') },
      good: 201,
    },
    {
      what: 'an address',
      method: 'PUT',
      target: `/v1/users/${person.name}`,
      authorization,
      body: { email: `${fresh('late_')}@example.org` },
      good: 204,
    },
  ];
}

async function trialsOfAdmin(person: Account): Promise<readonly Trial[]> {
  await setAdmin(person, true);
  const name = fresh('public-');
  await arrange(boss, 'POST', `/v2/repositories/${boss.name}`, { name });
  const other = await world.createAccount();
  const official = fresh('official-');
  const asked = { authorization: basic(person), body: { reason: 'it mines coins' } };
  const admins = { status: 403, body: { message: 'only an admin of the index may do this' } };
  const image = `/v2/takedowns/images/${fresh('abc')}`;
  const downed = `/v2/takedowns/images/${fresh('abc')}`;
  await arrange(world.admin, 'PUT', downed, asked.body);
  return [
    {
      ...asked,
      what: 'a takedown of a repository',
      method: 'PUT',
      target: `/v2/takedowns/repositories/${boss.name}/${name}`,
      good: 200,
      refused: { status: 403, body: { message: `${person.name} may not do this to ${boss.name}/${name}` } },
    },
    { ...asked, what: 'a takedown of an image', method: 'PUT', target: image, good: 200, refused: admins },
    { ...asked, what: 'its end', method: 'DELETE', target: downed, good: 204, refused: admins },
    {
      ...asked,
      what: 'an official repository',
      method: 'PUT',
      target: `/v1/repositories/${official}/`,
      body: late,
      good: 200,
      refused: { status: 403, body: { error: `${person.name} may not push to library/${official}` } },
    },
    {
      ...asked,
      what: 'a password of somebody else',
      method: 'PUT',
      target: `/v1/users/${other.name}`,
      body: { password: 'taken over' },
      good: 204,
      refused: { status: 403, body: { error: 'only the person and an admin may change an account' } },
    },
  ];
}

async function setAdmin({ id }: Account, isAdmin: boolean): Promise<void> {
  await world.query('update directory.accounts set is_admin = $2 where id = $1', [id, isAdmin]);
}

type Framing = 'of a length' | 'in chunks';

/** The head and the first byte of a body, and how it ends. */
function begin({ method, target, authorization, body }: Trial, framing: Framing, url: string): () => Promise<Answer> {
  const text = JSON.stringify(body);
  const chunk = (part: string) => `${part.length.toString(16)}\r\n${part}\r\n`;
  const [header, opening, rest] =
    framing === 'of a length'
      ? [['Content-Length', `${text.length}`] as const, text.slice(0, 1), text.slice(1)]
      : [['Transfer-Encoding', 'chunked'] as const, chunk(text.slice(0, 1)), `${chunk(text.slice(1))}0\r\n\r\n`];
  const connection = new Connection(url);
  const line = `${method} ${target} HTTP/1.1`;
  connection.send(written(line, headersWith(authorization, header, ['Connection', 'close']), opening));
  return async () => {
    try {
      connection.send(rest);
      return held(line, await connection.answer());
    } finally {
      connection.close();
    }
  };
}

/** Begins all of them, waits until the processes have looked at who asks, and sends the rest when the right is gone. */
async function heldBack(
  trials: readonly Trial[],
  framing: Framing,
  ends: () => Promise<void>,
): Promise<readonly Told[]> {
  const sent = trials.map((trial, index) => begin(trial, framing, world.urls[index % world.urls.length] ?? ''));
  // What came to the same processes after the heads takes more steps than a look at who asks.
  for (let round = 0; round < 6; round++) await arrange(boss, 'GET', `/v2/repositories/${boss.name}`);
  await ends();
  const answers = await Promise.all(sent.map((finish) => finish()));
  return answers.map((answer) => ({ status: answer.status, body: bodyOf(answer) }));
}

async function eventsOf({ id }: Account): Promise<number> {
  const [row] = await world.query<{ count: string }>(
    `select count(*) from es.events where metadata #>> '{actor,id}' = $1`,
    [id],
  );
  return Number(row?.count);
}

interface Tried {
  readonly answers: readonly unknown[];
  /** How many events the log has of it. */
  readonly logged: number;
}

async function tried(
  person: Account,
  trials: readonly Trial[],
  send: (trials: readonly Trial[]) => Promise<readonly Told[]>,
): Promise<Tried> {
  const before = await eventsOf(person);
  const answers = await send(trials);
  return {
    answers: trials.map(({ what }, index) => ({ what, ...answers[index] })),
    logged: (await eventsOf(person)) - before,
  };
}

/** Every one of them is refused, and nothing is in the log. */
function refusedAs(refusal: (trial: Trial) => Told | undefined, trials: readonly Trial[]): Tried {
  return { answers: trials.map((trial) => ({ what: trial.what, ...refusal(trial) })), logged: 0 };
}

/** By what was taken: the membership, the mark of an admin, a grant. */
const withoutRight = ({ refused }: Trial) => refused;
const inactive = (trial: Trial): Told =>
  isV1(trial)
    ? { status: 403, body: 'Account is not Active' }
    : told(trial, 403, 'the account is not active; follow the link in the mail that was sent to its address');
const wrong = (trial: Trial): Told =>
  told(
    trial,
    401,
    trial.authorization.startsWith('Token') ? 'the token is not valid, or no longer' : 'wrong name or password',
  );

async function allTrialsOf(person: Account, orgname: string): Promise<readonly Trial[]> {
  return [...(await trialsOfOwner(person, orgname)), ...trialsOfPerson(person)];
}

const deactivate = async ({ id }: Account) => {
  await world.query(`update directory.accounts set status = 'inactive' where id = $1`, [id]);
};
const changePassword = ({ name }: Account) =>
  arrange(world.admin, 'PUT', `/v1/users/${name}`, { password: fresh('other-') });

describe.each<Framing>(['of a length', 'in chunks'])('a body %s that is held back', (framing) => {
  test('and comes while everything holds does what it says', async () => {
    const person = await world.createAccount();
    const trials = [
      ...(await allTrialsOf(person, fresh('org_'))),
      ...(await trialsOfAdmin(await world.createAccount())),
    ];
    const { answers, logged } = await tried(person, trials, (asked) => heldBack(asked, framing, async () => undefined));
    expect(answers).toEqual(trials.map(({ what, good }) => expect.objectContaining({ what, status: good })));
    expect(logged).toBeGreaterThan(0);
  });

  test('until its sender is put out of the organization does nothing', async () => {
    const person = await world.createAccount();
    const orgname = fresh('org_');
    const trials = await trialsOfOwner(person, orgname);
    const putOut = () => arrange(boss, 'DELETE', memberPath(orgname, person));
    expect(await tried(person, trials, (asked) => heldBack(asked, framing, putOut))).toEqual(
      refusedAs(withoutRight, trials),
    );
  });

  test('until its sender is no admin of the index any more does nothing', async () => {
    const person = await world.createAccount();
    const trials = await trialsOfAdmin(person);
    const noAdmin = () => setAdmin(person, false);
    expect(await tried(person, trials, (asked) => heldBack(asked, framing, noAdmin))).toEqual(
      refusedAs(withoutRight, trials),
    );
  });

  test.each([
    ['the account of its sender is not active any more', deactivate, inactive],
    ['the password of its sender is another', changePassword, wrong],
  ])('until %s does nothing', async (_what, ends, refusal) => {
    const person = await world.createAccount();
    const trials = [...(await allTrialsOf(person, fresh('org_'))), ...(await trialsOfAdmin(person))];
    expect(await tried(person, trials, (asked) => heldBack(asked, framing, () => ends(person)))).toEqual(
      refusedAs(refusal, trials),
    );
  });

  test('until a grant is taken does nothing', async () => {
    const person = await world.createAccount();
    const repository = `${boss.name}/${fresh('shared-')}`;
    const [, name] = repository.split('/');
    await arrange(boss, 'POST', `/v2/repositories/${boss.name}`, { name, is_private: true });
    const grant = `/v2/repositories/${repository}/collaborators/${person.name}`;
    await arrange(boss, 'PUT', grant, { permission: 'admin' });
    const trial: Trial = {
      what: 'a description',
      method: 'PATCH',
      target: `/v2/repositories/${repository}`,
      authorization: basic(person),
      body: { description: 'late' },
      good: 200,
      refused: { status: 404, body: { message: `there is no repository ${repository}` } },
    };
    const taken = () => arrange(boss, 'DELETE', grant);
    expect(await tried(person, [trial], (asked) => heldBack(asked, framing, taken))).toEqual(
      refusedAs(withoutRight, [trial]),
    );
  });
});

/** Sends whole requests while somebody's transaction has done this; it commits when as many wait for it as were sent. */
async function whileTaking(
  trials: readonly Trial[],
  statements: readonly (readonly [text: string, values: readonly unknown[]])[],
): Promise<readonly Told[]> {
  const taker = new pg.Client({ connectionString: world.databaseUrls.owner });
  await taker.connect();
  try {
    await taker.query('begin');
    for (const [text, values] of statements) await taker.query(text, [...values]);
    const answers = trials.map(({ method, target, authorization, body }, index) =>
      exchange(world.urls[index % world.urls.length] ?? '', {
        method,
        target,
        headers: headersWith(authorization),
        body: JSON.stringify(body),
      }),
    );
    await until('every one of them waits', async () => {
      const [row] = await world.query<{ waits: string }>(
        `select count(distinct l.pid) as waits from pg_locks l join pg_stat_activity a on a.pid = l.pid
         where a.datname = current_database() and not l.granted`,
      );
      return Number(row?.waits) === trials.length;
    });
    await taker.query('commit');
    return (await Promise.all(answers)).map((answer) => ({ status: answer.status, body: bodyOf(answer) }));
  } finally {
    await taker.end();
  }
}

/** Those that are a transaction of their own. */
const transacted = new Set([
  'a star',
  'another owner',
  'an owner put out',
  'an organization',
  'an address',
  'a takedown of an image',
  'its end',
  'a password of somebody else',
]);

describe('a transaction that comes while another takes the right waits for it, and is refused', () => {
  const ofAccount = (set: string, { id }: Account) =>
    [[`update directory.accounts set ${set} where id = $1`, [id]]] as const;

  test.each([
    ['the account', `status = 'inactive'`, inactive],
    ['the password', 'credential_version = credential_version + 1', wrong],
  ])('of %s', async (_what, set, refusal) => {
    const person = await world.createAccount();
    const all = [...(await allTrialsOf(person, fresh('org_'))), ...(await trialsOfAdmin(person))];
    const trials = all.filter(({ what }) => transacted.has(what));
    expect(trials).toHaveLength(transacted.size);
    expect(await tried(person, trials, (asked) => whileTaking(asked, ofAccount(set, person)))).toEqual(
      refusedAs(refusal, trials),
    );
  });

  test('of the admin', async () => {
    const person = await world.createAccount();
    const trials = (await trialsOfAdmin(person)).filter(({ what }) => transacted.has(what));
    const taking = ofAccount('is_admin = false', person);
    expect(await tried(person, trials, (asked) => whileTaking(asked, taking))).toEqual(refusedAs(withoutRight, trials));
  });

  test('of the member', async () => {
    const person = await world.createAccount();
    const orgname = fresh('org_');
    const trials = (await trialsOfOwner(person, orgname)).filter(({ what }) => transacted.has(what));
    const [row] = await world.query<{ id: string }>('select id from directory.namespaces where name = $1', [orgname]);
    // As a removal does it: the stream of the organization is its own until the end.
    const removal = [
      [`select pg_advisory_xact_lock(1163087698, hashtext('organization-' || $1))`, [row?.id]],
      ['delete from directory.members where namespace_id = $1 and account_id = $2', [row?.id, person.id]],
    ] as const;
    expect(await tried(person, trials, (asked) => whileTaking(asked, removal))).toEqual(
      refusedAs(withoutRight, trials),
    );
  });
});
