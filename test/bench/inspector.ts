/**
 * A process as its inspector shows it (`node --inspect`): what it holds after a collection, which its own metrics cannot tell from what is
 * merely not collected yet. Nothing of it is in the process itself.
 */
import { WebSocket } from 'undici';
import { z } from 'zod';

const answerMsMax = 60_000;

const answerSchema = z.object({ id: z.number(), result: z.unknown().optional(), error: z.unknown().optional() });
const memorySchema = z.object({
  pid: z.number(),
  heapUsed: z.number(),
  external: z.number(),
  rss: z.number(),
});

export interface Memory {
  readonly pid: number;
  /** Objects of JavaScript. */
  readonly heapBytes: number;
  /** Buffers, which belong to such objects and lie outside of the heap. */
  readonly externalBytes: number;
  readonly residentBytes: number;
}

/** After two full collections: what a finalizer lets go is gone after the second. `url`: as the process wrote it when it began. */
export async function memoryAfterCollection(url: string): Promise<Memory> {
  return inspected(url, async (call) => {
    await call('HeapProfiler.collectGarbage', {});
    await call('HeapProfiler.collectGarbage', {});
    const { heapUsed, external, rss, pid } = memorySchema.parse(
      JSON.parse(await evaluated(call, 'JSON.stringify({ pid: process.pid, ...process.memoryUsage() })')),
    );
    return { pid, heapBytes: heapUsed, externalBytes: external, residentBytes: rss };
  });
}

/** Runs an expression in the process. */
export async function evaluate(url: string, expression: string): Promise<string> {
  return inspected(url, (call) => evaluated(call, expression));
}

type Call = (method: string, params: object) => Promise<unknown>;

const evaluatedSchema = z.object({ result: z.object({ value: z.coerce.string() }) });

async function evaluated(call: Call, expression: string): Promise<string> {
  return evaluatedSchema.parse(await call('Runtime.evaluate', { expression, returnByValue: true })).result.value;
}

/** Rejects where nobody listens any more: verbs have ended, and their inspectors with them. */
function opened(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(socket));
    socket.addEventListener('close', () => reject(new Error(`${url} is closed`)));
  });
}

async function inspected<Result>(url: string, work: (call: Call) => Promise<Result>): Promise<Result> {
  const socket = await opened(url);
  let calls = 0;
  const call: Call = async (method, params) => {
    const id = (calls += 1);
    const answered = new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} was not answered`)), answerMsMax);
      socket.addEventListener('message', ({ data }) => {
        const answer = answerSchema.safeParse(JSON.parse(String(data)));
        if (answer.data?.id !== id) return;
        clearTimeout(timer);
        if (answer.data.error === undefined) resolve(answer.data.result);
        else reject(new Error(`${method}: ${JSON.stringify(answer.data.error)}`));
      });
    });
    socket.send(JSON.stringify({ id, method, params }));
    return answered;
  };
  try {
    return await work(call);
  } finally {
    socket.close();
  }
}
