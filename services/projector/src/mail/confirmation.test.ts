import { verifyLink } from '@docket/runtime/link-token';
import { namespaceName } from '@docket/shared/names';
import type { AddedAddress } from '@docket/store/log/confirmations';
import { expect, test } from 'vitest';

import { confirmationMail } from './confirmation.ts';

const tokenKeys = [{ id: 'new', secret: 'a-secret-of-more-than-thirty-two-characters' }];
const options = { publicUrl: 'https://index.example.org', tokenKeys };
const recordedAt = new Date('2014-05-06T07:08:09Z');
const anHourLater = new Date('2014-05-06T08:08:09Z');
const added: AddedAddress = {
  at: { position: 12n, commandId: '3f8b2f2e-86f5-4a53-9a57-3f0c6c2f8d10' },
  version: 2,
  recordedAt,
  accountId: '5f0c7a3e-3b5f-4d0a-9f43-0a3f4c8f2b11',
  addressId: 'b7a0b9d0-62b5-4b6e-8a51-6f9f0c1c9a77',
  recipient: { address: 'sam@example.org', accountName: namespaceName.parse('samalba') },
  confirmed: false,
};

test('the mail says what it is about, for whom, until when, and what to do if it was somebody else', () => {
  const mail = confirmationMail(added, options, anHourLater);
  const text = mail?.text.replace(/confirm\/\S+/, 'confirm/<token>');
  expect({ ...mail, text }).toMatchInlineSnapshot(`
    {
      "date": 2014-05-06T07:08:09.000Z,
      "id": "3f8b2f2e-86f5-4a53-9a57-3f0c6c2f8d10.2",
      "subject": "Please confirm your address for samalba",
      "text": "Hello,

    somebody, probably you, registered the account "samalba" at https://index.example.org
    and gave this address for it.
    To confirm that it is yours, open this link:

    https://index.example.org/v1/users/confirm/<token>

    It is good until Thursday, 8 May 2014 at 07:08 UTC. After that the name is free again, and you can
    simply register once more.

    If it was not you, ignore this mail. Nothing happens without the link, and we will not write again.

    Docket
    ",
      "to": "sam@example.org",
    }
  `);
});

test('an address that is added to an account says so, and nothing of a registration', () => {
  const text = confirmationMail({ ...added, version: 7 }, options, anHourLater)?.text ?? '';
  expect(text.replace(/confirm\/\S+/, 'confirm/<token>')).toMatchInlineSnapshot(`
    "Hello,

    somebody, probably you, gave this address for the account "samalba" at https://index.example.org,
    which is there already.
    To confirm that it is yours, open this link:

    https://index.example.org/v1/users/confirm/<token>

    It is good until Thursday, 8 May 2014 at 07:08 UTC. After that it has to be given
    once more.

    If it was not you, ignore this mail. Nothing happens without the link, and we will not write again.

    Docket
    "
  `);
});

test('its link is good for 48 hours from the event, for that address alone', () => {
  const [, token = ''] =
    /\/v1\/users\/confirm\/(\S+)/.exec(confirmationMail(added, options, anHourLater)?.text ?? '') ?? [];
  expect(verifyLink(tokenKeys, token, anHourLater)).toEqual({
    purpose: 'confirm-address',
    sub: added.accountId,
    address_id: added.addressId,
    jti: '3f8b2f2e-86f5-4a53-9a57-3f0c6c2f8d10.2',
    iat: recordedAt.getTime() / 1000,
    exp: recordedAt.getTime() / 1000 + 48 * 3600,
  });
  expect(verifyLink(tokenKeys, token, new Date('2014-05-08T07:08:08Z'))).toBeDefined();
  expect(verifyLink(tokenKeys, token, new Date('2014-05-08T07:08:09Z'))).toBeUndefined();
});

test('sent again, it is the same mail with the same link', () => {
  expect(confirmationMail(added, options, anHourLater)).toEqual(confirmationMail(added, options, recordedAt));
});

test('nobody is written to who confirmed, is gone, or could no longer use the link', () => {
  expect(confirmationMail({ ...added, confirmed: true }, options, anHourLater)).toBeUndefined();
  expect(confirmationMail({ ...added, recipient: undefined }, options, anHourLater)).toBeUndefined();
  expect(confirmationMail(added, options, new Date('2014-05-08T07:08:09Z'))).toBeUndefined();
});
