/** By what limits know a client: a household or a server has one IPv4 address, and of IPv6 as many as it likes in its /64. */
import { isIP } from 'node:net';

/** As express says it, who believes trusted proxies. What is no address is one client, whatever it is. */
export function clientOf(ip: string | undefined): string {
  // An address of a link has the name of a network card behind it.
  const address = ip?.replace(/%.*$/, '') ?? '';
  switch (isIP(address)) {
    case 4:
      return address;
    case 6:
      return clientOfIPv6(address);
    default:
      return 'unknown';
  }
}

function clientOfIPv6(address: string): string {
  const groups = groupsOf(address);
  const prefix = groups.slice(0, 6).join(':');
  // IPv4 as a socket for both families writes it, and as a gateway between the two does (RFC 6052): the last two groups are the address.
  if (prefix === '0:0:0:0:0:ffff' || prefix === '64:ff9b:0:0:0:0') {
    const bytes = groups.slice(6).flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]);
    return bytes.join('.');
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** Eight groups without leading zeros. */
function groupsOf(address: string): readonly string[] {
  // The parser of URLs knows every way to write one, and writes it in one.
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before = '', after] = written.split('::');
  const [first, last] = [before, after ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const left = first ?? [];
  const right = last ?? [];
  if (after === undefined) return left;
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
}
