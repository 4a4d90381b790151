import { existsSync, readFileSync } from 'node:fs';

import { expect, test } from 'vitest';
import { z } from 'zod';

import { searchIndexSettings, searchIndexUid } from './search-index.ts';

const measured = new URL('../../../../shared/data/meili-settings.json', import.meta.url);
const filterable = z.array(z.looseObject({ attributePatterns: z.array(z.string()) })).min(1);

test.skipIf(!existsSync(measured))(
  'the settings are the measured ones, and documents can be told and left out by their `id`',
  () => {
    const settings = z
      .looseObject({ filterableAttributes: filterable, displayedAttributes: z.array(z.string()) })
      .parse(JSON.parse(readFileSync(measured, 'utf8')));
    const [first, ...others] = settings.filterableAttributes;
    expect(searchIndexSettings).toEqual({
      ...settings,
      displayedAttributes: ['id', ...settings.displayedAttributes],
      filterableAttributes: [{ ...first, attributePatterns: ['id', ...(first?.attributePatterns ?? [])] }, ...others],
    });
  },
);

test('every installation has an index of its own', () => {
  expect(searchIndexUid('d209e9cc-c753-4c80-a2ee-f9c7e337f4dc')).toBe('repositories_d209e9cc');
});
