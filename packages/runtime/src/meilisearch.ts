/**
 * Meilisearch over pooled connections that are kept, and uncompressed: asked for gzip, as global fetch does, it answers every request
 * some 40 ms later.
 */
import { Meilisearch, MeilisearchApiError, MeilisearchRequestError } from 'meilisearch';
import type { Config } from 'meilisearch';
import { Pool } from 'undici';
import { z } from 'zod';

const connectMsMax = 2_000;
const keepAliveMs = 30_000;

export interface MeilisearchOptions {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly connectionsMax: number;
  /** The time from the sending of a request to the end of its answer. */
  readonly requestMsMax: number;
}

export interface MeilisearchConnection {
  readonly client: Meilisearch;
  readonly stop: () => Promise<void>;
}

export function connectMeilisearch({
  url,
  apiKey,
  connectionsMax,
  requestMsMax,
}: MeilisearchOptions): MeilisearchConnection {
  const pool = new Pool(new URL(url).origin, {
    connections: connectionsMax,
    connect: { timeout: connectMsMax },
    keepAliveTimeout: keepAliveMs,
  });
  const client = new Meilisearch({
    host: url,
    ...(apiKey === undefined ? {} : { apiKey }),
    requestInit: { headers: { 'accept-encoding': 'identity' } },
    httpClient: pooledFetch(pool, requestMsMax),
  });
  // Destroyed, not closed: an engine that hangs must not hold up the end of the process.
  return { client, stop: () => pool.destroy() };
}

const errorBody = z.object({ message: z.string(), code: z.string(), type: z.string(), link: z.string() });

function pooledFetch(pool: Pool, requestMsMax: number): NonNullable<Config['httpClient']> {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const timeout = AbortSignal.timeout(requestMsMax);
    const { statusCode, body } = await pool.request({
      path: url.pathname + url.search,
      method: methodOf(init.method),
      headers: Object.fromEntries(new Headers(init.headers)),
      body: typeof init.body === 'string' ? init.body : null,
      signal: init.signal ? AbortSignal.any([init.signal, timeout]) : timeout,
    });
    const text = await body.text();
    if (statusCode < 400) return text === '' ? undefined : JSON.parse(text);
    // The client would throw the same if it had read the answer itself.
    throw new MeilisearchApiError(new Response(text, { status: statusCode }), readError(text));
  };
}

/** Undefined when it was not Meilisearch that answered but something on the way. */
function readError(text: string): z.infer<typeof errorBody> | undefined {
  try {
    return errorBody.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The error that Meilisearch itself answered with, if that is why a call failed; the client wraps it once more. */
export function meilisearchRefusal(error: unknown): { readonly code: string; readonly message: string } | undefined {
  const told = error instanceof MeilisearchRequestError ? error.cause : error;
  if (!(told instanceof MeilisearchApiError)) return undefined;
  return { code: told.cause?.code ?? `${told.response.status}`, message: told.message };
}

const keyRefusals = new Set(['invalid_api_key', 'missing_authorization_header']);

/** Where a key comes from. */
type KeySetting = 'MEILISEARCH_API_KEY' | 'PROJECTOR_MEILISEARCH_API_KEY';

/** A sentence for people, when it was the key that Meilisearch refused. */
export function keyRefusal(error: unknown, setting: KeySetting): string | undefined {
  const code = meilisearchRefusal(error)?.code ?? '';
  if (!keyRefusals.has(code)) return undefined;
  return (
    `Meilisearch refuses the key of ${setting} (${code}): give the one that docket search-keys makes, ` +
    'and run that again where the engine came back without its keys'
  );
}

/** @throws {Error} with that sentence, when it was the key; else with what it was. */
export async function askedWith<Answer>(setting: KeySetting, asked: () => Promise<Answer>): Promise<Answer> {
  try {
    return await asked();
  } catch (error) {
    const sentence = keyRefusal(error, setting);
    if (sentence === undefined) throw error;
    throw new Error(sentence, { cause: error });
  }
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

function methodOf(method = 'GET'): (typeof methods)[number] {
  const known = methods.find((name) => name === method);
  if (known === undefined) throw new Error(`Meilisearch is not asked with ${method}`);
  return known;
}
