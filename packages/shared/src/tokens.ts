/**
 * The text of an access token and of the Authorization header. Grammar: seed, "Repository Authorization"; what clients and registries
 * make of it: docker-registry 0.5 to 0.9, Quay's protocol tests, docker-index.
 */
export const accesses = ['read', 'write', 'delete'] as const;
export type Access = (typeof accesses)[number];

export interface TokenText {
  /** A compact JWT: no quote and no comma, which is what a v1 registry's pattern demands of a signature. */
  readonly signature: string;
  readonly repository: string;
  readonly access: string;
}

export function formatToken({ signature, repository, access }: TokenText): string {
  return `signature=${signature},repository="${repository}",access=${access}`;
}

export type Authorization =
  | { readonly scheme: 'none' }
  | { readonly scheme: 'basic'; readonly username: string; readonly password: string }
  | { readonly scheme: 'token'; readonly token: TokenText }
  /** A session: a compact JWT behind `Bearer` or, as older clients of the Hub send it, `JWT`. */
  | { readonly scheme: 'bearer'; readonly session: string }
  /** Something was given and it is not understood: never the same as nothing. */
  | { readonly scheme: 'malformed' };

/** A header that came twice was joined by `, ` on the way; of several values the first that says something counts. */
export function parseAuthorization(header: string | undefined): Authorization {
  const text = header?.trim() ?? '';
  if (text === '') return { scheme: 'none' };
  const [, scheme = '', rest = ''] = /^([^\s,]+)\s*(.*)$/s.exec(text) ?? [];
  switch (scheme.toLowerCase()) {
    case 'basic':
      return parseBasic(rest);
    case 'token':
      return parseToken(text);
    case 'bearer':
    case 'jwt':
      return parseSession(rest);
    default:
      return /^signature\s*=/i.test(text) ? parseToken(text) : { scheme: 'malformed' };
  }
}

function parseSession(rest: string): Authorization {
  const [session = ''] = rest.split(',', 1);
  return /^[\w-]+(\.[\w-]*){2}$/.test(session.trimEnd())
    ? { scheme: 'bearer', session: session.trimEnd() }
    : { scheme: 'malformed' };
}

function parseBasic(rest: string): Authorization {
  const [first = ''] = rest.split(',', 1);
  const encoded = first.trimEnd();
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(encoded)) return { scheme: 'malformed' };
  const bytes = Buffer.from(encoded, 'base64');
  const text = bytes.toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) return { scheme: 'malformed' };
  const username = text.slice(0, colon);
  const password = text.slice(colon + 1);
  // docker 28 sends the encoding of ":" when nobody is logged in.
  return username === '' && password === '' ? { scheme: 'none' } : { scheme: 'basic', username, password };
}

/** The match begins only at the start of a word: else one long word without an equals sign would cost a second. */
const pair = /\b(\w+)\s*=\s*(?:"([^"]*)"|([^\s",]*))/g;

/** Any number of `Token ` in front, any case, quotes or none, blanks after commas (docker-registry, Quay, docker-index). */
function parseToken(text: string): Authorization {
  const pairs = new Map<string, string>();
  let contradicts = false;
  const words = text.replaceAll(pair, (_, name: string, quoted?: string, bare?: string) => {
    const key = name.toLowerCase();
    const value = quoted ?? bare ?? '';
    contradicts ||= (pairs.get(key) ?? value) !== value;
    pairs.set(key, value);
    return '';
  });
  if (contradicts || /[^\s,]/.test(words.replaceAll(/\btoken\b/gi, ''))) return { scheme: 'malformed' };
  if (pairs.size === 0) return { scheme: 'none' };
  const signature = pairs.get('signature');
  const repository = pairs.get('repository');
  const access = pairs.get('access');
  if (!signature || !repository || !access) return { scheme: 'malformed' };
  const token = { signature, repository, access };
  return isReadAlikeByRegistry(text, token) ? { scheme: 'token', token } : { scheme: 'malformed' };
}

/**
 * A v1 registry asks here only whether a token is good and then believes its text, which it reads in its own way: every name and value
 * that this pattern finds, also inside of quotes, the last one counting. A text in which it would find another repository or access
 * than we do is made to deceive one of us.
 */
function isReadAlikeByRegistry(text: string, { repository, access }: TokenText): boolean {
  // The registry's pattern has no `\b`; with it one long word is not tried from each of its letters.
  const found = [...text.matchAll(/\b(\w+)[:=][\s"]?([^",]+)"?/g)];
  return found.every(([, name = '', read = '']) => {
    const key = name.toLowerCase();
    // With two blanks before a quote the expression takes the second blank for the value, which is no access and no name.
    const value = read.trim();
    return value === '' || ((key !== 'repository' || value === repository) && (key !== 'access' || value === access));
  });
}
