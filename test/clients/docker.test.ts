/** Debian's docker at Docket: what it finds, how it logs in, and what the person reads when something is wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { apiService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { areInstalled, startDocker, temporaryFolder } from '../support/programs.ts';
import type { Docker, Run } from '../support/programs.ts';
import { fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';

const installed = areInstalled('docker', ['dockerd', 'docker']);

describe.skipIf(!installed)('docker', () => {
  const folder = temporaryFolder();
  let world: System;
  let closed: Service;
  let daemon: Docker;
  let person: Account;
  let asleep: Account;
  let host: string;

  beforeAll(async () => {
    [world, daemon] = await Promise.all([createWorld(), startDocker(folder)]);
    closed = apiService({ ...world.environment, ANONYMOUS_SEARCH: 'off' });
    await closed.start();
    host = new URL(world.urls[0] ?? '').host;
    person = await world.createAccount();
    asleep = await world.createAccount(fresh('asleep_'), { active: false });
    await world.importRepositories([
      { name: 'redis', description: 'Data in memory', star_count: 900 },
      { name: 'team/redis', description: 'Data of a team', star_count: 20 },
      { name: 'team/web', description: 'Grüße aus Köln \u{1F433}', star_count: 3 },
      ...Array.from({ length: 40 }, (_, index) => ({ name: `crowd/member-${index}`, description: 'one of many' })),
    ]);
    await world.searchable();
  }, 180_000);

  afterAll(async () => {
    await daemon?.stop();
    await closed?.kill();
    await world?.stop();
    folder.remove();
  }, 60_000);

  const search = (term: string, ...words: string[]) =>
    daemon.docker([
      'search',
      '--no-trunc',
      '--format',
      '{{.Name}}\t{{.StarCount}}\t{{.IsOfficial}}\t{{.Description}}',
      ...words,
      term,
    ]);

  function rows({ status, stdout, shown }: Run): string[][] {
    expect(`${status} ${status === 0 ? '' : shown}`).toBe('0 ');
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));
  }
  const names = (found: Run) => rows(found).map(([name]) => name);

  test('finds by a word: the official one first, with its stars and its mark', async () => {
    const found = rows(await search(`${host}/redis`));
    expect(found[0]).toEqual(['redis', '900', expect.stringMatching(/OK|true/), 'Data in memory']);
    expect(found.map(([name]) => name)).toContain('team/redis');
  });

  test('gets as many as it asks for with --limit, and twenty-five unless told', async () => {
    expect(names(await search(`${host}/crowd`, '--limit', '3'))).toHaveLength(3);
    expect(names(await search(`${host}/crowd`, '--limit', '40'))).toHaveLength(40);
    expect(names(await search(`${host}/crowd`))).toHaveLength(25);
  });

  test('filters by what is official and by stars', async () => {
    expect(names(await search(`${host}/redis`, '--filter', 'is-official=true'))).toEqual(['redis']);
    expect(names(await search(`${host}/redis`, '--filter', 'stars=21'))).toEqual(['redis']);
    expect(names(await search(`${host}/redis`, '--filter', 'is-official=false'))).toEqual(['team/redis']);
  });

  test('lists everything for no term at all, and a namespace for its name and a slash', async () => {
    expect(names(await search(`${host}/`, '--limit', '100'))).toHaveLength(43);
    expect(new Set(names(await search(`${host}/team/`)))).toEqual(new Set(['team/redis', 'team/web']));
  });

  test('finds one repository by its name and tag', async () => {
    expect(names(await search(`${host}/team/redis:latest`))[0]).toBe('team/redis');
  });

  test('sends blanks and letters of every alphabet, and gets them back', async () => {
    expect(names(await search(`${host}/memory data`))).toContain('redis');
    const [found] = rows(await search(`${host}/Köln`));
    expect(found).toEqual(['team/web', '3', expect.any(String), 'Grüße aus Köln \u{1F433}']);
    expect(names(await search(`${host}/\u{1F433}\u{1F433}nothing`))).toEqual([]);
  });

  test('logs in with the right password and searches as that person, also where nobody else may', async () => {
    const anonymous = await search(`${new URL(closed.url).host}/redis`);
    expect(anonymous).toMatchObject({ status: 1, shown: expect.stringContaining('status code 401') });
    for (const place of [host, new URL(closed.url).host]) {
      const login = await daemon.docker(['login', '-u', person.name, '--password-stdin', place], person.password);
      expect(login.shown).toContain('Login Succeeded');
      expect(names(await search(`${place}/redis`))[0]).toBe('redis');
      const logout = await daemon.docker(['logout', place]);
      expect(logout.shown).toContain('Removing login credentials');
    }
  });

  test('says 401 for a wrong password and 403 for an account that waits for its confirmation', async () => {
    const login = (who: Account, password: string) =>
      daemon.docker(['login', '-u', who.name, '--password-stdin', host], password);
    const wrong = await login(person, 'wrong');
    expect(wrong).toMatchObject({ status: 1, shown: expect.stringContaining('401 Unauthorized') });
    const waiting = await login(asleep, asleep.password);
    expect(waiting).toMatchObject({ status: 1, shown: expect.stringContaining('403 Forbidden') });
  });

  test('is told where an image is not, when it wants to pull from an index that shares no host with a registry', async () => {
    await daemon.docker(['login', '-u', person.name, '--password-stdin', host], person.password);
    const pull = await daemon.docker(['pull', `${host}/team/redis`]);
    expect(pull.status).toBe(1);
    expect(pull.shown).toContain('Docket lists images and does not store them');
    await daemon.docker(['logout', host]);
  });
});
