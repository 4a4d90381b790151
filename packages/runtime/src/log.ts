import { pino } from 'pino';
import type { Logger } from 'pino';

import type { LogLevel } from './environment.ts';

export type Log = Logger;

/** These fields must not stand in a log, wherever an object that carries them is logged whole. */
const secretFields = ['authorization', 'password', 'token', 'cookie', 'secret'];

/** JSON lines on standard error: standard output is for people and for what a verb answers. */
export function createLog({ name, level }: { readonly name: string; readonly level: LogLevel }): Log {
  return pino(
    {
      name,
      level,
      redact: {
        paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.headers.${field}`]),
        censor: '[secret]',
      },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    // Written at once: the last line before a crash is the one that matters.
    pino.destination({ dest: 2, sync: true }),
  );
}
