/** For verbs that ask the search engine of a running instance, with the key of its projector. */
import type { Environment } from '@docket/runtime/environment';
import { askedWith, connectMeilisearch } from '@docket/runtime/meilisearch';
import type { MeilisearchConnection } from '@docket/runtime/meilisearch';

const requestMsMax = 30_000;

export async function withMeilisearch<Result>(
  { meilisearchUrl: url, projectorMeilisearchApiKey: apiKey }: Environment,
  work: (client: MeilisearchConnection['client'] | undefined) => Promise<Result>,
): Promise<Result> {
  if (url === undefined) return work(undefined);
  const { client, stop } = connectMeilisearch({ url, apiKey, connectionsMax: 2, requestMsMax });
  try {
    return await askedWith('PROJECTOR_MEILISEARCH_API_KEY', () => work(client));
  } finally {
    await stop();
  }
}
