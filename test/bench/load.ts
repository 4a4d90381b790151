/** Requests per second over connections that are kept, as autocannon counts them. */
import autocannon from 'autocannon';

import type { Contender } from './harness.ts';

export interface Load {
  readonly name: string;
  readonly url: string;
  readonly connections: number;
  readonly requests: readonly autocannon.Request[];
}

export function load({ name, url, connections, requests }: Load): Contender {
  return {
    name,
    perSecond: async (roundMs) => {
      const {
        non2xx,
        errors,
        requests: counted,
      } = await autocannon({
        url,
        connections,
        duration: Math.max(1, Math.round(roundMs / 1_000)),
        requests: [...requests],
      });
      if (non2xx > 0 || errors > 0) throw new Error(`${name}: ${non2xx} answers that are no success, ${errors} errors`);
      return counted.average;
    },
  };
}
