/**
 * Installs and builds what has changed since the last time, and nothing else. Runs before anything is installed, so it uses Node alone.
 *
 * What was done is kept in `node_modules/.docket-setup.json`: what the packages were installed for, and for each TypeScript project its
 * sources and its output. A record is written when the work has ended well and struck before it begins, so that work that was interrupted
 * is done again; who deletes packages or output makes it untrue.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const recordFile = join(root, 'node_modules', '.docket-setup.json');
/** Who runs this again in a folder of another Node or another machine needs other packages. */
const platform = `${process.version} ${process.platform} ${process.arch}`;

const projects = readJson('tsconfig.json').references.map(({ path }) => path);
/** Members of the workspace; a project inside a member is none. */
const members = ['.', ...projects.filter((path) => existsSync(join(root, path, 'package.json')))];

let done = existsSync(recordFile) ? JSON.parse(readFileSync(recordFile, 'utf8')) : {};

const packages = digest([platform, ...packageFiles().map((path) => readFileSync(join(root, path), 'utf8'))]);
if (done.packages !== packages || !packagesAreThere()) {
  record({ ...done, packages: undefined });
  run('installing', 'npx', ['--yes', readJson('package.json').packageManager, 'install', '--frozen-lockfile']);
  record({ ...done, packages });
}

const changed = projects.filter((path) => done.projects?.[path] !== filesOf(path));
if (changed.length > 0) {
  // The compiler believes its own notes, which know neither of output that was deleted nor of a source that came back with its old date.
  for (const path of changed) rmSync(join(root, path, 'dist', 'tsconfig.tsbuildinfo'), { force: true });
  record({ packages });
  run('building', process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--build']);
  record({ packages, projects: Object.fromEntries(projects.map((path) => [path, filesOf(path)])) });
}

/** Ends this process when the command fails. */
function run(what, command, words) {
  process.stdout.write(`docket: ${what}\n`);
  const { status, error } = spawnSync(command, words, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) process.stderr.write(`docket: ${what} failed: ${error.message}\n`);
  if (status !== 0) process.exit(status ?? 1);
}

/** Whole or not at all. */
function record(work) {
  done = work;
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(`${recordFile}.${process.pid}`, JSON.stringify(work));
  renameSync(`${recordFile}.${process.pid}`, recordFile);
}

function packageFiles() {
  return ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...members.map((path) => join(path, 'package.json'))];
}

/** A link to what is not there counts as missing, and so does a member without its packages. */
function packagesAreThere() {
  return members.every((path) => {
    const { dependencies, devDependencies } = readJson(join(path, 'package.json'));
    const names = Object.keys({ ...dependencies, ...devDependencies });
    return names.every((name) => existsSync(join(root, path, 'node_modules', name, 'package.json')));
  });
}

/** Says what a project is built of and what it was built to: packages, settings, and of every file below it path, date and size. */
function filesOf(path) {
  const shared = ['pnpm-lock.yaml', 'tsconfig.base.json', 'tsconfig.json'];
  return digest([...shared.map((file) => readFileSync(join(root, file), 'utf8')), ...filesBelow(path)]);
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path);
    if (!/\.(ts|js|json|map|tsbuildinfo)$/.test(entry.name)) return [];
    const { mtimeMs, size } = statSync(join(root, path));
    return [`${path} ${mtimeMs} ${size}`];
  });
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

function digest(texts) {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex');
}
