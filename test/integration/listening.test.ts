/** Where processes listen: on the address of HOST and on no other, and what they say of it is true. */
import { networkInterfaces } from 'node:os';

import { freePort } from '@docket/infra/free-port';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { apiService, docket, projectorService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { basic } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
const hasIpv6 = own.some(({ address }) => address === '::1');
/** Addresses of this machine that are not the one of loopback; Linux answers on all of 127.0.0.0/8. */
const elsewhere = [
  '127.0.0.2',
  ...own.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address),
];

let world: System;
const services: Service[] = [];

beforeAll(async () => {
  world = await createWorld({ projectors: 0 });
}, 120_000);

afterAll(async () => {
  await Promise.all(services.map((service) => service.kill()));
  await world?.stop();
});

async function started(service: Service): Promise<Service> {
  services.push(service);
  await service.start();
  return service;
}

/** What answers there, or why nothing does. */
async function ping(host: string, port: string | number, path = '/livez'): Promise<number | string> {
  try {
    const { status } = await fetch(`http://${host}:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
    return status;
  } catch (error) {
    const { cause } = Object(error);
    return Object(cause).code ?? String(error);
  }
}

describe('an API process', () => {
  test('listens on 127.0.0.1 alone unless it is told otherwise', async () => {
    const { hostname, port } = new URL(world.urls[0] ?? '');
    expect(hostname).toBe('127.0.0.1');
    expect(await ping('127.0.0.1', port)).toBe(200);
    for (const address of [...elsewhere, ...(hasIpv6 ? ['[::1]'] : [])]) {
      expect([address, await ping(address, port)]).toEqual([address, 'ECONNREFUSED']);
    }
  });

  test.each([
    { host: '127.0.0.2', url: 'http://127.0.0.2', answer: ['127.0.0.2'], refuse: ['127.0.0.1'] },
    { host: '0.0.0.0', url: 'http://127.0.0.1', answer: ['127.0.0.1', ...elsewhere], refuse: hasIpv6 ? ['[::1]'] : [] },
    ...(hasIpv6
      ? [
          { host: '::1', url: 'http://[::1]', answer: ['[::1]'], refuse: ['127.0.0.1'] },
          { host: '::', url: 'http://[::1]', answer: ['[::1]', '127.0.0.1', ...elsewhere], refuse: [] },
        ]
      : []),
  ])('with HOST=$host says that it answers at $url', async ({ host, url, answer, refuse }) => {
    const service = await started(apiService({ ...world.environment, HOST: host, LOG_LEVEL: 'info' }));
    const { port } = new URL(service.url);
    expect(service.url).toBe(`${url}:${port}`);
    expect((await fetch(`${service.url}/v1/_ping`)).status).toBe(200);
    for (const address of answer) expect([address, await ping(address, port)]).toEqual([address, 200]);
    for (const address of refuse) expect([address, await ping(address, port)]).toEqual([address, 'ECONNREFUSED']);
    const logged = service.complaints.split('\n').find((line) => line.includes('"listening"'));
    expect(JSON.parse(logged ?? '{}')).toMatchObject({ url: service.url, host });
  });

  test.runIf(hasIpv6)('sends clients of IPv6 to the address that they came to', async () => {
    const service = await started(apiService({ ...world.environment, HOST: '::1' }));
    const { host } = new URL(service.url);
    const answer = await fetch(`${service.url}/v1/repositories/library/ipv6/`, {
      method: 'PUT',
      headers: { Authorization: basic(world.admin), 'X-Docker-Token': 'true' },
      body: '[]',
    });
    expect({ status: answer.status, endpoints: answer.headers.get('X-Docker-Endpoints') }).toEqual({
      status: 200,
      endpoints: host,
    });
  });

  test('with the address of another machine does not start, and says why', async () => {
    const { status, stderr } = await docket(['api'], { ...world.environment, HOST: '192.0.2.1', PORT: '0' });
    expect(status).toBe(1);
    expect(stderr).toContain('EADDRNOTAVAIL');
  });
});

describe('the health port of a projector', () => {
  const projector = async (environment: Readonly<Record<string, string>>, host: string) => {
    const port = await freePort(host);
    await started(projectorService({ ...world.environment, HEALTH_PORT: String(port), ...environment }));
    return port;
  };

  test('is on 127.0.0.1 alone unless it is told otherwise', async () => {
    const port = await projector({}, '127.0.0.1');
    await until('it answers', async () => (await ping('127.0.0.1', port)) === 200);
    expect(await ping('127.0.0.2', port)).toBe('ECONNREFUSED');
  });

  test('follows HOST', async () => {
    const port = await projector({ HOST: '127.0.0.2' }, '127.0.0.2');
    await until('it answers', async () => (await ping('127.0.0.2', port)) === 200);
    expect(await ping('127.0.0.1', port)).toBe('ECONNREFUSED');
  });
});
