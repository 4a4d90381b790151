/**
 * The guessers of the bench, in a process of their own: so many connections send wrong passwords for `admin`, never the same twice, as
 * fast as they are answered, until SIGTERM. Then a line says how often which status was answered.
 */
import { randomBytes } from 'node:crypto';

import { Pool } from 'undici';

const [url = '', connections = '', from = ''] = process.argv.slice(2);
const pool = new Pool(url, { connections: Number(connections) });
const statuses: Record<string, number> = {};
const end = new AbortController();
process.once('SIGTERM', () => end.abort());
await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    while (!end.signal.aborted) {
      const credentials = Buffer.from(`admin:${randomBytes(8).toString('hex')}`).toString('base64');
      const headers = { authorization: `Basic ${credentials}`, 'x-forwarded-for': from };
      const answer = await pool.request({ method: 'GET', path: '/v1/users/', headers });
      await answer.body.dump();
      statuses[answer.statusCode] = (statuses[answer.statusCode] ?? 0) + 1;
    }
  }),
);
await pool.close();
console.log(JSON.stringify(statuses));
