/** The pages of the project that are made from its sources: `npm run generate` writes them, and a test compares. */
import { composeProxy, proxyFile } from '@docket/infra/proxy-file';
import { settings } from '@docket/runtime/environment';

import { markdownTable } from './markdown-table.ts';
import { rightsPage } from './rights-page.ts';

interface Page {
  /** The path of the page, from the root of the project. */
  readonly path: string;
  /** The whole page as it should be; given what is kept there now, because a part of it may be written by hand. */
  readonly made: (kept: string) => string;
}

export const pages: readonly Page[] = [
  { path: 'docs/rights.md', made: rightsPage },
  { path: 'infra/proxy/nginx.conf', made: () => proxyFile(composeProxy) },
  { path: 'README.md', made: withSettings },
];

function withSettings(readme: string): string {
  const table = markdownTable(
    ['setting', 'default', ''],
    settings.map((setting) => [`\`${setting.name}\``, setting.default, setting.about]),
  );
  const between = /(?<=<!-- settings -->\n\n)[^]*(?=\n\n<!-- \/settings -->)/;
  if (!between.test(readme)) throw new Error('README.md has lost the marks between which its table of settings stands');
  return readme.replace(between, () => table);
}
