import { expect, it } from 'vitest';

import { listeningUrl } from './listening.ts';

it.each([
  ['127.0.0.1', 'http://127.0.0.1:8080'],
  ['192.0.2.7', 'http://192.0.2.7:8080'],
  ['0.0.0.0', 'http://127.0.0.1:8080'],
  ['::1', 'http://[::1]:8080'],
  ['::', 'http://[::1]:8080'],
  ['2001:db8::1', 'http://[2001:db8::1]:8080'],
])('what listens on %s answers at %s', (address, url) => {
  expect(listeningUrl(address, 8080)).toBe(url);
});
