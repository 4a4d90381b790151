/** From a request to the execution of its command on a repository; what all routes that change one have in common. */
import type { TokenKey } from '@docket/runtime/environment';
import type { FullName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { imageEntry } from '@docket/shared/repositories';
import type { ImageEntry } from '@docket/shared/repositories';
import type { Lookup } from '@docket/store/repositories';
import { z } from 'zod';

import { commandEnvelope } from '../envelope.ts';
import { executeOnRepository } from '../execute.ts';
import type { Executed, Execution, Intent } from '../execute.ts';
import { accountOf, authenticateAt } from '../http/authenticate.ts';
import type { Authentication, Caller } from '../http/authenticate.ts';
import type { ApiRequest } from '../http/request.ts';
import { refuseWriting } from '../http/rights.ts';
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

interface Admitted {
  readonly caller: Caller;
  readonly found: Lookup;
  /** For the command to be judged by again, of what it finds on a lost race. */
  readonly judge: (now: Lookup) => Refusal | undefined;
}

/** Who asks may do this to the repository as it is; before the body is read, which may be large. */
export async function admit(
  using: Authentication,
  request: ApiRequest,
  fullName: FullName,
  access: 'write' | 'delete',
): Promise<Admitted | Refusal> {
  const visit = await authenticateAt(using, request, fullName);
  if (isRefusal(visit)) return visit;
  const { caller, found } = visit;
  const judge = (now: Lookup) => refuseWriting(caller, fullName, now, access);
  return judge(found) ?? { caller, found, judge };
}

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
