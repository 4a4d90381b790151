/**
 * The keys of the search engine, each for as much as its holder does and for the indexes of Docket alone: nobody that runs holds the
 * master key. Meilisearch makes a key of its master key and the key's uid (their HMAC-SHA-256), so that these uids give the same keys
 * however often they are made, in an engine that came back empty too. `infra/docker/make-secrets.sh` counts on that.
 */
import { searchIndexPattern } from '@docket/shared/search-index';
import type { Key, Meilisearch } from 'meilisearch';

import { connectMeilisearch, meilisearchRefusal } from './meilisearch.ts';

const requestMsMax = 10_000;
/** Another may be making the same keys at the same time. */
const attemptsMax = 3;

interface KeyKind {
  readonly uid: string;
  readonly name: string;
  readonly actions: readonly string[];
}

const kinds = {
  /** For API processes. */
  search: { uid: '49381f16-4ab0-44fb-8360-af0424873147', name: 'docket search', actions: ['search'] },
  /** For projectors, `docket verify` and `docket projections rebuild`. */
  projector: {
    uid: 'ebb343c1-1583-47be-adff-264bc6a5ba82',
    name: 'docket projector',
    actions: [
      'documents.add',
      'documents.delete',
      'documents.get',
      'indexes.create',
      'indexes.delete',
      'indexes.get',
      'settings.update',
      'tasks.get',
    ],
  },
  /** For people who look into the engine of `up`. */
  operator: {
    uid: 'ea0738d2-3b59-490a-af93-b7ca0c3bd4f0',
    name: 'docket operator',
    actions: ['documents.*', 'indexes.*', 'search', 'settings.*', 'stats.get', 'tasks.*'],
  },
} as const satisfies Record<string, KeyKind>;

export type SearchKeys = Readonly<Record<keyof typeof kinds, string>>;

/** Makes the keys, or finds them: one that is there with other rights than these is made anew. */
export async function makeSearchKeys({
  url,
  masterKey,
}: {
  readonly url: string;
  readonly masterKey: string;
}): Promise<SearchKeys> {
  const { client, stop } = connectMeilisearch({ url, apiKey: masterKey, connectionsMax: 3, requestMsMax });
  try {
    const [search, projector, operator] = await Promise.all([
      keyOf(client, kinds.search),
      keyOf(client, kinds.projector),
      keyOf(client, kinds.operator),
    ]);
    return { search, projector, operator };
  } finally {
    await stop();
  }
}

async function keyOf(client: Meilisearch, kind: KeyKind): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      const known = await found(client, kind.uid);
      if (known !== undefined && isOf(known, kind)) return known.key;
      // What a key may do cannot be changed, and the one that takes its place is the same.
      if (known !== undefined) await client.deleteKey(kind.uid);
      const { uid, name } = kind;
      const made = { uid, name, actions: [...kind.actions], indexes: [searchIndexPattern], expiresAt: null };
      return (await client.createKey(made)).key;
    } catch (error) {
      const code = meilisearchRefusal(error)?.code ?? '';
      if (!lostRaces.has(code) || attempt === attemptsMax) throw error;
    }
  }
}

const lostRaces = new Set(['api_key_already_exists', 'api_key_not_found']);

async function found(client: Meilisearch, uid: string): Promise<Key | undefined> {
  try {
    return await client.getKey(uid);
  } catch (error) {
    if (meilisearchRefusal(error)?.code !== 'api_key_not_found') throw error;
    return undefined;
  }
}

function isOf({ actions, indexes, expiresAt }: Key, kind: KeyKind): boolean {
  return (
    actions.toSorted().join() === kind.actions.join() && indexes.join() === searchIndexPattern && expiresAt === null
  );
}
