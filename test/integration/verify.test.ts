/** `docket verify` names what somebody changed behind the log's back, each difference by itself. */
import { verifyDirectory } from '@docket/projector/verify/directory';
import { verifyLog } from '@docket/projector/verify/log';
import { verifyTables } from '@docket/projector/verify/tables';
import { searchIndexUid } from '@docket/shared/search-index';
import { connect } from '@docket/store/connect';
import type { Connection, Transaction } from '@docket/store/connect';
import { inTransaction } from '@docket/store/transaction';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import type { Account } from '../support/world.ts';
import { hub } from '../support/hub.ts';
import type { Hub } from '../support/hub.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let owner: Connection;
let ask: Hub;
let person: Account;
let friend: Account;

/** Everything that it compares, and what was taken back: it must not miss that. */
beforeAll(async () => {
  world = await createWorld({ environment: { LOG_LEVEL: 'silent' } });
  owner = connect({
    url: world.databaseUrls.owner,
    applicationName: 'docket test',
    pooler: 'none',
    connectionsMax: 1,
    onIdleError: () => undefined,
  });
  ask = hub(world.urls);
  [person, friend] = await Promise.all([world.createAccount(), world.createAccount()]);
  await world.createAccount(undefined, { active: false });
  const member = `/v2/orgs/shipyard/members/${friend.name}`;
  await done('POST', '/v2/orgs', { orgname: 'shipyard' });
  await done('PUT', member, { role: 'owner' });
  await done('DELETE', member);
  await done('PUT', member, { role: 'member' });
  for (const name of ['kept', 'left', 'deleted', 'again']) {
    const repository = `/v2/repositories/${person.name}/${name}`;
    await done('PUT', `/v1/repositories/${person.name}/${name}/`, [{ id: `image-of-${name}` }]);
    await done('PUT', `${repository}/collaborators/${friend.name}`, { permission: 'read' });
    await done('POST', `${repository}/stars`, undefined, friend);
    if (name === 'left') await done('DELETE', `${repository}/stars`, undefined, friend);
    if (name === 'deleted' || name === 'again') await done('DELETE', repository);
  }
  await done('PUT', `/v1/repositories/${person.name}/again/`, [{ id: 'image-of-again' }]);
  await done('POST', `/v2/repositories/${person.name}/again/stars`, undefined, friend);
  for (const image of ['blocked', 'reinstated']) {
    await done('PUT', `/v2/takedowns/images/${image}`, { reason: 'malware' }, world.admin);
  }
  await done('DELETE', '/v2/takedowns/images/reinstated', undefined, world.admin);
  await world.searchable();
});

afterAll(async () => {
  await owner?.stop();
  await world?.stop();
});

async function done(method: string, target: string, body?: unknown, as: Pick<Account, 'name' | 'password'> = person) {
  const answer = await ask(method, target, { as, body });
  expect({ target, status: answer.status, text: answer.text }).toMatchObject({
    status: expect.toSatisfy((status) => status >= 200 && status < 300),
  });
}

async function differences(transaction: Transaction): Promise<string[]> {
  const found: string[] = [];
  const differs = (sentence: string) => void found.push(sentence);
  await verifyLog(transaction, differs);
  await verifyTables(transaction, differs);
  await verifyDirectory(transaction, differs);
  return found;
}

test('nothing differs where nobody interfered', async () => {
  expect(await world.verb(['verify'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 differences in/) });
});

interface Interference {
  /** The statement that is run on the database as its owner. */
  readonly by: string;
  /** The differences that are reported, and no others. */
  readonly says: readonly RegExp[];
}

const id = '[0-9a-f-]{36}';
const repositoryNamed = (name: string) =>
  `(select repository_id from directory.repository_names where name = '${name}')`;

const interferences: Readonly<Record<string, Interference>> = {
  'an event is gone from the middle of a stream': {
    by: `alter table es.events disable trigger events_are_facts;
      delete from es.events where type = 'MemberRemoved'`,
    says: [/^organization-.* has 4 events and ends at version 5$/],
  },
  'the state of a repository is another': {
    by: `update read.repositories set state = jsonb_set(state, '{description}', '"forged"') where name = 'kept'`,
    says: [/: the state is not the fold of its events$/],
  },
  'the version of a row is another': {
    by: `update read.repositories set version = version + 1 where name = 'kept'`,
    says: [/: the row is at version \d+, the log at \d+$/],
  },
  'the number of a row is another': {
    by: `update read.repositories set number = number + 1000 where name = 'kept'`,
    says: [/: the number is \d+, not \d+$/],
  },
  'a column is another than the state': {
    by: `update read.repositories set description = 'forged' where name = 'kept'`,
    says: [/: description is forged, not $/],
  },
  'a count of stars is another': {
    by: `update read.repositories set star_count = 7 where name = 'kept'`,
    says: [/: star_count is 7, not 1$/],
  },
  'a row of a repository is gone': {
    by: `delete from read.repositories where name = 'deleted'`,
    says: [/^repository .* has \d+ events and no row$/],
  },
  'a repository is there that no event created': {
    by: `insert into read.repositories select gen_random_uuid(), -1, namespace_id, name, 'deleted', is_private, description,
      star_count, pull_count, last_updated, version, state from read.repositories where name = 'kept'`,
    says: [/^repository .* has a row and no events$/],
  },
  'an image is gone from the table of images': {
    by: `delete from read.images where repository_id = ${repositoryNamed('kept')}`,
    says: [/: the images table has 0 images that are not the 1 of the log$/],
  },
  'a tag is there that no push named': {
    by: `insert into read.tags (repository_id, tag, image_id) values (${repositoryNamed('kept')}, 'stray', 'x')`,
    says: [/: the tags table has \d+ tags that are not the \d+ of the log$/],
  },
  'a row counts one image too many': {
    by: `update read.repositories set image_count = image_count + 1 where name = 'kept'`,
    says: [/: the row counts \d+ images and \d+ tags$/],
  },
  'a grant is another': {
    by: `update read.grants set role = 'admin' where repository_id = ${repositoryNamed('kept')}`,
    says: [/: the grants are not those of the log$/],
  },
  'a namespace counts one too many': {
    by: `update read.namespaces set private_count = private_count + 1
      where namespace_id = (select namespace_id from read.repositories where name = 'kept')`,
    says: [/^namespace .* does not hold as many as its row says$/],
  },
  'an account was made an admin': {
    by: `update directory.accounts set is_admin = true where status = 'inactive'`,
    says: [/^account .*: the directory is not the fold of its events$/],
  },
  'an account has no events': {
    by: `insert into directory.accounts (id, namespace_id, is_admin, status, password_hash)
      values (gen_random_uuid(), gen_random_uuid(), false, 'active', '')`,
    says: [/^account .*: the directory is not the fold of its events$/],
  },
  'an account is gone': {
    by: `delete from directory.addresses where not confirmed;
      delete from directory.accounts where status = 'inactive'`,
    says: [/^account-.* has events and is not in the directory$/],
  },
  'an address counts as confirmed': {
    by: `update directory.addresses set confirmed = true where not confirmed`,
    says: [/^address .* of account-.* is another in the directory$/],
  },
  'an address counts as not confirmed any more': {
    by: `update directory.addresses set confirmed = false
      where account_id = (select account_id from directory.stars limit 1)`,
    says: [/^address .* of account-.* is another in the directory$/],
  },
  'a confirmed address is gone': {
    by: `delete from directory.addresses where account_id = (select account_id from directory.stars limit 1)`,
    says: [/^address .* of account-.* is another in the directory$/],
  },
  'an address was given to another account': {
    by: `update directory.addresses set account_id = (select account_id from directory.stars limit 1) where not confirmed`,
    says: [/^address .* of account-.* is another in the directory$/],
  },
  'an address was added by hand': {
    by: `insert into directory.addresses (id, account_id, address, address_key)
      values (gen_random_uuid(), (select account_id from directory.stars limit 1), 'a@example.org', 'a@example.org')`,
    says: [/^address .* is in the directory and no event added it$/],
  },
  'a member was made an owner': {
    by: `update directory.members set role = 'owner' where role = 'member'`,
    says: [
      new RegExp(`^the directory says, and the log does not: ${id} is owner of organization-${id}$`),
      new RegExp(`^the log says, and the directory does not: ${id} is member of organization-${id}$`),
    ],
  },
  'a member is gone': {
    by: `delete from directory.members where role = 'member'`,
    says: [new RegExp(`^the log says, and the directory does not: ${id} is member of organization-${id}$`)],
  },
  'a star was given by hand': {
    by: `insert into directory.stars (repository_id, account_id, life)
      select ${repositoryNamed('left')}, account_id, 1 from directory.stars limit 1`,
    says: [new RegExp(`^the directory says, and the log does not: ${id} starred repository ${id} in life 1$`)],
  },
  'a star is gone': {
    by: `delete from directory.stars where repository_id = ${repositoryNamed('deleted')}`,
    says: [new RegExp(`^the log says, and the directory does not: ${id} starred repository ${id} in life 1$`)],
  },
  'a star is of another life': {
    by: `update directory.stars set life = 2 where repository_id = ${repositoryNamed('kept')}`,
    says: [
      new RegExp(`^the directory says, and the log does not: ${id} starred repository ${id} in life 2$`),
      new RegExp(`^the log says, and the directory does not: ${id} starred repository ${id} in life 1$`),
    ],
  },
  'an image that was reinstated is blocked': {
    by: `insert into directory.blocked_images (image_id, reason) values ('reinstated', 'malware')`,
    says: [/^the directory says, and the log does not: image-reinstated was taken down: malware$/],
  },
  'an image that was taken down is not blocked': {
    by: 'delete from directory.blocked_images',
    says: [/^the log says, and the directory does not: image-blocked was taken down: malware$/],
  },
  'the reason of a takedown is another': {
    by: `update directory.blocked_images set reason = 'forged'`,
    says: [
      /^the directory says, and the log does not: image-blocked was taken down: forged$/,
      /^the log says, and the directory does not: image-blocked was taken down: malware$/,
    ],
  },
};

describe('it is said that', () => {
  test.each(Object.keys(interferences))('%s', async (name) => {
    const { by, says } = interferences[name] ?? { by: '', says: [] };
    const found = await inTransaction<string[]>(owner.database, async (transaction, abort) => {
      for (const statement of by.split(';')) await sql.raw(statement).execute(transaction);
      return abort(await differences(transaction));
    });
    expect(found).toEqual(says.map((sentence) => expect.stringMatching(sentence)));
  });
});

test('what differs in the directory and in the search index is printed, and the exit status is 1', async () => {
  const [row] = await world.query<{ id: string; kept: string; left: string }>(
    `select i.id, k.number::text as kept, l.number::text as left from directory.installation i
     join read.repositories k on k.name = 'kept' join read.repositories l on l.name = 'left'`,
  );
  const { id: installation = '', kept, left } = row ?? {};
  const documents = `/indexes/${searchIndexUid(installation)}/documents`;
  await world.query(`update directory.blocked_images set reason = 'forged'`);
  await written('DELETE', `${documents}/${kept}`);
  await written('PUT', documents, [{ id: Number(left), description: 'forged' }, { id: 1_000_000 }]);
  const { status, stdout } = await world.verb(['verify']);
  const lines = stdout.trimEnd().split('\n');
  expect({ status, sum: lines.pop() }).toEqual({
    status: 1,
    sum: expect.stringMatching(/^5 differences in \d+ events, \d+ repositories, \d+ accounts, 3 documents$/),
  });
  expect(new Set(lines)).toEqual(
    new Set([
      'the directory says, and the log does not: image-blocked was taken down: forged',
      'the log says, and the directory does not: image-blocked was taken down: malware',
      `${person.name}/kept (${kept}) is not in the search index`,
      `${person.name}/left (${left}) is another in the search index`,
      'document 1000000 of the search index is of no repository',
    ]),
  );
});

const enqueued = z.object({ taskUid: z.number() });

/** Writes to Meilisearch and waits until the task is done. */
async function written(method: string, path: string, body?: unknown): Promise<void> {
  const { taskUid } = enqueued.parse(await meilisearch(method, path, body));
  await until(
    `${method} ${path} is done`,
    async () =>
      z.object({ status: z.literal('succeeded') }).safeParse(await meilisearch('GET', `/tasks/${taskUid}`)).success,
  );
}

async function meilisearch(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${world.meilisearchUrl}${path}`, {
    method,
    headers: { Authorization: `Bearer ${world.meilisearchKey}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer.json();
}
