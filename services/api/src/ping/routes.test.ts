import { expect, it } from 'vitest';

import { speaksV1 } from './routes.ts';

it.each([
  'docker/0.6.0 go/go1.1 git-commit/abc kernel/3.8',
  'docker/1.0.0 go/go1.2.1',
  'docker/1.6.2 go/go1.4.2 kernel/3.19 os/linux arch/amd64',
  'docker/1.9.1 go/go1.4.3',
  'docker/1.13.1 go/go1.7.5 UpstreamClient(Docker-Client/1.13.1 \\(linux\\))',
  'docker/17.03.2-ce go/go1.7.5',
  'docker/17.05.0-ce go/go1.8.1',
  'docker/1.9',
])('%s is left at the first protocol', (userAgent) => {
  expect(speaksV1(userAgent)).toBe(true);
});

it.each([
  null,
  '',
  'curl/7.88.1',
  'docker/17.06.0-ce go/go1.8.3',
  'docker/17.12.1-ce go/go1.9.4',
  'docker/18.09.1 go/go1.11',
  'docker/20.10.24+dfsg1 go/go1.19.8 UpstreamClient(Docker-Client/20.10.24+dfsg1 \\(linux\\))',
  'docker/29.0.0 go/go1.24',
  'containers/5.24.1 (github.com/containers/image)',
  'docker-distribution/1.0',
  'notdocker/1.9.1',
  'docker/next',
])('%s is shown the second protocol', (userAgent) => {
  expect(speaksV1(userAgent)).toBe(false);
});
