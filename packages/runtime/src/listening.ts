/** Where a process that listens on an address is found. */

/** One that answers on this machine: a server that listens on every address answers on that of loopback. */
export function listeningUrl(address: string, port: number): string {
  return `http://${bracketed(reachable(address))}:${port}`;
}

export function isEveryAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** As it stands in a URL, and in a `Host`. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function reachable(address: string): string {
  if (!isEveryAddress(address)) return address;
  return address === '::' ? '::1' : '127.0.0.1';
}
