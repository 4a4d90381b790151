/** `pnpm chaos [--seed N] [--minutes M]`: exit status 1 when anything was lost, doubled, skipped or left different. */
import { parseArgs } from 'node:util';

import { chaos, summary } from './chaos.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '5' },
  },
});
const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
if (!Number.isInteger(seed) || !(minutes > 0)) {
  console.error('pnpm chaos [--seed N] [--minutes M]');
  process.exit(2);
}
console.log(`seed ${seed}, ${minutes} minutes`);
const report = await chaos({
  root: new URL('../../../../', import.meta.url),
  seed,
  seconds: minutes * 60,
  say: (line) => console.log(line),
});
for (const violation of report.violations) console.log(violation);
console.log(summary(report));
process.exit(report.violations.length === 0 ? 0 : 1);
