import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../setup.mjs', import.meta.url));

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A clone with one package, and in place of npx and the compiler two programs that make what those make. */
class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), 'docket-setup-'));

  constructor() {
    folders.push(this.folder);
    mkdirSync(join(this.folder, 'infra'));
    copyFileSync(script, join(this.folder, 'infra/setup.mjs'));
    this.write('package.json', JSON.stringify({ packageManager: 'pnpm@12.0.0', devDependencies: { typescript: '7' } }));
    this.write('pnpm-lock.yaml', 'lock');
    this.write('pnpm-workspace.yaml', 'workspace');
    this.write('tsconfig.base.json', '{}');
    this.write('tsconfig.json', JSON.stringify({ references: [{ path: 'packages/shared' }] }));
    this.write('packages/shared/package.json', JSON.stringify({ dependencies: { zod: '4' } }));
    this.write('packages/shared/tsconfig.json', '{}');
    this.write('packages/shared/src/names.ts', 'export {};');
    this.install();
    this.compile();
  }

  /** From now on npx makes this of an install. */
  install(end = 'exit 0'): void {
    const made = ['node_modules/typescript', 'packages/shared/node_modules/zod'];
    const lines = made.map((path) => `mkdir -p ${path} && echo '{}' > ${path}/package.json`);
    this.write(
      'bin/npx',
      ['#!/bin/sh', ...lines, 'cp -r bin/typescript node_modules/typescript/bin', end, ''].join('\n'),
    );
    chmodSync(join(this.folder, 'bin/npx'), 0o755);
  }

  /** From now on the compiler ends like this; like the true one it does nothing where it finds its notes. */
  compile(status = 0): void {
    this.write('compiler-status', String(status));
    const text = `
      import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
      const status = Number(readFileSync('compiler-status', 'utf8'));
      const notes = 'packages/shared/dist/tsconfig.tsbuildinfo';
      mkdirSync('packages/shared/dist', { recursive: true });
      if (!existsSync(notes)) writeFileSync('packages/shared/dist/names.js', '');
      if (status === 0) writeFileSync(notes, '');
      process.exit(status);`;
    this.write('bin/typescript/tsc', text);
    this.write('bin/typescript/package.json', '{"type": "module"}');
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  remove(path: string): void {
    rmSync(join(this.folder, path), { recursive: true });
  }

  setUp(): { status: number | null; did: string[] } {
    const { status, stdout } = spawnSync(process.execPath, [join(this.folder, 'infra/setup.mjs')], {
      env: { PATH: [join(this.folder, 'bin'), process.env['PATH'] ?? ''].join(delimiter) },
      encoding: 'utf8',
    });
    return { status, did: [...stdout.matchAll(/^docket: (\w+)$/gm)].map(([, what = '']) => what) };
  }
}

function setUpClone(): Clone {
  const clone = new Clone();
  expect(clone.setUp()).toEqual(installsAndBuilds);
  return clone;
}

const nothing = { status: 0, did: [] };
const installs = { status: 0, did: ['installing'] };
const installsAndBuilds = { status: 0, did: ['installing', 'building'] };
const builds = { status: 0, did: ['building'] };

describe('setup', () => {
  it('installs and builds a fresh clone, and does nothing the second time', () => {
    const clone = setUpClone();
    expect(clone.setUp()).toEqual(nothing);
  });

  it('notices what is another', () => {
    const clone = setUpClone();
    const did = (path: string, text: string) => {
      clone.write(path, text);
      return [path, clone.setUp()];
    };
    expect([
      did('pnpm-lock.yaml', 'another lock'),
      did('pnpm-workspace.yaml', 'another workspace'),
      did('packages/shared/package.json', '{"dependencies": {}}'),
      did('packages/shared/src/names.ts', 'export const name = 1;'),
      did('packages/shared/src/tokens.ts', 'export {};'),
      did('packages/shared/tsconfig.json', '{"extends": ""}'),
      did('tsconfig.base.json', '{"compilerOptions": {}}'),
    ]).toEqual([
      ['pnpm-lock.yaml', installsAndBuilds],
      ['pnpm-workspace.yaml', installs],
      ['packages/shared/package.json', installsAndBuilds],
      ['packages/shared/src/names.ts', builds],
      ['packages/shared/src/tokens.ts', builds],
      ['packages/shared/tsconfig.json', builds],
      ['tsconfig.base.json', builds],
    ]);
    expect(clone.setUp()).toEqual(nothing);
  });

  it('notices what was deleted, and makes it anew', () => {
    const clone = setUpClone();
    const did = (path: string) => {
      clone.remove(path);
      const what = clone.setUp();
      expect(readFileSync(join(clone.folder, 'packages/shared/dist/names.js'), 'utf8')).toBe('');
      return [path, what];
    };
    expect([
      did('node_modules'),
      did('packages/shared/node_modules'),
      did('packages/shared/dist'),
      did('packages/shared/dist/names.js'),
    ]).toEqual([
      ['node_modules', installsAndBuilds],
      ['packages/shared/node_modules', installs],
      ['packages/shared/dist', builds],
      ['packages/shared/dist/names.js', builds],
    ]);
    expect(clone.setUp()).toEqual(nothing);
  });

  it('builds a source that came back with its old date, though the compiler would take it for built', () => {
    const clone = setUpClone();
    clone.remove('packages/shared/dist/names.js');
    const before = new Date('2001-01-01');
    utimesSync(join(clone.folder, 'packages/shared/src/names.ts'), before, before);
    expect(clone.setUp()).toEqual(builds);
    expect(readFileSync(join(clone.folder, 'packages/shared/dist/names.js'), 'utf8')).toBe('');
  });

  it('installs again after an install that was killed in the middle', () => {
    const clone = new Clone();
    clone.install('kill -9 $$');
    expect(clone.setUp()).toEqual({ status: 1, did: ['installing'] });
    clone.install();
    expect(clone.setUp()).toEqual(installsAndBuilds);
  });

  it('fails with a build that fails, and builds again', () => {
    const clone = new Clone();
    clone.compile(2);
    expect(clone.setUp()).toEqual({ status: 2, did: ['installing', 'building'] });
    clone.compile();
    expect(clone.setUp()).toEqual(builds);
  });

  it('installs again after an install that failed, though nothing is other than before it', () => {
    const clone = setUpClone();
    clone.write('pnpm-lock.yaml', 'another lock');
    clone.install('exit 3');
    expect(clone.setUp()).toEqual({ status: 3, did: ['installing'] });
    clone.write('pnpm-lock.yaml', 'lock');
    clone.install();
    expect(clone.setUp()).toEqual(installs);
  });
});
