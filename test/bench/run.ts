/** `pnpm bench <name>` runs the bench of that name; without one it says which there are. */
import { readdir } from 'node:fs/promises';

const parts = new Set([
  'run',
  'harness',
  'database',
  'appending',
  'instance',
  'load',
  'bare-express',
  'append-peer',
  'pushing',
  'pipelined',
  'database-through',
  'inspector',
  'odd-deeds',
  'guessers',
]);
const files = await readdir(new URL('.', import.meta.url));
const names = files
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length))
  .filter((name) => !parts.has(name));
const [name = ''] = process.argv.slice(2);
if (names.includes(name)) {
  await import(new URL(`${name}.js`, import.meta.url).href);
} else {
  console.error(`pnpm bench <name>, where <name> is one of: ${names.join(', ')}`);
  process.exitCode = 2;
}
