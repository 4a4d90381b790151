/** A mail goes to a server, or where there is none into a file that the operator can open. */
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createTransport } from 'nodemailer';

import type { Mail } from './confirmation-mail.ts';

const connectMsMax = 10_000;
const greetingMsMax = 10_000;
const silenceMsMax = 30_000;

/** The server will never take this mail, however often it is sent. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused';
}

export interface Delivery {
  /** @throws {MailRefused} */
  readonly deliver: (mail: Mail) => Promise<void>;
  readonly stop: () => void;
}

export interface DeliveryOptions {
  readonly smtpUrl: string | undefined;
  readonly from: string;
  readonly directory: string;
}

export function mailDelivery({ smtpUrl, from, directory }: DeliveryOptions): Delivery {
  return smtpUrl === undefined ? fileDelivery(from, directory) : smtpDelivery(from, smtpUrl);
}

function message(from: string, { id, date, to, subject, text }: Mail) {
  // Given as an object, an address is taken as it is and never as a list of several.
  return { from, to: { name: '', address: to }, subject, text, date, messageId: `<${id}@docket>` };
}

function smtpDelivery(from: string, url: string): Delivery {
  const transport = createTransport({
    url,
    connectionTimeout: connectMsMax,
    greetingTimeout: greetingMsMax,
    socketTimeout: silenceMsMax,
  });
  return {
    deliver: async (mail) => {
      try {
        await transport.sendMail(message(from, mail));
      } catch (error) {
        if (isRefusal(error)) throw new MailRefused(error.message, { cause: error });
        throw error;
      }
    },
    stop: () => transport.close(),
  };
}

/** About this mail, and for good. A login that is refused is about us, and somebody will put it right. */
function isRefusal(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const about = 'code' in error && (error.code === 'EENVELOPE' || error.code === 'EMESSAGE');
  const status = 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : undefined;
  return about && (status === undefined || status >= 500);
}

function fileDelivery(from: string, directory: string): Delivery {
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
  return {
    deliver: async (mail) => {
      const composed = await composer.sendMail(message(from, mail));
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const name = `${mail.date.toISOString().replaceAll(/[-:.]/g, '')}-${mail.id}.eml`;
      // Whole or not there; written again, it is the same file.
      const unfinished = join(directory, `.${name}.${process.pid}`);
      const file = await open(unfinished, 'w', 0o600);
      try {
        await writeFile(file, composed.message);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, join(directory, name));
    },
    stop: () => composer.close(),
  };
}
