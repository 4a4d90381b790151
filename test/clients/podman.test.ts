/** Debian's podman and skopeo at Docket: the search with and without an account, the login, and what the person reads. */
import { writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { apiService } from '../support/docket.ts';
import type { Service } from '../support/docket.ts';
import { areInstalled, run, temporaryFolder } from '../support/programs.ts';
import type { Run } from '../support/programs.ts';
import { fresh } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import type { Account } from '../support/world.ts';
import type { System } from '../support/world.ts';

const installed = areInstalled('podman and skopeo', ['podman', 'skopeo']);

describe.skipIf(!installed)('podman and skopeo', () => {
  const folder = temporaryFolder();
  const env = { REGISTRY_AUTH_FILE: folder.path('auth.json') };
  let world: System;
  let closed: Service;
  let person: Account;
  let asleep: Account;
  let host: string;
  let closedHost: string;

  beforeAll(async () => {
    writeFileSync(env.REGISTRY_AUTH_FILE, '{}');
    world = await createWorld();
    closed = apiService({ ...world.environment, ANONYMOUS_SEARCH: 'off' });
    await closed.start();
    host = new URL(world.urls[0] ?? '').host;
    closedHost = new URL(closed.url).host;
    person = await world.createAccount();
    asleep = await world.createAccount(fresh('asleep_'), { active: false });
    await world.importRepositories([
      { name: 'redis', description: 'Data in memory', star_count: 900 },
      { name: 'team/redis', description: 'Grüße', star_count: 20 },
      // More than one page of the catalog, with the name that is looked for on the last one.
      ...Array.from({ length: 150 }, (_, index) => ({ name: `crowd/member-${index}`, description: 'one of many' })),
      { name: 'zoo_/last-one' },
    ]);
    await world.searchable();
  });

  afterAll(async () => {
    await closed?.kill();
    await world?.stop();
    folder.remove();
  });

  const podman = (words: readonly string[], input = '') => run('podman', words, { env, input });
  const search = (term: string, ...words: string[]) =>
    podman([
      'search',
      '--tls-verify=false',
      '--format',
      '{{.Name}}\t{{.Stars}}\t{{.Official}}\t{{.Description}}',
      ...words,
      term,
    ]);
  const login = (program: string, place: string, who: Account, password = who.password) =>
    run(program, ['login', '--tls-verify=false', '-u', who.name, '--password-stdin', place], {
      env: program === 'podman' ? { ...env, REGISTRY_AUTH_FILE: folder.path('new.json') } : env,
      input: password,
    });
  const logout = (place: string) => run('skopeo', ['logout', place], { env });

  function names({ status, stdout, shown }: Run): string[] {
    expect(`${status} ${status === 0 ? '' : shown}`).toBe('0 ');
    return stdout
      .split('\n')
      .flatMap((line) => line.split('\t')[0] ?? [])
      .filter((name) => name !== '');
  }

  test('search without an account shows names, stars, marks and descriptions', async () => {
    const { stdout } = await search(`${host}/redis`);
    const [first = '', ...others] = stdout.split('\n');
    expect(first).toMatch(/^\S+\/redis\t900\t\[OK\]\tData in memory$/);
    expect(others.join('\n')).toContain('team/redis\t20\t\tGrüße');
  });

  test('search honours --limit, also above a hundred', async () => {
    expect(names(await search(`${host}/crowd`, '--limit', '3'))).toHaveLength(3);
    expect(names(await search(`${host}/crowd`, '--limit', '120'))).toHaveLength(100);
  });

  test.each(['podman', 'skopeo'])('%s logs in with the right password', async (program) => {
    const done = await login(program, host, person);
    expect(done).toMatchObject({ status: 0, shown: expect.stringContaining('Login Succeeded!') });
  });

  test.each(['podman', 'skopeo'])('%s says which password is wrong, and that an account waits', async (program) => {
    expect((await login(program, host, person, 'wrong')).shown).toContain('invalid username/password');
    expect((await login(program, host, asleep)).shown).toContain('403 (Forbidden)');
  });

  test('search where nobody may without an account: a sentence says so, and after a login the catalog answers (row 44)', async () => {
    const refused = await search(`${closedHost}/redis`);
    expect(refused.status).not.toBe(0);
    expect(refused.shown).toContain('the catalog needs a name and password here');
    await expect(login('skopeo', closedHost, person)).resolves.toMatchObject({ status: 0 });
    const found = names(await search(`${closedHost}/redis`));
    expect(found.map((name) => name.replace(/^127\.0\.0\.1:\d+\//, ''))).toEqual(['library/redis', 'team/redis']);
    expect(names(await search(`${closedHost}/last-one`))).toEqual([`${closedHost}/zoo_/last-one`]);
    await logout(closedHost);
  });

  test('skopeo is told that images are elsewhere', async () => {
    await login('skopeo', host, person);
    const { status, shown } = await run('skopeo', ['inspect', '--tls-verify=false', `docker://${host}/team/redis`], {
      env,
    });
    expect(status).not.toBe(0);
    expect(shown).toContain('Docket lists images and does not store them');
    await logout(host);
  });
});
