/** A mail goes to a server, or where there is none into a file that the operator can open. */
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createTransport } from 'nodemailer';

import type { Mail } from './confirmation.ts';

const connectMsMax = 10_000;
const greetingMsMax = 10_000;
const silenceMsMax = 30_000;

/** The server does not take this mail, while it may well take others. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused';
  /** However often it is sent. */
  readonly forGood: boolean;

  constructor(reason: string, { forGood, cause }: { readonly forGood: boolean; readonly cause: unknown }) {
    super(reason, { cause });
    this.forGood = forGood;
  }
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
        throw refusalOf(error) ?? error;
      }
    },
    stop: () => transport.close(),
  };
}

/** Errors that are about this mail alone. A refused login is about our settings, and an operator will put it right. */
function refusalOf(error: unknown): MailRefused | undefined {
  if (!(error instanceof Error)) return undefined;
  const about = 'code' in error && (error.code === 'EENVELOPE' || error.code === 'EMESSAGE');
  const status = 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : undefined;
  // 421 is the server that closes: it takes no mail at all.
  if (!about || status === 421) return undefined;
  return new MailRefused(error.message, { forGood: status === undefined || status >= 500, cause: error });
}

function createComposer() {
  return createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
}
type Composer = ReturnType<typeof createComposer>;

function fileDelivery(from: string, directory: string): Delivery {
  const composer = createComposer();
  return {
    deliver: async (mail) => {
      const source = await composed(composer, from, mail);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const name = `${mail.date.toISOString().replaceAll(/[-:.]/g, '')}-${mail.id}.eml`;
      // Whole or not there; written again, it is the same file.
      const unfinished = join(directory, `.${name}.${process.pid}`);
      const file = await open(unfinished, 'w', 0o600);
      try {
        await writeFile(file, source);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, join(directory, name));
    },
    stop: () => composer.close(),
  };
}

/** Plain lines of up to 998 bytes are a mail as they are. */
const plainText = /^(?:[\x20-\x7e]{0,998}\n)*[\x20-\x7e]{0,998}$/;

/**
 * People copy the link out of the file. The library breaks every line after 76 characters, a link too, so a plain text
 * is put below the head that it makes for a short one.
 */
async function composed(composer: Composer, from: string, mail: Mail): Promise<string> {
  const plain = plainText.test(mail.text);
  const { message: source } = await composer.sendMail(message(from, plain ? { ...mail, text: 'short' } : mail));
  // `buffer: true`: never a stream.
  const whole = Buffer.isBuffer(source) ? source.toString() : '';
  return plain ? `${whole.slice(0, whole.indexOf('\n\n'))}\n\n${mail.text}` : whole;
}
