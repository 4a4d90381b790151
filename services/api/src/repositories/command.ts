/** From a request to the execution of its command on a repository; what all routes that change one have in common. */
import type { Environment, TokenKey } from '@docket/runtime/environment';
import { isRefusal } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';

import { accountOf } from '../access/authenticate.ts';
import type { Authentication, Caller } from '../access/authenticate.ts';
import type { TokenHeaders } from '../access/token-headers.ts';
import { envelopeOf } from '../commands/envelope.ts';
import type { ApiRequest } from '../http/request.ts';
import type { Executed } from './decide-in-turn.ts';
import { executeOnRepository } from './execute.ts';
import type { Execution, Intent } from './execute.ts';

export interface Commanding extends Authentication, Execution, Pick<Environment, 'repositoryImagesMax'> {
  readonly tokenKeys: readonly TokenKey[];
}

export interface RepositoryRoutes extends Commanding, TokenHeaders {}

export async function run(
  using: Commanding,
  request: ApiRequest,
  caller: Caller,
  intent: Omit<Intent, 'accountId'>,
): Promise<Executed | Refusal> {
  const envelope = await envelopeOf(request, caller, using.tokenKeys);
  if (isRefusal(envelope)) return envelope;
  return executeOnRepository(using, { ...intent, accountId: accountOf(caller)?.id }, envelope);
}
