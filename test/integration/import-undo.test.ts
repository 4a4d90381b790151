/** Imports that go on after a kill, that only say what they would do, and that are taken back: under one id, as events. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openStore } from '../support/append-commands.ts';
import type { VerbResult } from '../support/docket.ts';
import { expectedReadModels, storedReadModels } from '../support/read-models.ts';
import { announce, readImages, repositoryOf } from '../support/repository.ts';
import { basic, bodyOf, fresh, get, staged } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const program = fileURLToPath(new URL('../../services/cli/dist/main.js', import.meta.url));

let world: System;
let stage: Stage;

beforeAll(async () => {
  world = await createWorld({ api: 2 });
  stage = await staged(world);
});

afterAll(() => world?.stop());

interface Line {
  readonly name: string;
  readonly [field: string]: unknown;
}

async function fileOf(lines: readonly Line[]): Promise<string> {
  const file = join(world.dataDirectory, fresh('file-'));
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

/** Answers with the id under which it can be taken back. */
async function imported(...lines: readonly Line[]): Promise<string> {
  const result = await world.verb(['import', await fileOf(lines)]);
  expect(result).toMatchObject({ status: 0 });
  return idOf(result.stdout);
}

function idOf(stdout: string): string {
  const [, id = ''] = /^import ([\da-f-]{36})$/m.exec(stdout) ?? [];
  expect(id).not.toBe('');
  return id;
}

function undone(result: VerbResult): string {
  expect(result).toMatchObject({ status: 0 });
  return result.stdout.trim();
}

const sum = (repositories: number, deleted: number, restored: number, kept: number, added: number) =>
  `${repositories} repositories: ${deleted} deleted, ${restored} given back their former values, ` +
  `${kept} kept in part because others changed them; ${added} events`;

interface Seen {
  readonly type: string;
  readonly data: unknown;
  readonly correlation_id: string;
  readonly causation_id: string;
}

async function events(fullName: string): Promise<readonly Seen[]> {
  return world.query<Seen>(
    `select e.type, e.data - 'namespace_id' as data, e.metadata ->> 'correlation_id' as correlation_id,
       e.metadata ->> 'causation_id' as causation_id
     from es.events e
     join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
     join directory.namespaces n on n.id = r.namespace_id
     where n.name || '/' || r.name = $1 order by e.version`,
    [fullName],
  );
}

async function inLog(): Promise<number> {
  const [row] = await world.query<{ events: number }>('select count(*)::int as events from es.events');
  return row?.events ?? 0;
}

const space = () => fresh('import_');

test('what an import created is deleted again, by events of the admin that name the import as their cause', async () => {
  const name = `${space()}/tool`;
  const line = {
    name,
    description: 'one',
    full_description: '# One',
    star_count: 3,
    images: [{ id: 'abc', tag: 'v1' }],
  };
  const id = await imported(line, { name: `${name}-2`, is_private: true, last_updated: '2020-05-05T00:00:00Z' });
  const before = await events(name);
  expect(new Set(before.map(({ correlation_id }) => correlation_id))).toEqual(new Set([id]));
  expect(undone(await world.verb(['import', '--undo', id]))).toBe(sum(2, 2, 0, 0, 2));
  const [last] = (await events(name)).slice(before.length);
  expect(last).toMatchObject({ type: 'RepositoryDeleted', causation_id: id });
  expect(last?.correlation_id).not.toBe(id);
  expect((await get(stage, `/v1/repositories/${name}/images`)).status).toBe(404);
  // Again it finds nothing to do, and the same file begins another life.
  expect(undone(await world.verb(['import', '--undo', id]))).toBe(sum(2, 0, 0, 0, 0));
  await imported(line);
  expect(await events(name)).toContainEqual(
    expect.objectContaining({ type: 'RepositoryCreated', data: { name: 'tool', life: 2 } }),
  );
});

test('values that it changed and that still stand are as before; what others changed since stays and is named', async () => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, [{ id: 'abc', Tag: 'latest' }]);
  const { fullName } = repository;
  await imported({ name: fullName, description: 'old', star_count: 1 });
  const id = await imported({ name: fullName, description: 'new', star_count: 2, images: [{ id: 'def' }] });
  await imported({ name: fullName, description: 'newest' });
  const result = await world.verb(['import', '--undo', id]);
  expect(undone(result)).toBe(sum(1, 0, 1, 1, 2));
  expect(result.stderr).toContain(`${fullName} stays in part: the description was changed since\n`);
  expect((await events(fullName)).slice(-2).map(({ type, data }) => ({ type, data }))).toEqual([
    { type: 'CountsObserved', data: { star_count: 1 } },
    { type: 'ImagesRestored', data: { images: [{ id: 'abc', tag: 'latest' }] } },
  ]);
  expect(bodyOf(await readImages(repository))).toEqual([{ id: 'abc', checksum: '' }]);
  await world.projected();
  expect(bodyOf(await readImages(repository))).toEqual([{ id: 'abc', checksum: '' }]);
});

test('what an import created and somebody pushed to since is theirs', async () => {
  const repository = repositoryOf(stage, 'user');
  const id = await imported({ name: repository.fullName, description: 'imported' });
  await announce(repository, [{ id: 'abc' }]);
  const result = await world.verb(['import', '--undo', id]);
  expect(undone(result)).toBe(sum(1, 0, 1, 1, 1));
  expect(result.stderr).toContain(`${repository.fullName} stays in part: others changed it since\n`);
  expect(bodyOf(await readImages(repository))).toEqual([{ id: 'abc', checksum: '' }]);
});

test('the last update that a file tells is shown, and after an undo the former one', async () => {
  const repository = repositoryOf(stage, 'user');
  await announce(repository, []);
  const updated = async () => {
    await world.projected();
    const [row] = await world.query<{ last_updated: Date }>(
      'select last_updated from read.repositories where name = $1',
      [repository.name],
    );
    return row?.last_updated.toISOString();
  };
  const former = await updated();
  const id = await imported({ name: repository.fullName, last_updated: '2021-03-04T05:06:07.891234+01:00' });
  expect(await updated()).toBe('2021-03-04T04:06:07.891Z');
  undone(await world.verb(['import', '--undo', id]));
  expect(await updated()).toBe(former);
});

test('a private repository is never seen by others, not even in the moment after its import', async () => {
  const name = `${space()}/secret`;
  await imported({ name, is_private: true, images: [{ id: 'abc' }] });
  expect((await get(stage, `/v1/repositories/${name}/images`)).status).toBe(404);
  expect((await get(stage, `/v1/repositories/${name}/images`, basic(stage.admin))).status).toBe(200);
});

describe('a dry run', () => {
  test('says what would happen and writes nothing, no namespace either', async () => {
    const name = `${space()}/tool`;
    const file = await fileOf([{ name, star_count: 1 }, { name, star_count: 2 }, { name: 'a+b' }]);
    const before = await inLog();
    const result = await world.verb(['import', '--dry-run', file]);
    expect(result.stdout).toMatch(
      /^3 lines in [\d.]+ s: 1 repositories would be created, 1 would be changed, 0 unchanged, 1 refused; 3 events, none of them written\n$/,
    );
    expect(await inLog()).toBe(before);
    expect(await world.query('select from directory.namespaces where name = $1', [name.split('/')[0]])).toEqual([]);
  });

  test('knows in a later batch what an earlier one would have done', async () => {
    const [one, two] = [space(), space()];
    const names = Array.from({ length: 1_200 }, (_, index) => ({ name: `${one}/tool-${index}` }));
    const file = await fileOf([...names, ...names, { name: `${two}/other` }]);
    const result = await world.verb(['import', '--dry-run', file]);
    expect(result.stdout).toContain('1201 repositories would be created, 0 would be changed, 1200 unchanged');
  });

  test('of an undo says what it would do and does not do it', async () => {
    const id = await imported({ name: `${space()}/tool` });
    const before = await inLog();
    expect((await world.verb(['import', '--undo', id, '--dry-run'])).stdout).toBe(
      '1 repositories: 1 would be deleted, 0 would be given back their former values, ' +
        '0 would be kept in part because others changed them; 1 events, none of them written\n',
    );
    expect(await inLog()).toBe(before);
  });
});

test('bare names go where they are told to, and a list of names is enough', async () => {
  const namespace = space();
  const file = join(world.dataDirectory, fresh('names-'));
  await writeFile(file, `one\n\n${namespace}/two\nlibrary/images\n`);
  const result = await world.verb(['import', '--format', 'names', '--namespace', namespace, file]);
  expect(result.stdout).toContain('2 repositories created, 0 changed, 0 unchanged, 1 refused; 2 events');
  expect(await events(`${namespace}/one`)).toHaveLength(1);
});

test('an import that was killed goes on under its id, and is taken back whole, also by an undo that is killed', async () => {
  const namespace = space();
  const total = 10_000;
  const file = await fileOf(
    Array.from({ length: total }, (_, index) => ({ name: `${namespace}/tool-${index}`, star_count: index })),
  );
  const active = async () => {
    const [row] = await world.query<{ created: number; deleted: number }>(
      `select count(*) filter (where e.type = 'RepositoryCreated')::int as created,
         count(*) filter (where e.type = 'RepositoryDeleted')::int as deleted
       from directory.namespaces n join directory.repository_names r on r.namespace_id = n.id
       join es.events e on e.stream_id = 'repository-' || r.repository_id where n.name = $1`,
      [namespace],
    );
    return row ?? { created: 0, deleted: 0 };
  };
  const killed = async (words: readonly string[], when: () => Promise<boolean>): Promise<string> => {
    const child = spawn(process.execPath, [program, 'import', ...words], {
      env: { PATH: process.env['PATH'], ...world.environment },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(child, 'exit');
    const said: string[] = [];
    createInterface(child.stdout).on('line', (line) => said.push(line));
    await until('it is at work', when);
    child.kill('SIGKILL');
    await ended;
    return said.join('\n');
  };
  const id = idOf(await killed([file], async () => (await active()).created > 0));
  expect((await active()).created).toBeLessThan(total);
  const resumed = await world.verb(['import', '--resume', id, file]);
  expect(idOf(resumed.stdout)).toBe(id);
  expect(await active()).toEqual({ created: total, deleted: 0 });
  await killed(['--undo', id], async () => (await active()).deleted > 0);
  expect((await active()).deleted).toBeLessThan(total);
  expect(await world.verb(['import', '--undo', id])).toMatchObject({ status: 0 });
  expect(await active()).toEqual({ created: total, deleted: total });
});

describe('an import goes on', () => {
  const begun = async () => {
    const name = `${space()}/tool`;
    const file = await fileOf([{ name }]);
    return { name, file, id: idOf((await world.verb(['import', file])).stdout) };
  };

  test('with the same text, wherever it stands and however it is packed', async () => {
    const { name, file, id } = await begun();
    const packed = `${file}.gz`;
    await writeFile(packed, gzipSync(await readFile(file)));
    for (const same of [file, packed]) {
      const result = await world.verb(['import', '--resume', id, same]);
      expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining(`import ${id}\n1 lines in `) });
      expect(result.stdout).toContain('0 repositories created, 0 changed, 1 unchanged, 0 refused; 0 events');
    }
    expect(await events(name)).toHaveLength(1);
  });

  test('with no other file, which would be taken back with it', async () => {
    const { id } = await begun();
    const other = await fileOf([{ name: `${space()}/foreign` }]);
    const before = await inLog();
    for (const more of [[], ['--dry-run']]) {
      expect(await world.verb(['import', '--resume', id, ...more, other])).toEqual({
        status: 1,
        stdout: '',
        stderr: `docket import: ${other} is not what import ${id} began with; import it without --resume\n`,
      });
    }
    expect(await inLog()).toBe(before);
  });

  test('with the same options', async () => {
    const { file, id } = await begun();
    const result = await world.verb(['import', '--resume', id, '--namespace', 'other_space', file]);
    expect(result).toEqual({
      status: 1,
      stdout: '',
      stderr: `docket import: import ${id} began with --format ndjson --namespace library; go on with the same\n`,
    });
  });

  test('not from standard input, neither of it nor of a file', async () => {
    const { name, id } = await begun();
    const line = JSON.stringify({ name });
    expect(await world.verb(['import', '--resume', id, '-'], line)).toEqual({
      status: 1,
      stdout: '',
      stderr: 'docket import: --resume wants the file itself, to compare it with what was read before\n',
    });
    const fromInput = idOf((await world.verb(['import', '-'], JSON.stringify({ name: `${space()}/tool` }))).stdout);
    expect(await world.verb(['import', '--resume', fromInput, await fileOf([{ name }])])).toEqual({
      status: 1,
      stdout: '',
      stderr:
        `docket import: what import ${fromInput} read is not known: it was standard input, or an earlier version; ` +
        'import it again without --resume, what is there adds nothing\n',
    });
  });
});

test('after all of it the read models are what the log says', async () => {
  await world.projected();
  const { database, stop } = openStore(world.databaseUrls.owner, 1);
  try {
    expect(await storedReadModels(database, 'read')).toEqual(await expectedReadModels(database));
  } finally {
    await stop();
  }
});

describe('is refused with a sentence', () => {
  const nobody = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09';
  test.each([
    [['--undo', nobody], 1, `docket import: there is no import ${nobody}\n`],
    [['--resume', nobody, '-'], 1, `docket import: there is no import ${nobody} to go on with\n`],
    [['--undo', 'yesterday'], 2, '--undo is the id of an import\n'],
    [['--undo', nobody, 'file'], 2, '--undo goes with --dry-run and --as alone\n'],
    [['--resume', 'yesterday', '-'], 2, '--resume is the id of an import\n'],
    [['--namespace', 'a-b', '-'], 2, '--namespace must be 4 to 30 characters'],
    [['--format', 'csv', '-'], 2, '--format is one of: ndjson, names\n'],
  ])('%j', async (words, status, sentence) => {
    const result = await world.verb(['import', ...words]);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr.startsWith(sentence)).toBe(true);
  });

  test('what took an import back is no import itself', async () => {
    const name = `${space()}/tool`;
    const id = await imported({ name });
    await world.verb(['import', '--undo', id]);
    const undoId = (await events(name)).at(-1)?.correlation_id ?? '';
    expect(await world.verb(['import', '--undo', undoId])).toMatchObject({ status: 1 });
  });
});
