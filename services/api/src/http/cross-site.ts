/**
 * Requests that a page of another site makes a browser send. The browser may know a name and password for this host, which the page does
 * not, and sends them along. A client that is no browser sends neither of the headers.
 */
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';

import type { ApiRequest } from './request.ts';

const anotherSite = refuse('forbidden', 'a page of another site may not have a browser do this');

/**
 * Undefined: it changes nothing, or comes from a page of this host, from the person in front of the browser, or from no browser. Pages of
 * other hosts of the same domain are those of somebody else.
 */
export function refuseCrossSite({
  method,
  header,
  address,
  askedHost,
}: Pick<ApiRequest, 'method' | 'header' | 'address' | 'askedHost'>): Refusal | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;
  const site = header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? undefined : anotherSite;
  // A browser that does not say so, or that came without TLS.
  const origin = header('origin');
  if (origin === undefined) return undefined;
  return [askedHost, address.host()].some((own) => isHostOf(origin, own)) ? undefined : anotherSite;
}

/** Whether TLS ends here or before a proxy is not always known, so that the scheme tells nothing; its default port is no other host. */
function isHostOf(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  const { protocol, host: asked } = new URL(origin);
  const own = `${protocol}//${host}`;
  return asked !== '' && URL.canParse(own) && new URL(own).host === asked;
}
