/** What comes with a command whatever it is about: its id, who sent it, in which request, from where. */
import { createHmac } from 'node:crypto';

import type { TokenKey } from '@docket/runtime/environment';
import type { Metadata } from '@docket/shared/event';
import { idempotencyKeyCharactersMax, smallBodyBytesMax } from '@docket/shared/limits';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { Database } from '@docket/store/connect';
import { readCommand } from '@docket/store/log/read';
import type { RequestContext } from '@docket/store/log/append';
import type { PastCommand } from '@docket/store/log/read';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';

import { accountOf, actorOf } from '../access/authenticate.ts';
import type { Caller } from '../access/authenticate.ts';
import type { ApiRequest } from '../http/request.ts';

export interface CommandEnvelope {
  readonly commandId: string;
  readonly metadata: Metadata;
  readonly context: RequestContext;
  /** Who sent it: whether that still counts is asked again where it is written. */
  readonly caller: Caller;
  /** Of the request under every key of the ring, the newest first; none where the client did not name its command. */
  readonly fingerprints: readonly string[];
  /** The account whose quotas it counts for; undefined for nobody in particular, admins of the index and operators. */
  readonly heldTo: string | undefined;
}

/** Commands of nobody in particular are named within this id, those of an account within the account's. */
const nobodyId = '6f0c2a52-5a5c-4c52-9b1d-3d1f3b0a9c11';

/** `body`: the text of the request's body, by which a retry is told from another request under the same key. */
export function commandEnvelope(
  request: ApiRequest,
  caller: Caller,
  body: string,
  tokenKeys: readonly TokenKey[],
): CommandEnvelope | Refusal {
  const actor = actorOf(caller);
  const key = request.header('idempotency-key');
  if (key !== undefined && (key === '' || key.length > idempotencyKeyCharactersMax)) {
    return refuse(
      'invalid_field',
      `Idempotency-Key must have 1 to ${idempotencyKeyCharactersMax} characters`,
      'Idempotency-Key',
    );
  }
  const { id, ip, userAgent } = request;
  const account = accountOf(caller);
  const fingerprints = key === undefined ? [] : tokenKeys.map((tokenKey) => fingerprint(request, body, tokenKey));
  return {
    caller,
    commandId: key === undefined ? uuidv7() : uuidv5(key, actor?.id ?? nobodyId),
    metadata: { actor, request_id: id, correlation_id: id, causation_id: id },
    fingerprints,
    context: { ip, userAgent, fingerprint: fingerprints[0] ?? null },
    heldTo: account?.isAdmin ? undefined : account?.id,
  };
}

/** The envelope of a request. The body was read for the command, or is small and is read here; one that cannot be read counts as empty. */
export async function envelopeOf(
  request: ApiRequest,
  caller: Caller,
  tokenKeys: readonly TokenKey[],
): Promise<CommandEnvelope | Refusal> {
  const body = await request.text(smallBodyBytesMax);
  return commandEnvelope(request, caller, typeof body === 'string' ? body : '', tokenKeys);
}

/** Keyed, because a body may hold a password; with the key's id in front, because keys are replaced. */
function fingerprint({ method, path }: ApiRequest, body: string, { id, secret }: TokenKey): string {
  return `${id}:${createHmac('sha256', secret)
    .update(JSON.stringify([method, path, body]))
    .digest('base64url')}`;
}

/** Undefined: the client did not name its command, or it is new. */
export async function earlierOutcome(
  database: Database,
  envelope: CommandEnvelope,
): Promise<PastCommand | Refusal | undefined> {
  return envelope.context.fingerprint === null ? undefined : pastCommand(database, envelope);
}

/** What is in the log of this command, unless another request put it there; undefined when nothing is. */
export async function pastCommand(
  database: Database,
  { commandId, fingerprints }: CommandEnvelope,
): Promise<PastCommand | Refusal | undefined> {
  const past = await readCommand(database, commandId);
  if (!past) return undefined;
  return isSameRequest(past.fingerprint, fingerprints) ? past : commandReused;
}

export const raceLost = refuse('contended', 'too many change this at once; try again in a moment');

export const commandReused = refuse('command_reused', 'the Idempotency-Key was used for another request');

/**
 * Where the context of the request was erased its fingerprint went with it, and the word of the client's key is taken. Of one that was
 * made under a key that is not in the ring any more nothing can be told, and it is not answered as done.
 */
function isSameRequest(past: string | null, present: readonly string[]): boolean {
  return past === null || present.includes(past);
}
