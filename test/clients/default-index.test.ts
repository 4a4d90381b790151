/**
 * Debian's docker without the name of a server: Docket stands where it goes by itself. In a mount namespace of the daemon's own the
 * host names of Docker Hub mean an address of the loopback; there a TLS front with a certificate of an authority of the test's own.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { areInstalled, run, startDocker, temporaryFolder } from '../support/programs.ts';
import type { Docker, Folder } from '../support/programs.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';

const installed = areInstalled('docker and the default index', ['dockerd', 'docker', 'unshare', 'openssl']);

/** No other program listens on this address; all of 127.0.0.0/8 is this machine. */
const address = '127.77.0.1';
const hosts = ['index.docker.io', 'registry-1.docker.io', 'docker.io'];

describe.skipIf(!installed)('the default index', () => {
  const folder = temporaryFolder();
  /** What came through the front. */
  const seen: string[] = [];
  let world: System;
  let front: Server;
  let daemon: Docker;
  let person: Account;

  beforeAll(async () => {
    world = await createWorld({ api: 2 });
    person = await world.createAccount();
    await world.importRepositories([
      { name: 'redis', description: 'Data in memory', star_count: 900 },
      { name: 'team/redis', description: 'Data of a team', star_count: 20 },
    ]);
    await world.searchable();
    await makeCertificate(folder);
    front = await startFront();
    writeFileSync(folder.path('hosts'), `127.0.0.1 localhost\n${hosts.map((host) => `${address} ${host}\n`).join('')}`);
    daemon = await startDocker(folder, {
      wrap: ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', folder.path('hosts')],
      daemonEnv: { SSL_CERT_FILE: folder.path('ca.pem') },
    });
  });

  afterAll(async () => {
    await daemon?.stop();
    front?.closeAllConnections();
    front?.close();
    await world?.stop();
    folder.remove();
  });

  async function startFront(): Promise<Server> {
    let requests = 0;
    const server = createServer(
      { key: readFileSync(folder.path('leaf.key')), cert: readFileSync(folder.path('leaf.pem')) },
      (request, response) => {
        requests += 1;
        seen.push(`${request.headers.host} ${request.method} ${request.url}`);
        const { hostname, port } = new URL(world.urls[requests % world.urls.length] ?? '');
        const { method, url: path, headers } = request;
        const passed = httpRequest({ hostname, port, method, path, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
          answer.pipe(response);
        });
        passed.on('error', () => response.destroy());
        request.pipe(passed);
      },
    );
    server.listen(443, address);
    await once(server, 'listening');
    return server;
  }

  test('is searched by a word alone', async () => {
    const found = await daemon.docker(['search', '--format', '{{.Name}}\t{{.StarCount}}\t{{.Description}}', 'redis']);
    expect(found.stdout.split('\n')[0]).toBe('redis\t900\tData in memory');
    expect(found.stdout).toContain('team/redis\t20\tData of a team');
    expect(seen).toContainEqual(expect.stringMatching(/^index\.docker\.io GET \/v1\/search\?q=redis&n=\d+$/));
  });

  test('is logged in to, and out of, without a name', async () => {
    const wrong = await daemon.docker(['login', '-u', person.name, '--password-stdin'], 'wrong');
    expect(wrong).toMatchObject({ status: 1, shown: expect.stringContaining('401 Unauthorized') });
    const right = await daemon.docker(['login', '-u', person.name, '--password-stdin'], person.password);
    expect(right.shown).toContain('Login Succeeded');
    expect(seen).toContainEqual(expect.stringMatching(/ GET \/v2\/$/));
    const found = await daemon.docker(['search', '--limit', '1', '--format', '{{.Name}}', 'redis']);
    expect(found.stdout.trim()).toBe('redis');
    expect((await daemon.docker(['logout'])).status).toBe(0);
  });
});

async function makeCertificate(folder: Folder): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = hosts.map((host) => `DNS:${host}`).join(',');
  writeFileSync(folder.path('extensions'), `subjectAltName=${names}\n`);
  const file = (name: string) => folder.path(name);
  const steps = [
    [
      'req',
      '-x509',
      ...key,
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.pem'),
      '-subj',
      '/CN=Test authority',
      '-days',
      '2',
    ],
    ['req', ...key, '-keyout', file('leaf.key'), '-out', file('leaf.csr'), '-subj', '/CN=index.docker.io'],
    [
      'x509',
      '-req',
      '-CAcreateserial',
      '-days',
      '2',
      '-in',
      file('leaf.csr'),
      '-out',
      file('leaf.pem'),
      '-CA',
      file('ca.pem'),
      '-CAkey',
      file('ca.key'),
      '-extfile',
      file('extensions'),
    ],
  ];
  for (const words of steps) {
    const { status, shown } = await run('openssl', words);
    if (status !== 0) throw new Error(shown);
  }
}
