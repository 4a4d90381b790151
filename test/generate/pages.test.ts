import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { pages } from './pages.ts';

it.each(pages)('$path is what its sources make', ({ path, made }) => {
  const kept = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  expect(kept, `${path} is not what its sources make; "npm run generate" writes it`).toBe(made(kept));
});
