/** From a request to the execution of its command on a repository; what all routes that change one have in common. */
import type { TokenKey } from '@docket/runtime/environment';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { FullName } from '@docket/shared/names';
import { imageEntry } from '@docket/shared/repositories';
import type { ImageEntry } from '@docket/shared/repositories';
import type { Lookup } from '@docket/store/repositories';
import { z } from 'zod';

import { commandEnvelope } from '../envelope.ts';
import { executeOnRepository } from '../execute.ts';
import type { Executed, Execution } from '../execute.ts';
import type { Authentication, Caller } from '../http/authenticate.ts';
import type { ApiRequest } from '../http/request.ts';
import type { TokenHeaders } from '../http/v1.ts';
import { bodyBytesMax } from '../limits.ts';
import type { RepositoryCommand } from './decider.ts';

export interface RepositoryRoutes extends Authentication, Execution, TokenHeaders {
  readonly tokenKeys: readonly TokenKey[];
}

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

interface Intent {
  readonly fullName: FullName;
  readonly command: RepositoryCommand;
  /** What the request has read already. */
  readonly found: Lookup;
}

export async function run(
  using: RepositoryRoutes,
  request: ApiRequest,
  caller: Caller,
  { fullName, command, found }: Intent,
): Promise<Executed | Refusal> {
  const body = await request.text(bodyBytesMax);
  const envelope = commandEnvelope(request, caller, typeof body === 'string' ? body : '', using.tokenKeys);
  return isRefusal(envelope) ? envelope : executeOnRepository(using, fullName, command, envelope, found);
}
