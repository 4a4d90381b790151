/** Writes the files of `infra` that are made from the sources. */
import { writeFileSync } from 'node:fs';

import { composeProxy, proxyFile } from './proxy-file.ts';

writeFileSync(new URL('../proxy/nginx.conf', import.meta.url), proxyFile(composeProxy));
