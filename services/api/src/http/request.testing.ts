/** A request as the handlers see it, for tests that need no wire. */
import type { ApiRequest } from './request.ts';

export function requestOf({
  headers = {},
  query = '',
  ...fields
}: Partial<Omit<ApiRequest, 'header' | 'query'>> & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
} = {}): ApiRequest {
  return {
    id: 'a-request',
    method: 'GET',
    parameters: {},
    path: '/',
    ip: '192.0.2.1',
    client: '192.0.2.1',
    userAgent: 'a test',
    address: {
      host: () => 'index.example.org',
      path: (path) => path,
      url: (path) => `http://index.example.org${path}`,
    },
    askedHost: 'index.example.org',
    text: () => Promise.resolve(''),
    hasArrived: () => Promise.resolve(true),
    ...fields,
    query: new URLSearchParams(query),
    header: (name) => headers[name.toLowerCase()],
  };
}
