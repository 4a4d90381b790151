/** A client that pushes over HTTP as docker does, and how long what it was told takes to be seen. */
import { setTimeout as elapsed } from 'node:timers/promises';

import type pg from 'pg';
import type { Pool } from 'undici';

import type { Instance } from './instance.ts';

const visibleMsMax = 10_000;
const pollMs = 1;

export interface Pusher {
  /** The token of the answer; fails when it is answered otherwise than told. */
  readonly put: (path: string, body: string, status: number) => Promise<string>;
  /** Announce, prove the token once, finish. */
  readonly push: (repository: string) => Promise<void>;
}

export function pusher({ adminAuthorization: authorization }: Instance, pool: Pool): Pusher {
  const headers = { authorization, 'content-type': 'application/json', 'x-docker-token': 'true' };
  const put = async (path: string, body: string, status: number) => {
    const answer = await pool.request({ method: 'PUT', path, headers, body });
    await answer.body.dump();
    if (answer.statusCode !== status) throw new Error(`PUT ${path} was answered ${answer.statusCode}`);
    return String(answer.headers['x-docker-token'] ?? '');
  };
  const push = async (repository: string) => {
    const path = `/v1/repositories/${repository}`;
    const token = await put(`${path}/`, '[{"id":"9e89cc6f0bc3"},{"id":"ertwetewtwe3"}]', 200);
    const proof = await pool.request({
      method: 'GET',
      path: `${path}/images`,
      headers: { authorization: `Token ${token}` },
    });
    await proof.body.dump();
    if (proof.statusCode !== 200) throw new Error(`a token proof was answered ${proof.statusCode}`);
    await put(`${path}/images`, '[]', 204);
  };
  return { put, push };
}

/** Milliseconds from the acknowledgement of a new repository of `library` until its row is there. */
export async function lagOf(name: string, { put }: Pusher, database: pg.Pool): Promise<number> {
  await put(`/v1/repositories/library/${name}/`, '[{"id":"9e89cc6f0bc3"}]', 200);
  const acknowledged = performance.now();
  await until(async () => {
    const { rowCount } = await database.query({
      name: 'seen',
      text: 'select from read.repositories where name = $1',
      values: [name],
    });
    return rowCount === 1;
  });
  return performance.now() - acknowledged;
}

export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + visibleMsMax;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not visible after ${visibleMsMax} ms`);
    await elapsed(pollMs);
  }
}
