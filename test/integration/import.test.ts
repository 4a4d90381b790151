/** `./docket import`: what is in a file comes into the log once, whatever the file is like and however often it is interrupted. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { VerbResult } from '../support/docket.ts';
import { fresh, get, inTurn } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { openly, whole } from '../support/whole-answer.ts';
import { createWorld } from '../support/world.ts';
import type { System } from '../support/world.ts';

const program = fileURLToPath(new URL('../../services/cli/dist/main.js', import.meta.url));

let world: System;
let stage: Pick<Stage, 'send'>;

beforeAll(async () => {
  world = await createWorld();
  stage = { send: inTurn(world.urls) };
});

afterAll(() => world?.stop());

interface Line {
  readonly name: string;
  readonly [field: string]: unknown;
}

const ndjson = (...lines: readonly (Line | string)[]) =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');

async function fileOf(content: string | Buffer, name = fresh('file-')): Promise<string> {
  const file = join(world.dataDirectory, name);
  await writeFile(file, content);
  return file;
}

async function importing(content: string | Buffer, ...options: string[]): Promise<VerbResult> {
  return world.verb(['import', await fileOf(content), ...options]);
}

/** The line that says what came of it. */
const counts = ({ stdout }: VerbResult) =>
  (stdout.split('\n').find((line) => / lines in /.test(line)) ?? stdout).replace(/ in [\d.]+ s:/, ':');
/** What it says of the lines, without how far it is. */
const told = ({ stderr }: VerbResult) =>
  stderr.split('\n').filter((line) => line !== '' && !line.startsWith('importing '));
const sum = (lines: number, created: number, changed: number, unchanged: number, refused: number, added: number) =>
  `${lines} lines: ${created} repositories created, ${changed} changed, ${unchanged} unchanged, ${refused} refused; ${added} events`;

async function events(fullName: string): Promise<readonly { type: string; data: unknown }[]> {
  return world.query(
    `select e.type, e.data - 'namespace_id' as data from es.events e
     join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
     join directory.namespaces n on n.id = r.namespace_id
     where n.name || '/' || r.name = $1 order by e.version`,
    [fullName],
  );
}

/** A namespace that no other test has. */
const namespace = () => fresh('imported_');

const created = (name: string, life = 1) => ({ type: 'RepositoryCreated', data: { name, life } });

test('a line brings a repository with all that it says, as events of the admin; the same again brings nothing', async () => {
  const space = namespace();
  const file = await fileOf(
    ndjson({
      name: `${space}/tool`,
      description: 'does “things” 🐳',
      star_count: 5,
      pull_count: 3_000_000_000,
      is_automated: true,
      images: [{ id: 'abc', checksum: 'sha256:1', tag: 'latest' }, { id: 'def' }],
      more: 'is ignored',
    }),
  );
  expect(counts(await world.verb(['import', file]))).toBe(sum(1, 1, 0, 0, 0, 5));
  expect(await events(`${space}/tool`)).toEqual([
    created('tool'),
    { type: 'DescriptionChanged', data: { description: 'does “things” 🐳' } },
    { type: 'AutomationChanged', data: { is_automated: true } },
    { type: 'CountsObserved', data: { star_count: 5, pull_count: 3_000_000_000 } },
    {
      type: 'ImagesAdded',
      data: { images: [{ id: 'abc', checksum: 'sha256:1', tag: 'latest' }, { id: 'def' }] },
    },
  ]);
  const actors = await world.query<{ name: string; via: string }>(
    `select distinct a.name, e.metadata #>> '{actor,via}' as via from es.events e
     join directory.accounts a on a.id = (e.metadata #>> '{actor,id}')::uuid
     join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
     where r.name = 'tool'`,
  );
  expect(actors).toEqual([{ name: 'admin', via: 'operator' }]);
  expect(counts(await world.verb(['import', file]))).toBe(sum(1, 0, 0, 1, 0, 0));
  await world.projected();
  expect(whole(await get(stage, `/v1/repositories/${space}/tool/images`))).toEqual(
    openly(200, [
      { id: 'abc', checksum: 'sha256:1' },
      { id: 'def', checksum: '' },
    ]),
  );
});

test('a line that changed brings its change alone', async () => {
  const name = `${namespace()}/tool`;
  const line = { name, description: 'one', star_count: 5, images: [{ id: 'abc', tag: 'latest' }] };
  await importing(ndjson(line));
  expect(counts(await importing(ndjson({ ...line, star_count: 6 })))).toBe(sum(1, 0, 1, 0, 0, 1));
  expect(counts(await importing(ndjson({ name, description: 'two' })))).toBe(sum(1, 0, 1, 0, 0, 1));
  expect(counts(await importing(ndjson({ name, images: [{ id: 'abc' }, { id: 'new' }] })))).toBe(sum(1, 0, 1, 0, 0, 1));
  expect((await events(name)).slice(-3)).toEqual([
    { type: 'CountsObserved', data: { star_count: 6 } },
    { type: 'DescriptionChanged', data: { description: 'two' } },
    { type: 'ImagesAdded', data: { images: [{ id: 'new' }] } },
  ]);
});

test('unknown is not none: -1, null and what is left out change nothing', async () => {
  const name = `${namespace()}/tool`;
  await importing(ndjson({ name, description: 'one', star_count: 5, pull_count: 6, is_automated: true }));
  const unknown = [
    { name, star_count: -1, pull_count: -1 },
    { name, star_count: null, pull_count: null, description: null, is_automated: null },
    { name },
  ];
  expect(counts(await importing(ndjson(...unknown)))).toBe(sum(3, 0, 0, 3, 0, 0));
  expect(counts(await importing(ndjson({ name, star_count: 0, description: '' })))).toBe(sum(1, 0, 1, 0, 0, 2));
});

test('an official repository is the same with its namespace and without', async () => {
  const name = fresh('official-');
  expect(counts(await importing(ndjson({ name, star_count: 1 }, { name: `library/${name}`, star_count: 1 })))).toBe(
    sum(2, 1, 0, 1, 0, 2),
  );
  expect(await events(`library/${name}`)).toEqual([created(name), { type: 'CountsObserved', data: { star_count: 1 } }]);
});

test('lines about one repository count one after the other, in one file as in several', async () => {
  const name = `${namespace()}/tool`;
  const lines = Array.from({ length: 5 }, (_, index) => ({ name, star_count: index }));
  expect(counts(await importing(ndjson(...lines)))).toBe(sum(5, 1, 4, 0, 0, 6));
  expect((await events(name)).at(-1)).toEqual({ type: 'CountsObserved', data: { star_count: 4 } });
});

test('the lines that cannot be imported are named with the reason, and do not keep the others out', async () => {
  const space = namespace();
  const tool = `"${space}/tool"`;
  const bad: [string | Line, string][] = [
    ['{', 'the line is not valid JSON'],
    ['[]', 'Invalid input: expected object, received array'],
    ['7', 'Invalid input: expected object, received number'],
    ['{"description": "of nothing"}', 'name: Invalid input: expected string, received undefined'],
    [{ name: 'a/b/c' }, '"a/b/c": the namespace must be 4 to 30 characters out of a-z, 0-9 and _'],
    [{ name: 'Upper/case' }, '"Upper/case": the namespace must be 4 to 30 characters out of a-z, 0-9 and _'],
    [{ name: `${space}/..` }, `"${space}/..": the name must be a name, not a step in a path`],
    [{ name: `${space}/tool`, star_count: -2 }, `${tool}: star_count: Too small: expected number to be >=-1`],
    [
      { name: `${space}/tool`, star_count: 'many' },
      `${tool}: star_count: Invalid input: expected number, received string`,
    ],
    [
      { name: `${space}/tool`, images: [{ id: 'abc' }, { id: 'a b' }] },
      `${tool}: images[1].id: must be 1 to 128 letters, digits or any of . _ : + -`,
    ],
    [
      { name: `${space}/tool`, description: 'with a \0 in it' },
      `${tool}: description: must not contain a zero character or half of a character`,
    ],
    [
      `{"name": "${space}/tool", "description": "half of a pair: \\ud83d"}`,
      `${tool}: description: must not contain a zero character or half of a character`,
    ],
  ];
  const file = ndjson({ name: `${space}/first` }, '', ...bad.map(([line]) => line), { name: `${space}/last` });
  const result = await importing(file);
  expect(result.status).toBe(1);
  expect(result.stderr.split('\n').filter((line) => line.startsWith('line '))).toEqual(
    bad.map(([, reason], index) => `line ${index + 3}: ${reason}`),
  );
  expect(counts(result)).toBe(sum(bad.length + 3, 2, 0, 0, bad.length, 2));
  expect(await events(`${space}/first`)).toEqual([created('first')]);
  expect(await events(`${space}/last`)).toEqual([created('last')]);
  expect(await events(`${space}/tool`)).toEqual([]);
});

test('of very many bad lines the first are named, and all are counted', async () => {
  const result = await importing('x\n'.repeat(1_000));
  expect(result.stderr.split('\n').filter((line) => line.startsWith('line '))).toHaveLength(20);
  expect(result.stderr).toContain('refused 1000 lines: the line is not valid JSON\n');
  expect(result.stderr).toContain('no line is JSON; a list of names is read with --format names\n');
  expect(result.status).toBe(1);
  expect(counts(result)).toBe(sum(1_000, 0, 0, 0, 1_000, 0));
});

test('one line that is refused makes the exit status 1, in a dry run too, and none makes it 0', async () => {
  const name = `${namespace()}/tool`;
  const good = ndjson({ name });
  const bad = ndjson({ name, star_count: -2 });
  const outcome = async (text: string, ...options: string[]) => {
    const result = await importing(text, ...options);
    return { status: result.status, counts: counts(result).replace('would be ', '') };
  };
  expect(await outcome(good + bad, '--dry-run')).toMatchObject({ status: 1 });
  expect(await outcome(good, '--dry-run')).toMatchObject({ status: 0 });
  expect(await outcome(good + bad)).toEqual({ status: 1, counts: sum(2, 1, 0, 0, 1, 1) });
  expect(await outcome(good)).toEqual({ status: 0, counts: sum(1, 0, 0, 1, 0, 0) });
  expect(await outcome(bad)).toEqual({ status: 1, counts: sum(1, 0, 0, 0, 1, 0) });
  expect(await outcome('')).toEqual({ status: 0, counts: sum(0, 0, 0, 0, 0, 0) });
});

test('a line of Latin-1 is told by its number, and the others come in', async () => {
  const space = namespace();
  const latin1 = Buffer.from(ndjson({ name: `${space}/two`, description: 'caf\u00e9' }), 'latin1');
  const bytes = [
    Buffer.from(ndjson({ name: `${space}/one` })),
    latin1,
    Buffer.from(ndjson({ name: `${space}/three` })),
  ];
  const result = await importing(Buffer.concat(bytes));
  const rule = 'the line is not valid UTF-8; if the file is Latin-1, iconv -f ISO-8859-1 -t UTF-8 makes UTF-8 of it';
  expect(told(result)).toEqual([`line 2: ${rule}`, `refused 1 line: ${rule}`]);
  expect(result.status).toBe(1);
  expect(counts(result)).toBe(sum(3, 2, 0, 0, 1, 2));
});

test('what docker images prints is a list of names', async () => {
  const space = namespace();
  const printed = `REPOSITORY                  TAG       IMAGE ID       CREATED         SIZE
${space}/web                   7.2       3358e6d4a4a5   2 weeks ago     117MB
${space}/web                   latest    3358e6d4a4a5   2 weeks ago     117MB
docker.io/${space}/api         1         0123456789ab   3 months ago    17.1MB
`;
  const result = await importing(printed, '--format', 'names');
  expect({ status: result.status, told: told(result) }).toEqual({ status: 0, told: [] });
  expect(counts(result)).toBe(sum(4, 2, 0, 1, 0, 2));
  expect(await events(`${space}/api`)).toEqual([created('api')]);
});

describe('the file may be', () => {
  const lines = (space: string) => ndjson({ name: `${space}/one` }, { name: `${space}/two` });

  test.each<[string, string, (text: string) => string | Buffer]>([
    ['plain', 'plain.ndjson', (text) => text],
    ['plain and called gzip', 'plain.gz', (text) => text],
    ['gzip', 'packed.ndjson.gz', (text) => gzipSync(text)],
    ['gzip and called plain', 'packed.json', (text) => gzipSync(text)],
    [
      'gzip in several members',
      'members',
      (text) => Buffer.concat(text.split(/(?<=\n)/).map((part) => gzipSync(part))),
    ],
    ['without an end of its last line', 'open', (text) => text.trimEnd()],
    ['with the line ends of Windows', 'windows', (text) => text.replaceAll('\n', '\r\n')],
    ['with a mark of its byte order in front', 'marked', (text) => `\uFEFF${text}`],
  ])('%s', async (_what, name, pack) => {
    const file = await fileOf(pack(lines(namespace())), fresh('') + name);
    expect(counts(await world.verb(['import', file]))).toBe(sum(2, 2, 0, 0, 0, 2));
  });

  test('standard input', async () => {
    const text = lines(namespace());
    expect(counts(await world.verb(['import', '-'], text))).toBe(sum(2, 2, 0, 0, 0, 2));
    expect(counts(await world.verb(['import', '-'], text))).toBe(sum(2, 0, 0, 2, 0, 0));
  });

  test('empty', async () => {
    expect(counts(await importing(''))).toBe(sum(0, 0, 0, 0, 0, 0));
    expect(counts(await importing(gzipSync('')))).toBe(sum(0, 0, 0, 0, 0, 0));
    expect(counts(await world.verb(['import', '-'], ''))).toBe(sum(0, 0, 0, 0, 0, 0));
  });

  test('cut off in the middle of what is packed, which fails after what was whole', async () => {
    const packed = gzipSync(lines(namespace()));
    const file = await fileOf(packed.subarray(0, -12));
    const result = await world.verb(['import', file]);
    expect(result).toMatchObject({ status: 1, stdout: '' });
    expect(result.stderr).toBe(`docket import: ${file} is packed, and cut off or damaged: unexpected end of file\n`);
  });
});

describe('is refused with a sentence', () => {
  test.each<[string, () => Promise<readonly string[]>, RegExp]>([
    [
      'a file that is not there',
      async () => [join(world.dataDirectory, 'nothing')],
      /: there is no such file: \/.*\/nothing\n$/,
    ],
    ['a folder', async () => [world.dataDirectory], /: \/.* is a folder and no file\n$/],
    [
      'an array of JSON',
      async () => [await fileOf('[{"name": "redis"}]', 'array.json')],
      /array\.json is a JSON array; one object a line is wanted, as jq -c '\.\[\]' makes of it\n$/,
    ],
    [
      'UTF-16',
      async () => [await fileOf(Buffer.from('\ufeff{"name": "redis"}\n', 'utf16le'), 'utf16.json')],
      /utf16\.json is UTF-16; iconv -f UTF-16 -t UTF-8 makes UTF-8 of it, which is read here\n$/,
    ],
    [
      'an account that is not there',
      async () => [await fileOf(''), '--as', 'nobody_at_all'],
      /there is no admin "nobody_at_all"/,
    ],
    [
      'an account that is no admin',
      async () => [await fileOf(''), '--as', (await world.createAccount()).name],
      /there is no admin "user_/,
    ],
  ])('%s', async (_what, words, sentence) => {
    const result = await world.verb(['import', ...(await words())]);
    expect(result).toMatchObject({ status: 1, stdout: '' });
    expect(result.stderr).toMatch(/^docket import: .+\n$/);
    expect(result.stderr).toMatch(sentence);
  });

  test('an array on standard input', async () => {
    expect(await world.verb(['import', '-'], ' [{"name": "redis"}]')).toEqual({
      status: 1,
      stdout: '',
      stderr:
        "docket import: standard input is a JSON array; one object a line is wanted, as jq -c '.[]' makes of it\n",
    });
  });

  test.each([[[]], [['one', 'two']], [['one', '--unknown']]])('words that it does not know: %j', async (words) => {
    expect(await world.verb(['import', ...words])).toMatchObject({ status: 2, stdout: '' });
  });
});

test('another admin may be named, and is the actor', async () => {
  const [admin, space] = [fresh('admin_'), namespace()];
  await world.verb(['user', 'create', admin, '--email', `${admin}@example.org`, '--admin'], 'a password\n');
  expect(await importing(ndjson({ name: `${space}/tool` }), '--as', admin)).toMatchObject({ status: 0 });
  const rows = await world.query<{ name: string }>(
    `select a.name from es.events e join directory.accounts a on a.id = (e.metadata #>> '{actor,id}')::uuid
     where e.stream_id = (select 'repository-' || r.repository_id from directory.repository_names r
       join directory.namespaces n on n.id = r.namespace_id where n.name = $1)`,
    [space],
  );
  expect(rows).toEqual([{ name: admin }]);
});

test('a repository that is being deleted is left alone, and told', async () => {
  const owner = await world.createAccount();
  const name = `${owner.name}/tool`;
  await importing(ndjson({ name }));
  const answer = await fetch(`${world.urls[0]}/v1/repositories/${name}/`, {
    method: 'DELETE',
    headers: { Authorization: `Basic ${Buffer.from(`${owner.name}:${owner.password}`).toString('base64')}` },
  });
  expect(answer.status).toBe(202);
  const result = await importing(ndjson({ name, star_count: 1 }));
  expect(result.stderr).toContain(`line 1: "${name}": the repository is being deleted\n`);
  expect(counts(result)).toBe(sum(1, 0, 0, 0, 1, 0));
});

test('an import that is killed in the middle, again and again, is completed by another, with nothing twice', async () => {
  const space = namespace();
  const total = 12_000;
  const file = await fileOf(
    ndjson(...Array.from({ length: total }, (_, index) => ({ name: `${space}/tool-${index}`, star_count: index }))),
  );
  const imported = async () => {
    const [row] = await world.query<{ names: number; events: number; streams: number }>(
      `select count(distinct r.repository_id)::int as names, count(e.position)::int as events,
         count(distinct e.stream_id)::int as streams
       from directory.repository_names r
       join directory.namespaces n on n.id = r.namespace_id
       left join es.events e on e.stream_id = 'repository-' || r.repository_id
       where n.name = $1`,
      [space],
    );
    return row ?? { names: 0, events: 0, streams: 0 };
  };
  let killed = 0;
  for (let before = 0; killed < 3; killed += 1) {
    const child = spawn(process.execPath, [program, 'import', file], {
      env: { PATH: process.env['PATH'], ...world.environment },
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    const stood = before;
    before = await until('more of it is there', async () => {
      const { names } = await imported();
      return names > stood ? names : undefined;
    });
    child.kill('SIGKILL');
    await ended;
    const { names, events: added, streams } = await imported();
    // Whole lines, of which none is missing a part.
    expect({ added, streams }).toEqual({ added: names * 2, streams: names });
    expect(names).toBeLessThan(total);
  }
  expect(await world.verb(['import', file])).toMatchObject({ status: 0 });
  expect(await imported()).toEqual({ names: total, events: total * 2, streams: total });
  expect(counts(await world.verb(['import', file]))).toBe(sum(total, 0, 0, total, 0, 0));
});

test('two imports of the same file at once bring everything once', async () => {
  const space = namespace();
  const file = await fileOf(
    ndjson(...Array.from({ length: 2_000 }, (_, index) => ({ name: `${space}/tool-${index}`, star_count: index }))),
  );
  const results = await Promise.all([world.verb(['import', file]), world.verb(['import', file])]);
  expect(results.map(({ status, stderr }) => (status === 0 ? 0 : stderr))).toEqual([0, 0]);
  const [row] = await world.query<{ events: number }>(
    `select count(*)::int as events from es.events e
     join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
     join directory.namespaces n on n.id = r.namespace_id where n.name = $1`,
    [space],
  );
  expect(row).toEqual({ events: 4_000 });
});
