import { expect, it } from 'vitest';

import { refuseCrossSite } from './cross-site.ts';
import { requestOf } from './request.testing.ts';

const refusal = { refused: 'forbidden', message: 'a page of another site may not have a browser do this' };

function asked(headers: Readonly<Record<string, string>>, { method = 'POST', publicHost = '' } = {}) {
  const { address } = requestOf();
  const host = () => (publicHost === '' ? undefined : publicHost);
  return refuseCrossSite(requestOf({ method, headers, askedHost: 'index.example.org', address: { ...address, host } }));
}

it.each(['cross-site', 'same-site', 'same-origin, cross-site', ''])('a browser that says %j is refused', (site) => {
  expect(asked({ 'sec-fetch-site': site })).toEqual(refusal);
  // What the browser says of the page counts for more than where it says that the page is.
  expect(asked({ 'sec-fetch-site': site, origin: 'https://index.example.org' })).toEqual(refusal);
});

it.each(['same-origin', 'none'])('a browser that says %j is not', (site) => {
  expect(asked({ 'sec-fetch-site': site })).toBeUndefined();
  expect(asked({ 'sec-fetch-site': site, origin: 'https://hub.example.org' })).toBeUndefined();
});

it.each([
  'https://evil.example',
  'http://index.example.org:8080',
  'https://evil.index.example.org',
  'https://index.example.org.evil.example',
  'null',
  '',
  'file://',
  'index.example.org',
])('one that says only that the page is at %j is refused', (origin) => {
  expect(asked({ origin })).toEqual(refusal);
});

it.each(['https://index.example.org', 'http://index.example.org', 'https://index.example.org:443'])(
  'one that says only that the page is at %j is not',
  (origin) => {
    expect(asked({ origin })).toBeUndefined();
  },
);

it('a page at the public address is of this host, also where a proxy does not pass its name', () => {
  const publicHost = 'hub.example.org';
  expect(asked({ origin: 'https://hub.example.org' })).toEqual(refusal);
  expect(asked({ origin: 'https://hub.example.org' }, { publicHost })).toBeUndefined();
  expect(asked({ origin: 'https://index.example.org' }, { publicHost })).toBeUndefined();
  expect(asked({ origin: 'https://evil.example' }, { publicHost })).toEqual(refusal);
});

it('who sends neither header is no browser', () => {
  expect(asked({})).toBeUndefined();
});

it.each(['GET', 'HEAD'])('%s changes nothing and is for everybody', (method) => {
  expect(asked({ 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, { method })).toBeUndefined();
});

it.each(['PUT', 'POST', 'PATCH', 'DELETE'])('%s may change something', (method) => {
  expect(asked({ 'sec-fetch-site': 'cross-site' }, { method })).toEqual(refusal);
});
