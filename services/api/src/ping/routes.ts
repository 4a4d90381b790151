/** Is there an index here, and which protocol does it speak: the first question of every client. */
import type { Environment } from '@docket/runtime/environment';
import { isRefusal } from '@docket/shared/refusal';

import { authenticateVisitor, unauthorized } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import { distributionHeaders, distributionRefusal } from '../http/distribution.ts';
import type { Route } from '../http/endpoint.ts';
import type { ApiRequest } from '../http/request.ts';

export interface PingRoutes extends Authentication, Pick<Environment, 'v2Ping'> {}

/** docker 0.6 to 0.9 demand the version; without `Standalone: false` docker from 0.7.6 on never asks for a token. */
const v1Headers = { 'X-Docker-Registry-Version': '0.9.1', 'X-Docker-Registry-Standalone': 'false' };

export function pingRoutesV1(): Route[] {
  return ['/v1/_ping', '/_ping'].map((path) => ({ path, handlers: { GET: () => answer(200, true, v1Headers) } }));
}

export function pingRoutesV2(using: PingRoutes): Route[] {
  return [{ path: '/v2', handlers: { GET: (request) => pingV2(using, request) } }];
}

/**
 * With the version header docker 1.6 to 17.05 leave v1 for v2, which is not spoken here; later ones, podman and skopeo need a
 * challenge to log in and to search.
 */
async function pingV2(using: PingRoutes, request: ApiRequest): Promise<Outcome> {
  const hidden = using.v2Ping === '404' || (using.v2Ping === 'auto' && speaksV1(request.userAgent));
  if (hidden) return answer(404, { message: 'there is no registry of version 2 here' });
  const caller = await authenticateVisitor(using, request);
  if (isRefusal(caller)) return distributionRefusal(caller);
  if (caller.by === 'nothing') return distributionRefusal(unauthorized('a name and password are needed'));
  return answer(200, {}, distributionHeaders);
}

/** `docker/1.9.1 go/…`, `docker/17.05.0-ce …`: older than 17.06. */
export function speaksV1(userAgent: string | null): boolean {
  const [, major, minor] = /\bdocker\/(\d+)\.(\d+)/.exec(userAgent ?? '') ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) < 17 || (Number(major) === 17 && Number(minor) < 6);
}
