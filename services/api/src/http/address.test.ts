import { hostname, networkInterfaces } from 'node:os';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { addressOf } from './address.ts';
import type { Reached } from './address.ts';

interface Given {
  readonly publicUrl?: string;
  readonly publicHosts?: readonly string[];
  readonly trusted?: boolean;
  readonly headers?: Reached['headers'];
}

const socket = { remoteAddress: '192.0.2.9', localAddress: '127.0.0.1', localPort: 8080 };

/** Everything that is made for a client, of the path of the catalog. */
function told({ publicUrl, publicHosts = [], trusted = false, headers = {} }: Given) {
  const { host, path, url } = addressOf({ publicUrl, publicHosts }, () => trusted)({ headers, socket });
  return { host: host(), path: path('/v2/_catalog'), url: url('/v2/_catalog') };
}

const unknown = { host: undefined, path: '/v2/_catalog', url: '/v2/_catalog' };

describe('PUBLIC_URL', () => {
  const forwarded = {
    'x-forwarded-host': 'proxy.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '8443',
    'x-forwarded-prefix': '/proxy',
  };

  it.each([{}, { host: 'evil.example' }, { host: '127.0.0.1:18214', ...forwarded }])(
    'is what every client is told, whatever its request says: %j',
    (headers) => {
      for (const trusted of [true, false]) {
        expect(told({ publicUrl: 'https://hub.example.org/docket', trusted, headers })).toEqual({
          host: 'hub.example.org',
          path: '/docket/v2/_catalog',
          url: 'https://hub.example.org/docket/v2/_catalog',
        });
      }
    },
  );

  it.each([
    ['https://hub.example.org', 'hub.example.org'],
    ['https://hub.example.org:443', 'hub.example.org'],
    ['http://hub.example.org:8080', 'hub.example.org:8080'],
    ['http://[2001:db8::1]:8080', '[2001:db8::1]:8080'],
  ])('of %s has the host %s', (publicUrl, host) => {
    expect(told({ publicUrl })).toMatchObject({ host, path: '/v2/_catalog' });
  });
});

describe('the host of a request', () => {
  const ownAddresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);

  it.each([
    'localhost',
    'localhost:8080',
    'LOCALHOST:8080',
    'docket.localhost',
    '127.0.0.1:8080',
    '127.0.0.2',
    '[::1]:8080',
    '[0:0:0:0:0:0:0:1]',
    'index.docker.io',
    `${hostname()}:8080`,
    ...ownAddresses
      .filter(({ address }) => !address.startsWith('fe80'))
      .map(({ address, family }) => (family === 'IPv6' ? `[${address}]:8080` : `${address}:8080`)),
  ])('is known when it is this machine or the name that is built into docker: %s', (host) => {
    expect(told({ headers: { host } })).toEqual({
      host,
      path: '/v2/_catalog',
      url: `http://${host}/v2/_catalog`,
    });
  });

  it.each([
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    'evillocalhost',
    '127.0.0.1.evil.example',
    '192.0.2.1',
    '[2001:db8::1]',
    'registry-1.docker.io',
    'a b',
    'localhost"><script>',
    'user@localhost',
    'localhost:99999',
    '[::1',
  ])('is told nobody when it is not: %s', (host) => {
    expect(told({ headers: { host } })).toEqual(unknown);
  });

  it('is known when PUBLIC_HOSTS names it, with every port or with the one that it names', () => {
    const publicHosts = ['hub.example.org', 'other.example.org:5000'];
    for (const host of ['hub.example.org', 'Hub.Example.Org:8080', 'other.example.org:5000']) {
      expect(told({ publicHosts, headers: { host } }).host).toBe(host);
    }
    for (const host of ['other.example.org', 'other.example.org:5001', 'a.hub.example.org']) {
      expect(told({ publicHosts, headers: { host } }).host).toBeUndefined();
    }
    expect(told({ publicHosts: ['*'], headers: { host: 'any.example' } }).host).toBe('any.example');
    expect(told({ publicHosts: ['*'], headers: { host: 'no host' } }).host).toBeUndefined();
  });

  it('is the place that the connection came to when there is none', () => {
    expect(told({}).host).toBe('127.0.0.1:8080');
    const mapped = { ...socket, localAddress: '::ffff:127.0.0.1' };
    const six = { ...socket, localAddress: '::1' };
    const address = addressOf({ publicUrl: undefined, publicHosts: [] }, () => false);
    expect(address({ headers: {}, socket: mapped }).host()).toBe('127.0.0.1:8080');
    expect(address({ headers: {}, socket: six }).host()).toBe('[::1]:8080');
  });
});

describe('X-Forwarded-*', () => {
  const headers = (fields: Readonly<Record<string, string>>) => ({ host: 'docket:8080', ...fields });

  it('of a trusted proxy says scheme, host, port and prefix', () => {
    const given = headers({
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'hub.example.org',
      'x-forwarded-port': '8443',
      'x-forwarded-prefix': '/docket/',
    });
    expect(told({ trusted: true, headers: given })).toEqual({
      host: 'hub.example.org:8443',
      path: '/docket/v2/_catalog',
      url: 'https://hub.example.org:8443/docket/v2/_catalog',
    });
    expect(told({ trusted: false, headers: given })).toEqual(unknown);
  });

  it.each([
    ['hub.example.org', 'https', '443', 'hub.example.org'],
    ['hub.example.org', 'http', '80', 'hub.example.org'],
    ['hub.example.org', 'http', '443', 'hub.example.org:443'],
    ['hub.example.org:5000', 'https', '8443', 'hub.example.org:5000'],
    ['[2001:db8::1]', 'https', '8443', '[2001:db8::1]:8443'],
    ['hub.example.org', 'https', '0', 'hub.example.org'],
    ['hub.example.org', 'https', '70000', 'hub.example.org'],
    ['hub.example.org', 'https', 'x', 'hub.example.org'],
    ['outer.example.org, inner.example.org', 'https', '8443, 80', 'outer.example.org:8443'],
  ])('with the host %s, %s and the port %s is %s', (host, scheme, port, expected) => {
    const given = headers({ 'x-forwarded-proto': scheme, 'x-forwarded-host': host, 'x-forwarded-port': port });
    expect(told({ trusted: true, headers: given }).host).toBe(expected);
  });

  it('that names no host leaves it to the one of the request, which must be known', () => {
    const prefixed = { 'x-forwarded-prefix': '/docket' };
    expect(told({ trusted: true, headers: headers(prefixed) })).toEqual({
      host: undefined,
      path: '/docket/v2/_catalog',
      url: '/docket/v2/_catalog',
    });
    expect(told({ trusted: true, headers: { host: 'localhost', ...prefixed } }).url).toBe(
      'http://localhost/docket/v2/_catalog',
    );
  });

  it.each(['evil.example/"><script>', 'evil.example/path', 'a@evil.example', ' ,evil example'])(
    'that names no host at all is told nobody: %s',
    (host) => {
      expect(told({ trusted: true, headers: headers({ 'x-forwarded-host': host }) })).toEqual(unknown);
    },
  );

  it.each([
    ['/docket', '/docket'],
    ['/docket/', '/docket'],
    ['/', ''],
    ['', ''],
    ['/a/b.c/d-e_f~1', '/a/b.c/d-e_f~1'],
    // Each proxy of a row takes its own part away.
    ['/outer, /inner', '/outer/inner'],
    ['/outer,/', '/outer'],
    ['docket', ''],
    ['//evil.example', ''],
    ['/docket//', ''],
    ['/a//b', ''],
    ['/a/../b', ''],
    ['/.', ''],
    ['/docket?x', ''],
    ['/docket#x', ''],
    ['/a\\b', ''],
    ['/a b', ''],
    ['/a>; rel="next"', ''],
    ['/a%2f%2fevil.example', ''],
    ['https://evil.example', ''],
    ['/fine, //evil.example', ''],
    [`/${'a'.repeat(256)}`, ''],
  ])('with the prefix %s puts "%s" before every path', (given, prefix) => {
    expect(told({ trusted: true, headers: headers({ 'x-forwarded-prefix': given }) }).path).toBe(
      `${prefix}/v2/_catalog`,
    );
  });

  it('leads nowhere but to a path of one host, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.string({ unit: 'binary-ascii' }), (host, prefix) => {
        const given = headers({ 'x-forwarded-host': host, 'x-forwarded-prefix': prefix });
        const { path, url, host: named } = told({ trusted: true, headers: given });
        expect(path).toMatch(/^(\/[\w.~@:+-]+)*\/v2\/_catalog$/);
        expect(new URL(url, 'http://here').pathname).toBe(path);
        expect(url).toBe(named === undefined ? path : `http://${named}${path}`);
      }),
    );
  });
});
