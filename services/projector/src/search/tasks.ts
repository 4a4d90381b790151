/** Meilisearch answers a write before it is done; whether it was is known from its task. */
import { setTimeout as elapsed } from 'node:timers/promises';

import { meilisearchRefusal } from '@docket/runtime/meilisearch';
import type { EnqueuedTask, Meilisearch, Task } from 'meilisearch';

/** A queue full of others' work moves on at some time; a task that is still not done by then is sent again. */
const taskMsMax = 10 * 60_000;
const pollMsMin = 5;
const pollMsMax = 100;
/** Far below what Meilisearch and the proxies before it accept. */
const payloadBytesMax = 20_000_000;

export class TaskFailed extends Error {
  override readonly name = 'TaskFailed';
}

export interface Engine {
  readonly client: Meilisearch;
  readonly uid: string;
  /** Ends the waiting. */
  readonly ended: AbortSignal;
  readonly onTask?: (task: TaskMeasured) => void;
}

export interface TaskMeasured {
  readonly status: string;
  /** The time from the task's enqueuing to its end, as far as this process looked. */
  readonly seconds: number;
}

async function done({ client, ended, onTask }: Engine, { taskUid }: EnqueuedTask): Promise<Task> {
  const started = performance.now();
  const deadline = started + taskMsMax;
  let pauseMs = pollMsMin;
  while (performance.now() < deadline) {
    const task = await client.tasks.getTask(taskUid);
    if (task.status !== 'enqueued' && task.status !== 'processing') {
      onTask?.({ status: task.status, seconds: (performance.now() - started) / 1_000 });
      return task;
    }
    await elapsed(pauseMs, undefined, { signal: ended });
    pauseMs = Math.min(pauseMs * 1.5, pollMsMax);
  }
  throw new TaskFailed(`task ${taskUid} of Meilisearch is not done after ${taskMsMax} ms`);
}

/** @throws {TaskFailed} */
export async function succeeded(engine: Engine, enqueued: EnqueuedTask): Promise<void> {
  const { uid, type, status, error } = await done(engine, enqueued);
  if (status !== 'succeeded') throw new TaskFailed(`task ${uid} (${type}) ${status}: ${error?.message ?? 'no reason'}`);
}

/** A document as it goes over the wire. */
export interface Line {
  readonly id: number;
  readonly json: string;
}

export interface RefusedDocument {
  readonly id: number;
  readonly reason: string;
}

/**
 * Adds or replaces whole documents; each payload ends with the marker. One bad document fails its whole payload: it is sought by
 * halves and left out. Anything else that fails is thrown, and the page is sent again.
 */
export async function addDocuments(
  engine: Engine,
  lines: readonly Line[],
  marker: Line,
): Promise<readonly RefusedDocument[]> {
  const reason = await refusal(engine, [...lines, marker]);
  if (reason === undefined) return [];
  const [first] = lines;
  if (first === undefined) throw new TaskFailed(`Meilisearch refuses the marker: ${reason}`);
  if (lines.length === 1) {
    // Thrown when it takes nothing at all: then it is not the document.
    await addDocuments(engine, [], marker);
    return [{ id: first.id, reason }];
  }
  const middle = lines.length >> 1;
  return [
    ...(await addDocuments(engine, lines.slice(0, middle), marker)),
    ...(await addDocuments(engine, lines.slice(middle), marker)),
  ];
}

/** Why Meilisearch does not take these documents, if it is because of them. */
async function refusal(engine: Engine, lines: readonly Line[]): Promise<string | undefined> {
  const payload = lines.map(({ json }) => json).join('\n');
  try {
    const enqueued = await engine.client
      .index(engine.uid)
      .addDocumentsFromString(payload, 'application/x-ndjson', { primaryKey: 'id' });
    const { uid, status, error } = await done(engine, enqueued);
    if (status === 'succeeded') return undefined;
    // "internal" is what it says of a document that it cannot parse, as one that is nested too deeply.
    if (status === 'failed' && (error?.type === 'invalid_request' || error?.code === 'internal')) return error.message;
    throw new TaskFailed(`task ${uid} ${status}: ${error?.message ?? 'no reason'}`);
  } catch (error) {
    const refused = meilisearchRefusal(error);
    if (refused?.code === 'payload_too_large') return refused.message;
    throw error;
  }
}

export async function deleteDocuments(engine: Engine, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  // Documents are deleted by id: Meilisearch would not merge a deletion by filter with the additions around it.
  await succeeded(engine, await engine.client.index(engine.uid).deleteDocuments([...ids]));
}

/** Parts of a page, each small enough for one payload. At least one, so that the marker always has one to go with. */
export function payloadParts(lines: readonly Line[], bytesMax = payloadBytesMax): readonly (readonly Line[])[] {
  const parts: Line[][] = [[]];
  let bytes = 0;
  for (const line of lines) {
    const size = Buffer.byteLength(line.json) + 1;
    if (bytes + size > bytesMax && bytes > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(line);
    bytes += size;
  }
  return parts;
}
