/** For verbs that ask the search engine of a running instance. */
import type { Environment } from '@docket/runtime/environment';
import { connectMeilisearch } from '@docket/runtime/meilisearch';
import type { MeilisearchConnection } from '@docket/runtime/meilisearch';

const requestMsMax = 30_000;

export async function withMeilisearch<Result>(
  { meilisearchUrl: url, meilisearchApiKey: apiKey }: Environment,
  work: (client: MeilisearchConnection['client'] | undefined) => Promise<Result>,
): Promise<Result> {
  if (url === undefined) return work(undefined);
  const { client, stop } = connectMeilisearch({ url, apiKey, connectionsMax: 2, requestMsMax });
  try {
    return await work(client);
  } finally {
    await stop();
  }
}
