/**
 * The address under which a client reaches Docket. Whatever a client is to follow is made here: hosts, links and paths. That of
 * `PUBLIC_URL` where it is set; else what a trusted proxy says, or the host that the request names where that is known to be ours.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

import type { Environment } from '@docket/runtime/environment';
import { bracketed } from '@docket/runtime/listening';

export interface Address {
  /** Host and port. Undefined where the request names a host that nobody has said is ours: no client is sent there. */
  readonly host: () => string | undefined;
  /** Where a path of ours stands on that host: `/v2/_catalog` is `/docket/v2/_catalog` behind a proxy that takes `/docket` away. */
  readonly path: (path: string) => string;
  /** The same with scheme and host; without them where the host is not known, which leads a client back to where it asked. */
  readonly url: (path: string) => string;
}

/** Whether what this peer says of others is believed: express's own, made of `TRUSTED_PROXIES`. */
export type TrustsPeer = (address: string | undefined, hop: number) => boolean;

type AddressSettings = Pick<Environment, 'publicUrl' | 'publicHosts'>;

/** What of a request says where it came to. */
export interface Reached {
  readonly headers: IncomingHttpHeaders;
  readonly socket: Pick<Socket, 'remoteAddress' | 'localAddress' | 'localPort'>;
}

export type AddressOf = (request: Reached) => Address;

export function addressOf({ publicUrl, publicHosts }: AddressSettings, trusts: TrustsPeer): AddressOf {
  if (publicUrl !== undefined) {
    const { host, origin, pathname } = new URL(publicUrl);
    const fixed = address({ host, origin, prefix: withoutSlash(pathname) });
    return () => fixed;
  }
  const isKnown = knownHosts(publicHosts);
  return ({ headers, socket }) => {
    const believed = trusts(socket.remoteAddress, 0);
    const all = (name: string) => (believed ? parts(headers[name]) : []);
    // Of several proxies in a row the first says what the client used.
    const said = (name: string) => all(name)[0];
    const scheme = said('x-forwarded-proto')?.toLowerCase() === 'https' ? 'https' : 'http';
    const prefix = prefixOf(all('x-forwarded-prefix'));
    const host = () => {
      const forwarded = said('x-forwarded-host');
      const named = forwarded ?? headers.host ?? '';
      // A client of HTTP/1.0 names none.
      if (named === '') return placeOf(socket);
      if (!isHost(named) || (forwarded === undefined && !isKnown(named))) return undefined;
      return withPort(named, said('x-forwarded-port'), scheme);
    };
    return {
      host,
      path: (path) => `${prefix}${path}`,
      url: (path) => {
        const known = host();
        return `${known === undefined ? '' : `${scheme}://${known}`}${prefix}${path}`;
      },
    };
  };
}

/** Where the connection came to. A socket for both families writes an address of IPv4 as one of IPv6. */
function placeOf({ localAddress = '127.0.0.1', localPort = 80 }: Reached['socket']): string {
  return `${bracketed(localAddress.replace(/^::ffff:(?=\d+\.)/i, ''))}:${localPort}`;
}

interface Place {
  readonly host: string;
  readonly origin: string;
  readonly prefix: string;
}

function address({ host, origin, prefix }: Place): Address {
  return { host: () => host, path: (path) => `${prefix}${path}`, url: (path) => `${origin}${prefix}${path}` };
}

/** What is none must not come back in a header. */
function isHost(text: string): boolean {
  return /^([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/.test(text) && URL.canParse(`http://${text}`);
}

const prefixCharactersMax = 256;
/** Segments that no client reads otherwise than it stands there, and none of which is `.` or `..`. */
const prefixPattern = /^(\/(?!\.{1,2}(\/|$))[\w.~@:+-]+)+\/?$|^\/$/;

function parts(header: string | readonly string[] | undefined): readonly string[] {
  return String(header ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Each proxy of a row takes its own part away, the outermost first. What is no path is no prefix at all. */
function prefixOf(paths: readonly string[]): string {
  const prefix = paths.map(withoutSlash).join('');
  return prefix.length <= prefixCharactersMax && paths.every((path) => prefixPattern.test(path)) ? prefix : '';
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '');
}

/** A proxy may name the port beside the host. */
function withPort(host: string, port: string | undefined, scheme: 'http' | 'https'): string {
  const usual = scheme === 'https' ? 443 : 80;
  const isPort = /^\d{1,5}$/.test(port ?? '') && Number(port) > 0 && Number(port) < 65_536 && Number(port) !== usual;
  return isPort && nameOf(host) === host ? `${host}:${port}` : host;
}

function nameOf(host: string): string {
  return host.replace(/:\d+$/, '');
}

/**
 * The name that is built into docker up to 1.12: whoever leads it to Docket has clients that know no other, and nobody else is sent to
 * a stranger by it.
 */
const builtInIndex = 'index.docker.io';

/** Those of the setting with the port that they are given there, or any; this machine under any of its addresses; its loopback. */
function knownHosts(publicHosts: readonly string[]): (host: string) => boolean {
  const given = new Set(publicHosts);
  const own = new Set(['localhost', builtInIndex, hostname().toLowerCase()]);
  return (host) => {
    const written = host.toLowerCase();
    const name = nameOf(written);
    if (given.has('*') || given.has(written) || given.has(name) || own.has(name) || name.endsWith('.localhost')) {
      return true;
    }
    const ip = name.replace(/^\[(.*)\]$/, '$1');
    return isIP(ip) !== 0 && isOfThisMachine(ip);
  };
}

/** Asked anew each time: addresses come and go. */
function isOfThisMachine(ip: string): boolean {
  const canonical = canonicalIp(ip);
  if (canonical.startsWith('127.')) return true;
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((one) => canonicalIp(one.address) === canonical),
  );
}

/** An address of IPv6 has many spellings; a scope is none of ours. */
function canonicalIp(ip: string): string {
  return isIP(ip) === 6 && !ip.includes('%') ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}
