/** `./docket up` as people treat it: started, stopped, killed, started twice, on data that must not be lost. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort } from '@docket/infra/free-port';
import { identityOf } from '@docket/infra/process-identity';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import { docket } from '../support/docket.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../docket', import.meta.url));
const readyDeadlineMs = 30_000;
const stopDeadlineMs = 45_000;
const testTimeoutMs = 120_000;

const instanceFile = z.object({
  pid: z.int(),
  url: z.string(),
  database_url: z.string(),
  migration_database_url: z.string(),
  meilisearch_url: z.string(),
  meilisearch_key: z.string(),
  processes: z.array(z.object({ name: z.string(), pid: z.int(), url: z.string().optional() })),
});

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  readonly stderr: () => string;
}

const ends: (() => Promise<unknown>)[] = [];

afterEach(endAll);

async function endAll(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end();
}

/** With a blank in it, and gone after the test with whatever still runs on it. */
function newDataDirectory(): string {
  const outer = newOuter();
  ends.push(async () => rmSync(outer, { recursive: true, force: true }));
  return join(outer, 'data');
}

function newOuter(): string {
  const outer = mkdtempSync(join(tmpdir(), 'docket up-'));
  // PostgreSQL has another user when this is root.
  chmodSync(outer, 0o755);
  return outer;
}

let begunOnce: string;

/** What the first start makes takes longest; most tests are about the starts after it and have a copy of it each. */
function begunDataDirectory(): string {
  const dataDirectory = newDataDirectory();
  const { status, stderr } = spawnSync('cp', ['-a', begunOnce, dataDirectory], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the copy failed: ${stderr}`);
  return dataDirectory;
}

function environmentOf(dataDirectory: string, port: number): Record<string, string> {
  return { PORT: String(port), DOCKET_DATA_DIR: dataDirectory, PASSWORD_COST: '4' };
}

/** Starts it under the command and waits for the line that it serves. */
async function up(
  env: Readonly<Record<string, string>>,
  words: readonly string[] = [],
  command: readonly [string, ...string[]] = [program, 'up'],
): Promise<Started> {
  const [file, ...first] = command;
  const child = spawn(file, [...first, ...words], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  ends.push(() => stopped(child));
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const url = await until(
    'docket ready, or its end',
    () => /^docket ready (\S+)$/m.exec(stdout)?.[1] ?? (child.exitCode === null ? undefined : ''),
    readyDeadlineMs,
  );
  if (url === '') throw new Error(`it ended with ${child.exitCode}: ${stderr}`);
  return { child, url, stderr: () => stderr };
}

async function stopped(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit', { signal: AbortSignal.timeout(stopDeadlineMs) });
    child.kill(signal);
    await exit;
  }
  return child.exitCode;
}

function instanceOf(dataDirectory: string): z.infer<typeof instanceFile> {
  return instanceFile.parse(JSON.parse(readFileSync(join(dataDirectory, 'run.json'), 'utf8')));
}

function pidsOf(dataDirectory: string): readonly number[] {
  return instanceOf(dataDirectory).processes.map(({ pid }) => pid);
}

function running(pids: readonly number[]): readonly number[] {
  return pids.filter((pid) => identityOf(pid) !== undefined);
}

function asAdmin(dataDirectory: string): string {
  const password = readFileSync(join(dataDirectory, 'admin-password'), 'utf8').trim();
  return `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
}

async function push(url: string, dataDirectory: string, name: string): Promise<void> {
  const { status } = await fetch(`${url}/v1/repositories/library/${name}/`, {
    method: 'PUT',
    headers: { Authorization: asAdmin(dataDirectory), 'Content-Type': 'application/json' },
    body: JSON.stringify([{ id: `image-of-${name}` }]),
  });
  expect(status).toBe(200);
}

async function imagesOf(url: string, name: string): Promise<unknown> {
  const answer = await fetch(`${url}/v1/repositories/library/${name}/images`, { signal: AbortSignal.timeout(5_000) });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Of the processes that serve, in the order of run.json. */
function servedUrls(dataDirectory: string): readonly string[] {
  return instanceOf(dataDirectory).processes.flatMap(({ url }) => url ?? []);
}

async function answersAt(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/livez`, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false;
  }
}

describe('docket up', { timeout: testTimeoutMs }, () => {
  let outer: string;

  beforeAll(async () => {
    outer = newOuter();
    begunOnce = join(outer, 'data');
    const { child } = await up(environmentOf(begunOnce, 0));
    const status = await stopped(child);
    if (status !== 0) throw new Error(`the first start ended with ${status}`);
  }, testTimeoutMs);

  afterAll(async () => {
    await endAll();
    rmSync(outer, { recursive: true, force: true });
  });

  it('serves, stops on SIGTERM with nothing left running, and has its data when it starts again', async () => {
    const dataDirectory = newDataDirectory();
    const env = environmentOf(dataDirectory, await freePort());
    const first = await up(env);
    expect(first.url).toBe(`http://127.0.0.1:${env['PORT']}`);
    expect(statSync(join(dataDirectory, 'run.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDirectory, 'admin-password')).mode & 0o777).toBe(0o600);
    expect(instanceOf(dataDirectory).processes.map(({ name }) => name)).toEqual([
      'postgres',
      'meilisearch',
      'api-1',
      'projector-1',
    ]);
    await push(first.url, dataDirectory, 'kept');
    const pids = pidsOf(dataDirectory);
    expect(running(pids)).toEqual(pids);

    expect(await stopped(first.child)).toBe(0);
    expect(running(pids)).toEqual([]);
    expect(existsSync(join(dataDirectory, 'run.json'))).toBe(false);
    expect(readdirSync(dataDirectory).filter((name) => name.endsWith('.pid') || name.endsWith('.tmp'))).toEqual([]);

    const second = await up(env);
    expect(await imagesOf(second.url, 'kept')).toEqual([expect.objectContaining({ id: 'image-of-kept' })]);
    expect(await stopped(second.child, 'SIGINT')).toBe(0);
  });

  it('is found by the other verbs as soon as its port answers', async () => {
    const dataDirectory = begunDataDirectory();
    const env = environmentOf(dataDirectory, await freePort());
    const starting = up(env);
    const answering = until(
      'the port answers',
      async () => (await fetch(`http://127.0.0.1:${env['PORT']}/v1/_ping`).catch(() => undefined))?.ok,
      readyDeadlineMs,
    );
    await Promise.race([answering, starting]);
    expect(existsSync(join(dataDirectory, 'run.json'))).toBe(true);
    const { status, stderr } = await docket(['projections'], { DOCKET_DATA_DIR: dataDirectory });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect((await starting).url).toBe(instanceOf(dataDirectory).url);
  });

  it('takes a free port when it is told 0, and says which', async () => {
    const dataDirectory = begunDataDirectory();
    const { url } = await up(environmentOf(dataDirectory, 0));
    expect(new URL(url).port).not.toBe('0');
    expect(instanceOf(dataDirectory).url).toBe(url);
    expect((await fetch(`${url}/v1/_ping`)).status).toBe(200);
  });

  it('finds what a killed one left running, stops it and goes on with the data', async () => {
    const dataDirectory = begunDataDirectory();
    const env = environmentOf(dataDirectory, await freePort());
    const killed = await up(env);
    await push(killed.url, dataDirectory, 'kept');
    const orphans = pidsOf(dataDirectory);
    await stopped(killed.child, 'SIGKILL');
    expect(running(orphans)).toEqual(orphans);

    const next = await up(env);
    expect(running(orphans)).toEqual([]);
    expect(await imagesOf(next.url, 'kept')).toEqual([expect.objectContaining({ id: 'image-of-kept' })]);
  });

  it('starts again what dies, on the same address', async () => {
    const dataDirectory = begunDataDirectory();
    const { url, stderr } = await up(environmentOf(dataDirectory, await freePort()));
    await push(url, dataDirectory, 'kept');
    for (const name of ['api-1', 'projector-1', 'meilisearch', 'postgres']) {
      const pidNow = () => instanceOf(dataDirectory).processes.find((candidate) => candidate.name === name)?.pid ?? 0;
      const before = pidNow();
      process.kill(before, 'SIGKILL');
      await until(`${name} runs again`, () => pidNow() !== before && running([pidNow()]).length === 1);
      await until(`it serves after ${name} died`, async () => {
        expect(await imagesOf(url, 'kept')).toHaveLength(1);
        return true;
      });
    }
    expect(stderr()).toMatch(/api-1 is not running \(ended by SIGKILL\); starting it again in 100 ms/);
  });

  it('refuses a data directory that is in use, and leaves the one that uses it alone', async () => {
    const dataDirectory = begunDataDirectory();
    const first = await up(environmentOf(dataDirectory, await freePort()));
    const second = await docket(['up'], environmentOf(dataDirectory, await freePort()));
    expect(second.status).toBe(1);
    expect(second.stderr).toContain(`another Docket runs on ${dataDirectory} already (pid ${first.child.pid})`);
    expect((await fetch(`${first.url}/v1/search?q=redis`)).status).toBe(200);
    expect(pidsOf(dataDirectory)).toEqual(running(pidsOf(dataDirectory)));
  });

  it('runs twice at once, and several processes of each kind', async () => {
    const [one, other] = [newDataDirectory(), begunDataDirectory()];
    const [first, second] = await Promise.all([
      up(environmentOf(one, await freePort()), ['--api', '2', '--projector', '2']),
      up(environmentOf(other, await freePort())),
    ]);
    const names = instanceOf(one).processes.map(({ name }) => name);
    expect(names.toSorted()).toEqual(['api-1', 'api-2', 'meilisearch', 'postgres', 'projector-1', 'projector-2']);
    await push(first.url, one, 'mine');
    for (let connection = 1; connection <= 4; connection++) {
      expect(await imagesOf(first.url, 'mine')).toHaveLength(1);
    }
    await expect(imagesOf(second.url, 'mine')).rejects.toThrow('404');
    // All of it is on this machine alone, the health ports too; Linux answers on every address of 127.0.0.0/8.
    expect(servedUrls(other)).toEqual([second.url, expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/)]);
    for (const served of [first.url, ...servedUrls(one), ...servedUrls(other)]) {
      expect(await answersAt(served)).toBe(true);
      expect(await answersAt(served.replace('127.0.0.1', '127.0.0.2'))).toBe(false);
    }
  });

  it('ends with the npm that started it, and a next start need not wait to be asked', async () => {
    const dataDirectory = begunDataDirectory();
    const env = { ...environmentOf(dataDirectory, await freePort()), npm_lifecycle_event: 'start' };
    const npm = await up(env, [], ['/bin/sh', '-c', '"$0" up & wait', program]);
    const { pid } = instanceOf(dataDirectory);
    const orphans = [pid, ...pidsOf(dataDirectory)];
    await stopped(npm.child, 'SIGKILL');

    await up(env);
    expect(running(orphans)).toEqual([]);
  });

  it('says which setting is wrong, and starts nothing', async () => {
    const dataDirectory = newDataDirectory();
    const env = { ...environmentOf(dataDirectory, 0), PORT: 'http', V2_PING: 'maybe' };
    expect(await docket(['up'], env)).toEqual({
      status: 2,
      stdout: '',
      stderr: [
        'PORT is "http"; it must be a whole number from 0 to 65535.',
        'V2_PING is "maybe"; it must be auto, 401 or 404.',
        '',
      ].join('\n'),
    });
    expect(existsSync(dataDirectory)).toBe(false);
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

  it('listens on HOST and nowhere else', async () => {
    const host = hasIpv6 ? '::1' : '127.0.0.2';
    const dataDirectory = newDataDirectory();
    const port = await freePort();
    const { url } = await up({ ...environmentOf(dataDirectory, port), HOST: host }, ['--api', '2']);
    const written = host === '::1' ? '[::1]' : host;
    expect(url).toBe(`http://${written}:${port}`);
    expect(instanceOf(dataDirectory).url).toBe(url);
    // What stands behind the front is for the front alone.
    const [first, second, projector] = servedUrls(dataDirectory);
    for (const behind of [first, second]) expect(behind).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(projector).toMatch(new RegExp(`^http://${written.replaceAll(/[.[\]]/g, String.raw`\$&`)}:\\d+$`));
    for (const served of [url, projector ?? '']) expect(await answersAt(served)).toBe(true);
    expect(await answersAt(`http://127.0.0.1:${port}`)).toBe(false);
    await push(url, dataDirectory, 'mine');
    expect(await imagesOf(url, 'mine')).toHaveLength(1);
  });

  it('says that HOST is no address of this machine, and leaves nothing running', async () => {
    const dataDirectory = newDataDirectory();
    const { status, stderr } = await docket(['up'], { ...environmentOf(dataDirectory, 0), HOST: '192.0.2.1' });
    expect(status).toBe(1);
    expect(stderr).toContain('HOST 192.0.2.1 cannot be used: it is no address of this machine');
    expect(readdirSync(dataDirectory)).toEqual([]);
  });

  it('says that its port is taken, and leaves nothing running', async () => {
    const taken = createServer();
    ends.push(() => new Promise((resolve) => taken.close(resolve)));
    await new Promise<void>((resolve) => taken.listen(0, () => resolve()));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const dataDirectory = newDataDirectory();
    const { status, stderr } = await docket(['up'], environmentOf(dataDirectory, port));
    expect(status).toBe(1);
    expect(stderr).toContain(`PORT ${port} cannot be used: another program listens on it`);
    expect(readdirSync(dataDirectory)).toEqual([]);
  });

  it.each([['upwards'], ['up', '--apis', '2'], ['up', '--api', 'two'], []])(
    'shows its usage after %j',
    async (...words) => {
      const { status, stdout, stderr } = await docket(words, {});
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toMatch(/docket <verb>|--api/);
    },
  );

  it.each(['up', 'api', 'projector', 'migrate', 'user', 'import'])('explains %s', async (verb) => {
    const { status, stdout } = await docket([verb, '--help'], {});
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^docket ${verb}`));
  });
});
