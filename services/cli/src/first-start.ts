/** What a new Docket begins with: an admin, and in a database of its own a few repositories to look at. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { writePrivateFile } from '@docket/infra/private-file';

import { runVerb } from './service-process.ts';

const sampleCatalogue = new URL('../../../infra/sample-catalogue.ndjson', import.meta.url);

interface Options {
  /** With every database URL. */
  readonly env: NodeJS.ProcessEnv;
  readonly dataDirectory: string;
  readonly say: (line: string) => void;
}

/** Again and again until it has gone to its end once; a catalogue that was loaded and then deleted stays deleted. */
export async function loadSampleCatalogue({ env, dataDirectory, say }: Options): Promise<void> {
  const done = join(dataDirectory, 'sample-catalogue-loaded');
  if (existsSync(done)) return;
  say('loading the sample catalogue');
  await runVerb(['import', sampleCatalogue.pathname], env);
  writePrivateFile(done, '');
}
