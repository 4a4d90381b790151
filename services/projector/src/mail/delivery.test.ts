import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { MailRefused, mailDelivery } from './delivery.ts';
import { startSmtpServer } from './smtp-server.testing.ts';
import type { SmtpAnswers } from './smtp-server.testing.ts';

const from = 'Docket <docket@example.org>';
const mail = {
  id: '3f8b2f2e.2',
  date: new Date('2014-05-06T07:08:09Z'),
  to: 'sam@example.org',
  subject: 'Please confirm',
  text: 'Hello,\n\nopen the link.\n',
};

test('without a server a mail is one file, for its owner alone, however often it is sent', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'docket-mail-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const delivery = mailDelivery({ smtpUrl: undefined, from, directory: join(directory, 'mail') });
  await delivery.deliver(mail);
  await delivery.deliver(mail);
  const files = await readdir(join(directory, 'mail'));
  expect(files).toEqual(['20140506T070809000Z-3f8b2f2e.2.eml']);
  const file = join(directory, 'mail', files[0] ?? '');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const source = await readFile(file, 'utf8');
  expect(source).toMatch(/^To: sam@example\.org$/m);
  expect(source).toMatch(/^Message-ID: <3f8b2f2e\.2@docket>$/m);
  expect(source).toContain('open the link.');
});

test('a long link is one line of the file, to be copied as it is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'docket-mail-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const link = `http://localhost:8080/v1/users/confirm/${'a=b.'.repeat(120)}`;
  const delivery = mailDelivery({ smtpUrl: undefined, from, directory });
  await delivery.deliver({ ...mail, text: `Hello,\n\n${link}\n` });
  await delivery.deliver({ ...mail, id: 'other', text: `Grüße,\n\n${link}\n` });
  const [plain = '', encoded = ''] = (await readdir(directory)).toSorted();
  expect(await readFile(join(directory, plain), 'utf8')).toContain(`\n${link}\n`);
  // What is not ASCII must be encoded.
  expect(await readFile(join(directory, encoded), 'utf8')).toMatch(
    /^Content-Transfer-Encoding: (quoted-printable|base64)$/m,
  );
});

test('a server takes the mail', async () => {
  const { url, received } = await smtpServer(() => '250 fine');
  await mailDelivery({ smtpUrl: url, from, directory: '' }).deliver(mail);
  expect(received.join('\n')).toContain('Subject: Please confirm');
});

test('a recipient whom the server refuses is told from a server that is closing, and for good from for now', async () => {
  const gone = await smtpServer((line) => (line.startsWith('RCPT') ? '550 no such user' : '250 fine'));
  const full = await smtpServer((line) => (line.startsWith('RCPT') ? '450 mailbox is full' : '250 fine'));
  const deliver = (url: string) => mailDelivery({ smtpUrl: url, from, directory: '' }).deliver(mail);
  const closing = await smtpServer((line) => (line.startsWith('RCPT') ? '421 come again later' : '250 fine'));
  await expect(deliver(gone.url)).rejects.toMatchObject({ name: 'MailRefused', forGood: true });
  await expect(deliver(full.url)).rejects.toMatchObject({ name: 'MailRefused', forGood: false });
  await expect(deliver(closing.url)).rejects.not.toThrow(MailRefused);
});

test('a server that is not there, or that does not let us in, is no fault of the mail', async () => {
  const { url, stop } = await smtpServer((line) => (line.startsWith('AUTH') ? '535 wrong password' : '250 fine'));
  const withLogin = url.replace('smtp://', 'smtp://docket:secret@');
  const deliver = (to: string) => mailDelivery({ smtpUrl: to, from, directory: '' }).deliver(mail);
  await expect(deliver(withLogin)).rejects.not.toThrow(MailRefused);
  await stop();
  await expect(deliver(url)).rejects.not.toThrow(MailRefused);
});

async function smtpServer(answers: SmtpAnswers) {
  const server = await startSmtpServer(answers);
  onTestFinished(server.stop);
  return server;
}
