/** The page about the protocol, held to the running system: every line of it works, and nothing of the API is missing in it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { endpoints } from '../support/mounted-routes.ts';
import { run } from '../support/programs.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

interface Section {
  readonly title: string;
  readonly text: string;
}

const sections: readonly Section[] = page
  .split(/^### /m)
  .slice(1)
  .map((text) => ({ title: (text.split('\n')[0] ?? '').replaceAll('\\', ''), text: text.split(/^## /m)[0] ?? '' }));

const lines = [...page.matchAll(/```sh\n(.*?)```/gs)]
  .flatMap(([, block = '']) => block.split('\n'))
  .filter((line) => line !== '');

let world: System;

beforeAll(async () => {
  world = await createWorld();
  await world.importRepositories([{ name: 'redis' }, { name: 'mongo' }, { name: 'nginx' }]);
  await world.searchable();
});

afterAll(() => world?.stop());

/** The lines as one script, as a person would paste them; after a line with a status the last answer must have had it. */
function script(): string {
  const here: Readonly<Record<string, string>> = {
    DOCKET: `DOCKET=${world.urls[0]}`,
    DATA: `DATA=${world.dataDirectory}`,
    ADMIN: `ADMIN='${world.admin.name}:${world.admin.password}'`,
  };
  const headers = join(world.dataDirectory, 'headers');
  const steps = lines.flatMap((line) => {
    const [name = ''] = line.split('=');
    const [command = '', status] = (here[name] ?? line).split(/\s+# (?=\d{3}$)/);
    return status === undefined ? [command] : [command, `expect_status ${status} ${quoted(command)}`];
  });
  return `set -eu
curl() { command curl --silent --show-error --dump-header ${quoted(headers)} "$@"; }
expect_status() {
  got=$(sed -n 's/^HTTP[^ ]* \\([0-9]*\\).*/\\1/p' ${quoted(headers)} | tail -n 1)
  if [ "$got" != "$1" ]; then echo "status $got and not $1: $2"; exit 1; fi
  echo; echo "checked $2"
}
${steps.join('\n')}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

test('every line works, with the status that stands behind it', async () => {
  const file = join(world.dataDirectory, 'page.sh');
  writeFileSync(file, script());
  const { status, shown } = await run('bash', [file]);
  expect(`${status} ${status === 0 ? '' : shown}`).toBe('0 ');
  const checked = lines.filter((line) => / # \d{3}$/.test(line));
  expect(shown.match(/^checked /gm)).toHaveLength(checked.length);
});

describe('the page', () => {
  /** The second forms of paths (official repositories by their bare name, `/v2/namespaces/…`) are told of once, for all of them. */
  const told = endpoints.filter(
    ({ path }) => !/^\/v1\/repositories\/\{repo_name\}|^\/v2\/namespaces\/\{namespace\}\/repositories/.test(path),
  );

  test('has a section for every operation, and for nothing else', () => {
    const titles = told.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(sections.map(({ title }) => title))).toEqual(new Set(titles));
    expect(sections).toHaveLength(titles.length);
  });

  test.each(told.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
    'names every status of %s, and tries it with curl',
    (name, { answers }) => {
      const text = sections.find(({ title }) => title === name)?.text ?? '';
      // These three stand in the table of what holds everywhere.
      const own = Object.keys(answers).filter((status) => !['405', '429', '500', '503'].includes(status));
      expect(own.filter((status) => !new RegExp(String.raw`\b${status}\b`).test(text))).toEqual([]);
      expect(text).toMatch(/^(\w+=\$\()?curl /m);
    },
  );
});
