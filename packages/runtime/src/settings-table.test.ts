import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { settings } from './environment.ts';

it('the table of the README is the table of the settings', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const [, table = ''] = /<!-- settings -->([^]*)<!-- \/settings -->/.exec(readme) ?? [];
  const [, , ...rows] = table.trim().split('\n');
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  expect(cells).toEqual(settings.map((setting) => [`\`${setting.name}\``, setting.default, setting.about]));
});
