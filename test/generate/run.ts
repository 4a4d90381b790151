/** `npm run generate`: writes every page that is made from the sources. */
import { readFileSync, writeFileSync } from 'node:fs';

import { pages } from './pages.ts';

/** The root of the project, from the folder that this file was built to. */
const root = new URL('../../../../', import.meta.url);

for (const { path, made } of pages) {
  const file = new URL(path, root);
  const kept = readFileSync(file, 'utf8');
  const page = made(kept);
  if (page === kept) continue;
  writeFileSync(file, page);
  console.log(`wrote ${path}`);
}
