/** Whole pushes of new repositories as a v1 registry sees them: PUT, ten proofs of the token, PUT; by one client and by eight at once. */
import { Pool } from 'undici';

import { compare, interleave, printComparisons, printMachine, repeatedly } from './harness.ts';
import { startInstance } from './instance.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 8);
const roundMs = Number(process.env['BENCH_ROUND_MS'] ?? 3_000);
const proofs = 10;
const layers = 5;

const instance = await startInstance();
const pool = new Pool(instance.url, { connections: 8 });
const { adminAuthorization: authorization } = instance;
try {
  await printMachine(instance.databaseUrl);
  let pushed = 0;
  const figures = await interleave({
    rounds,
    roundMs,
    contenders: [1, 8].map((clients) => ({
      name: `${clients} ${clients === 1 ? 'client' : 'clients'}`,
      perSecond: (ms: number) => repeatedly(clients, ms, () => push((pushed += 1))),
    })),
  });
  printComparisons(`pushes: PUT, ${proofs} token proofs, PUT`, compare(figures, '1 client'));
} finally {
  await pool.close();
  await instance.stop();
}

async function push(count: number): Promise<void> {
  const path = `/v1/repositories/library/pushed-${count}`;
  const list = JSON.stringify(
    Array.from({ length: layers }, (_, layer) => ({ id: `${count}`.padStart(63, 'a') + String(layer) })),
  );
  const headers = { authorization, 'content-type': 'application/json', 'x-docker-token': 'true' };
  const token = await asked({ method: 'PUT', path: `${path}/`, headers, body: list }, 200);
  const proof = { method: 'GET', path: `${path}/images`, headers: { authorization: `Token ${token}` } } as const;
  for (let proved = 0; proved < proofs; proved += 1) await asked(proof, 200);
  await asked({ method: 'PUT', path: `${path}/images`, headers, body: '[]' }, 204);
}

/** Answers with the token, if one came. */
async function asked(request: Parameters<Pool['request']>[0], status: number): Promise<string> {
  const answer = await pool.request(request);
  await answer.body.dump();
  if (answer.statusCode !== status) throw new Error(`${request.method} ${request.path}: ${answer.statusCode}`);
  return String(answer.headers['x-docker-token'] ?? '');
}
