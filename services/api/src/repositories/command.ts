/** From a request to the execution of its command on a repository; what all routes that change one have in common. */
import type { TokenKey } from '@docket/runtime/environment';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { imageEntry } from '@docket/shared/repositories';
import type { ImageEntry } from '@docket/shared/repositories';
import { z } from 'zod';

import { commandEnvelope } from '../envelope.ts';
import { executeOnRepository } from '../execute.ts';
import type { Executed, Execution, Intent } from '../execute.ts';
import { accountOf } from '../http/authenticate.ts';
import type { Authentication, Caller } from '../http/authenticate.ts';
import type { ApiRequest } from '../http/request.ts';
import type { TokenHeaders } from '../http/v1.ts';
import { bodyBytesMax } from '../limits.ts';

export interface Commanding extends Authentication, Execution {
  readonly tokenKeys: readonly TokenKey[];
}

export interface RepositoryRoutes extends Commanding, TokenHeaders {}

/** `[{"id", "Tag"?, "checksum"?}]`: capital T, the same id once for each tag, parents without (docker 0.8 and later). */
const wireEntry = z
  .object({
    id: imageEntry.shape.id,
    checksum: imageEntry.shape.checksum.nullable().or(z.literal('')),
    Tag: imageEntry.shape.tag.nullable().or(z.literal('')),
  })
  .transform(({ id, checksum, Tag: tag }): ImageEntry => ({
    id,
    ...(checksum ? { checksum } : {}),
    ...(tag ? { tag } : {}),
  }));
export const imageList = z.array(wireEntry);

export async function run(
  using: Commanding,
  request: ApiRequest,
  caller: Caller,
  intent: Omit<Intent, 'accountId'>,
): Promise<Executed | Refusal> {
  const body = await request.text(bodyBytesMax);
  const envelope = commandEnvelope(request, caller, typeof body === 'string' ? body : '', using.tokenKeys);
  if (isRefusal(envelope)) return envelope;
  return executeOnRepository(using, { ...intent, accountId: accountOf(caller)?.id }, envelope);
}
