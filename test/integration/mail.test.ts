import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';

import { startSmtpServer } from '@docket/projector/mail/smtp-server.testing';
import type { SmtpServer } from '@docket/projector/mail/smtp-server.testing';
import { parseEnvironment } from '@docket/runtime/environment';
import { verifyLink } from '@docket/runtime/link-token';
import { accountStream } from '@docket/shared/stored-event';
import { connect } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import { expect, onTestFinished, test } from 'vitest';

import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const publicUrl = 'http://index.example.org/docket';
const takeoverMsMax = 5_000;

interface NewAddress {
  readonly name: string;
  readonly confirmation?: 'mail' | 'none';
  readonly confirmed?: boolean;
}

test('every added address gets one mail, whichever projector dies, and those that ask for none get none', async () => {
  const world = await mailWorld({});
  const accounts = await register(world, [
    ...Array.from({ length: 30 }, (_, index) => ({ name: `early_${index}` })),
    { name: 'known', confirmation: 'none' as const },
    { name: 'confirmed', confirmed: true },
  ]);
  await until('the first mail', async () => (await world.mails()).length > 0);
  const victim = await holder(world);
  await victim.kill('SIGKILL');
  const since = performance.now();
  accounts.push(
    ...(await register(
      world,
      Array.from({ length: 5 }, (_, index) => ({ name: `later_${index}` })),
    )),
  );
  await until('the lease has another holder', async () => (await holder(world).catch(() => victim)) !== victim);
  expect(performance.now() - since).toBeLessThan(takeoverMsMax);
  await mailed(world);

  const mails = await world.mails();
  const written = accounts.filter(({ name }) => /^(early|later)_/.test(name)).map(({ name }) => `${name}@example.org`);
  expect(mails.map(({ to }) => to).toSorted()).toEqual(written.toSorted());
  const { tokenKeys } = parseEnvironment(world.environment);
  for (const { to, link } of mails) {
    expect(link.startsWith(`${publicUrl}/v1/users/confirm/`)).toBe(true);
    const account = accounts.find(({ name }) => `${name}@example.org` === to);
    expect(verifyLink(tokenKeys, link.slice(link.lastIndexOf('/') + 1))).toMatchObject({
      sub: account?.accountId,
      address_id: account?.addressId,
    });
  }
  expect(await world.query('select * from es.projection_failures')).toEqual([]);
});

test('a mail server that is away is waited for; one that refuses a recipient for good loses that mail alone, and it is noted', async () => {
  const port = await freePort();
  const world = await mailWorld({ SMTP_URL: `smtp://127.0.0.1:${port}` });
  const [, unknown] = await register(world, [{ name: 'first' }, { name: 'unknown' }, { name: 'third' }]);
  const server: SmtpServer = await startSmtpServer(
    (line) => (line.startsWith('RCPT TO:<unknown@') ? '550 no such user' : '250 fine'),
    port,
  );
  onTestFinished(server.stop);
  await mailed(world);
  const recipients = server.received.filter((line) => line.startsWith('To: '));
  expect(recipients).toEqual(['To: first@example.org', 'To: third@example.org']);
  expect(await world.query('select projection, subject, reason from es.projection_failures')).toEqual([
    { projection: 'mail', subject: unknown?.addressId, reason: 'the mail server refuses it for good' },
  ]);
});

async function mailWorld(environment: Readonly<Record<string, string>>): Promise<System> {
  const world = await createWorld({
    api: 0,
    projectors: 2,
    environment: { PUBLIC_URL: publicUrl, LOG_LEVEL: 'fatal', ...environment },
  });
  onTestFinished(() => world.stop());
  return world;
}

interface Registered {
  readonly name: string;
  readonly accountId: string;
  readonly addressId: string;
}

/** Writes what the API writes: the names beside the log, the ids in it. */
async function register(world: System, addresses: readonly NewAddress[]): Promise<Registered[]> {
  const url = world.databaseUrls.api;
  const store = connect({
    url,
    applicationName: 'test',
    pooler: 'none',
    connectionsMax: 1,
    onIdleError: () => undefined,
  });
  const registered: Registered[] = [];
  for (const { name, confirmation = 'mail', confirmed = false } of addresses) {
    const [accountId, addressId, namespaceId] = [randomUUID(), randomUUID(), randomUUID()];
    await world.query('insert into directory.namespaces (id, name, account_id) values ($1, $2, $3)', [
      namespaceId,
      name,
      accountId,
    ]);
    await world.query(
      `insert into directory.accounts (id, namespace_id, name, is_admin, status, password_hash)
       values ($1, $2, $3, false, 'inactive', '')`,
      [accountId, namespaceId, name],
    );
    await world.query(
      'insert into directory.addresses (id, account_id, address, address_key, confirmed) values ($1, $2, $3, $3, $4)',
      [addressId, accountId, `${name}@example.org`, confirmed],
    );
    await appendAll(store.database, [
      {
        streamId: accountStream(accountId),
        expectedVersion: 0,
        commandId: randomUUID(),
        events: [
          { type: 'AccountRegistered', data: { namespace_id: namespaceId, is_admin: false } },
          { type: 'AddressAdded', data: { address_id: addressId, confirmation } },
        ],
        metadata: { actor: null, request_id: name, correlation_id: name, causation_id: name },
        context: { ip: null, userAgent: null, fingerprint: null },
      },
    ]);
    registered.push({ name, accountId, addressId });
  }
  await store.stop();
  return registered;
}

async function mailed(world: System): Promise<void> {
  await until('the mail follower is at the end of the log', async () => {
    const [row] = await world.query<{ reached: boolean }>(
      `select position = (select max(position) from es.events) as reached from es.projections where name = 'mail'`,
    );
    return row?.reached;
  });
}

async function holder(world: System) {
  const [row] = await world.query<{ holder: string }>(`select holder from es.projections where name = 'mail'`);
  const service = world.projectors.find(({ pid }) => row?.holder.split(' ')[1] === `${pid}`);
  if (!service) throw new Error(`nobody here is ${row?.holder}`);
  return service;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      server.close(() => (port === undefined ? reject(new Error('listening gave no port')) : resolve(port)));
    });
  });
}
