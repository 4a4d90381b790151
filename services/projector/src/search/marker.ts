/**
 * The marker: a document of the index that says how far the log is in it. It is written with every payload, so an index that comes
 * back empty or older than the checkpoint says so itself, and one that belongs to another log too.
 */
import { createHash } from 'node:crypto';

import { meilisearchRefusal } from '@docket/runtime/meilisearch';
import { markerDocumentId, searchIndexSettings } from '@docket/shared/search-index';
import type { Checkpoint } from '@docket/store/followers/checkpoint';
import { z } from 'zod';

import { succeeded } from './tasks.ts';
import type { Engine, Line } from './tasks.ts';

const markerSchema = z.object({
  installation: z.string(),
  position: z.string().regex(/^\d+$/).transform(BigInt),
  command_id: z.string().nullable(),
  /** A hash of the settings that the index had when the marker was written. */
  settings: z.string(),
});
export type Marker = z.infer<typeof markerSchema>;

export const settingsDigest = createHash('sha256').update(JSON.stringify(searchIndexSettings)).digest('hex');

/** Private, as to the filters of search: nobody finds it. */
export function markerLine(installation: string, { position, commandId }: Checkpoint): Line {
  const marker = { installation, position: `${position}`, command_id: commandId, settings: settingsDigest };
  return { id: markerDocumentId, json: JSON.stringify({ id: markerDocumentId, private: true, marker }) };
}

const absenceCodes = new Set(['index_not_found', 'document_not_found']);

/** Undefined where there is no index, or no marker in it that can be read. */
export async function readMarker({ client, uid }: Pick<Engine, 'client' | 'uid'>): Promise<Marker | undefined> {
  try {
    const document = await client.index(uid).getDocument(markerDocumentId);
    return markerSchema.safeParse(document['marker']).data;
  } catch (error) {
    if (absenceCodes.has(meilisearchRefusal(error)?.code ?? '')) return undefined;
    throw error;
  }
}

export type Verdict =
  | { readonly verdict: 'in step' }
  /** The documents of the index are right up to this checkpoint. */
  | { readonly verdict: 'behind'; readonly from: Checkpoint }
  /** The index has to be made, or given its settings anew, and filled from there. */
  | { readonly verdict: 'unprepared'; readonly from: Checkpoint }
  /** The documents of the index are of another log and have to go. */
  | { readonly verdict: 'foreign' };

export const beginning: Checkpoint = { position: 0n, commandId: null };

interface Judged {
  readonly marker: Marker | undefined;
  /** Whether the event that the marker names is in the log. */
  readonly inLog: boolean;
  readonly installation: string;
  readonly checkpoint: Checkpoint;
}

/** Pure. A marker that is ahead is of a page whose checkpoint was not moved any more: the page is written again. */
export function judgeMarker({ marker, inLog, installation, checkpoint }: Judged): Verdict {
  if (marker === undefined) return { verdict: 'unprepared', from: beginning };
  if (marker.installation !== installation || !inLog) return { verdict: 'foreign' };
  const behind = marker.position < checkpoint.position;
  const from = behind ? { position: marker.position, commandId: marker.command_id } : checkpoint;
  if (marker.settings !== settingsDigest) return { verdict: 'unprepared', from };
  return behind ? { verdict: 'behind', from } : { verdict: 'in step' };
}

export async function prepareIndex(engine: Engine): Promise<void> {
  const { client, uid } = engine;
  try {
    await client.getRawIndex(uid);
  } catch (error) {
    if (meilisearchRefusal(error)?.code !== 'index_not_found') throw error;
    await succeeded(engine, await client.createIndex(uid, { primaryKey: 'id' }));
  }
  await succeeded(engine, await client.index(uid).updateSettings(searchIndexSettings));
}

export async function dropIndex(engine: Engine): Promise<void> {
  await succeeded(engine, await engine.client.deleteIndex(engine.uid));
}
