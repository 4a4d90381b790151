/** Where clients are sent to, and what is believed of where they come from. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { apiService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { exchange, valuesOf } from '../support/exchange.ts';
import type { Answer } from '../support/exchange.ts';
import { basic, fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';

let world: System;
let owner: Account;
let team: Account;
/** Processes over the same database, each with other settings. */
const services: Service[] = [];

beforeAll(async () => {
  world = await createWorld();
  owner = await world.createAccount();
  team = await world.createAccount('team');
}, 120_000);

afterAll(async () => {
  await Promise.all(services.map((service) => service.kill()));
  await world?.stop();
});

async function serviceWith(environment: Readonly<Record<string, string>>): Promise<string> {
  const service = apiService({ ...world.environment, ...environment });
  services.push(service);
  await service.start();
  return service.url;
}

type Headers = Readonly<Record<string, string>>;

function push(url: string, who: Account, headers: Headers = {}, name = fresh('repo-')): Promise<Answer> {
  const given = { Host: 'index.example', Authorization: basic(who), 'X-Docker-Token': 'true', ...headers };
  return exchange(url, {
    method: 'PUT',
    target: `/v1/repositories/${who.name}/${name}/`,
    headers: Object.entries(given),
    body: '[]',
  });
}

describe('X-Docker-Endpoints', () => {
  test('names the host that the client came to where no registry is set', async () => {
    const [url = ''] = world.urls;
    const { host } = new URL(url);
    expect(valuesOf(await push(url, owner, { Host: host }), 'X-Docker-Endpoints')).toEqual([host]);
    const other = await serviceWith({ PUBLIC_HOSTS: 'index.example' });
    expect(valuesOf(await push(other, owner), 'X-Docker-Endpoints')).toEqual(['index.example']);
  });

  test('has a header line for each registry (row 32, docker up to 0.10), and other ones for a namespace that has its own', async () => {
    const url = await serviceWith({
      REGISTRY_ENDPOINTS: 'registry-1.example,registry-2.example,team=registry-3.example:5000,team=registry-4.example',
    });
    const usual = ['registry-1.example', 'registry-2.example'];
    expect(valuesOf(await push(url, owner), 'X-Docker-Endpoints')).toEqual(usual);
    const own = ['registry-3.example:5000', 'registry-4.example'];
    expect(valuesOf(await push(url, team, {}, 'app'), 'X-Docker-Endpoints')).toEqual(own);
    const pull = await exchange(url, {
      method: 'GET',
      target: '/v1/repositories/team/app/images',
      headers: Object.entries({ Host: 'index.example', 'X-Docker-Token': 'true' }),
      body: null,
    });
    expect(valuesOf(pull, 'X-Docker-Endpoints')).toEqual(own);
  });

  test('falls back to the own host for all but the one namespace that has a registry', async () => {
    const url = await serviceWith({ REGISTRY_ENDPOINTS: 'team=registry-3.example', PUBLIC_HOSTS: 'index.example' });
    expect(valuesOf(await push(url, owner), 'X-Docker-Endpoints')).toEqual(['index.example']);
    expect(valuesOf(await push(url, team), 'X-Docker-Endpoints')).toEqual(['registry-3.example']);
  });
});

describe('X-Forwarded-*', () => {
  const forwarded = {
    'X-Forwarded-For': '203.0.113.7, 198.51.100.9',
    'X-Forwarded-Host': 'hub.example',
    'X-Forwarded-Proto': 'https',
  };
  const historySchema = z.object({ next: z.string() });

  async function nextLink(url: string, name: string): Promise<string> {
    const answer = await exchange(url, {
      method: 'GET',
      target: `/v2/repositories/${owner.name}/${name}/history?page_size=1`,
      headers: Object.entries({ Host: 'index.example', ...forwarded }),
      body: null,
    });
    return historySchema.parse(JSON.parse(answer.body)).next;
  }

  async function recordedAddress(name: string): Promise<string | null | undefined> {
    const [row] = await world.query<{ ip: string | null }>(
      `select c.ip from es.events e join es.request_contexts c on c.command_id = e.command_id
         join directory.repository_names x on e.stream_id = 'repository-' || x.repository_id
         where x.name = $1 and e.type = 'RepositoryCreated'`,
      [name],
    );
    return row?.ip;
  }

  test('are what a trusted proxy says: host, scheme, and the address that it did not make up itself', async () => {
    const url = await serviceWith({ TRUSTED_PROXIES: 'loopback' });
    const name = fresh('proxied-');
    const answer = await push(url, owner, forwarded, name);
    expect(valuesOf(answer, 'X-Docker-Endpoints')).toEqual(['hub.example']);
    expect(await nextLink(url, name)).toMatch(/^https:\/\/hub\.example\/v2\/repositories\//);
    // The one before the nearest proxy: what stands further left anybody may have written.
    expect(await recordedAddress(name)).toBe('198.51.100.9');
  });

  test('lead through several proxies when all of them are trusted', async () => {
    const url = await serviceWith({ TRUSTED_PROXIES: 'loopback,198.51.100.0/24' });
    const name = fresh('proxied-');
    await push(url, owner, forwarded, name);
    expect(await recordedAddress(name)).toBe('203.0.113.7');
  });

  test.each([{}, { TRUSTED_PROXIES: '192.0.2.0/24' }])('are words of a stranger with %j', async (environment) => {
    const url = await serviceWith({ ...environment, PUBLIC_HOSTS: 'index.example' });
    const name = fresh('direct-');
    const answer = await push(url, owner, forwarded, name);
    expect(valuesOf(answer, 'X-Docker-Endpoints')).toEqual(['index.example']);
    expect(await nextLink(url, name)).toMatch(/^http:\/\/index\.example\/v2\/repositories\//);
    expect(await recordedAddress(name)).toBe('127.0.0.1');
  });

  test('cannot put more into an answer than a host', async () => {
    const url = await serviceWith({ TRUSTED_PROXIES: 'loopback' });
    const answer = await push(url, owner, { 'X-Forwarded-Host': 'evil.example/"><script>' });
    expect({ status: answer.status, endpoints: valuesOf(answer, 'X-Docker-Endpoints') }).toEqual({
      status: 421,
      endpoints: [],
    });
  });
});
