/** The mails that a world's projector wrote instead of sending them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Mail {
  readonly to: string;
  readonly text: string;
  /** The link that the text asks its reader to follow. */
  readonly link: string;
}

export async function mailsIn(folder: string): Promise<readonly Mail[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.eml')).toSorted();
  return Promise.all(files.map(async (name) => parseMail(await readFile(join(folder, name), 'utf8'))));
}

function parseMail(source: string): Mail {
  const [head = '', ...rest] = source.split(/\r?\n\r?\n/);
  const headers = head.replaceAll(/\r?\n[ \t]+/g, ' ');
  const header = (name: string) => new RegExp(`^${name}: *(.*)$`, 'im').exec(headers)?.[1]?.trim() ?? '';
  const text = decoded(rest.join('\n\n'), header('Content-Transfer-Encoding').toLowerCase());
  const [link = ''] = /https?:\/\/\S+\/v1\/users\/confirm\/\S+/.exec(text) ?? [];
  return { to: header('To').replace(/^.*<(.*)>$/, '$1'), text, link };
}

function decoded(body: string, encoding: string): string {
  switch (encoding) {
    case 'base64':
      return Buffer.from(body, 'base64').toString();
    case 'quoted-printable':
      return Buffer.from(
        body
          .replaceAll(/=\r?\n/g, '')
          .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16))),
        'latin1',
      ).toString();
    default:
      return body;
  }
}
