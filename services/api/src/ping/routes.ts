/** Is there an index here, and which protocol does it speak: the first question of every client. */
import type { Environment } from '@docket/runtime/environment';
import { isRefusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { authenticateVisitor, unauthorized } from '../access/authenticate.ts';
import type { Authentication } from '../access/authenticate.ts';
import { answer } from '../http/answer.ts';
import { refused, registryAlways, registryChallenge, registryRefusal, v1 } from '../http/common-answers.ts';
import { distributionHeaders, distributionRefusal } from '../http/distribution.ts';
import { noCredentials, operation, ownCredentials } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';

export interface PingRoutes extends Authentication, Pick<Environment, 'v2Ping'> {}

/** docker 0.6 to 0.9 demand the version; without `Standalone: false` docker from 0.7.6 on never asks for a token. */
const v1Headers = { 'X-Docker-Registry-Version': '0.9.1', 'X-Docker-Registry-Standalone': 'false' };

const pingV1 = (path: string, summary: string) =>
  operation({
    method: 'GET',
    path,
    summary,
    needs: 'nothing',
    credentials: noCredentials,
    answers: {
      200: {
        description: 'An index is here.',
        body: z.literal(true),
        headers: ['X-Docker-Registry-Version', 'X-Docker-Registry-Standalone'],
      },
      ...v1.always,
    },
    handle: () => answer(200, true, v1Headers),
  });

export const pingOperations: readonly Operation<PingRoutes>[] = [
  pingV1('/v1/_ping', 'Is an index here?'),
  pingV1('/_ping', 'The same, where the oldest clients ask.'),
  /**
   * With the version header docker 1.6 to 17.05 leave v1 for v2, which is not spoken here; later ones, podman and skopeo need a
   * challenge to log in and to search.
   */
  operation({
    method: 'GET',
    path: '/v2/',
    summary: 'Are the name and password right? Every client since docker 17.06, podman and skopeo log in here.',
    needs: 'an account',
    // The operation asks for credentials itself: a caller from whom it is hidden gets 404 and no challenge.
    credentials: ownCredentials('needed'),
    // Clients of registries add what other registries want of them.
    otherQuery: 'ignored',
    answers: {
      200: { description: 'They are.', body: z.object({}), headers: ['Docker-Distribution-Api-Version'] },
      401: registryChallenge,
      403: registryRefusal('They are, and the account is not active yet.'),
      ...registryAlways,
      404: refused('To docker before 17.06, which would leave the first protocol for the second (see V2_PING).'),
    },
    refused: distributionRefusal,
    handle: async (using: PingRoutes, { request }) => {
      const hidden = using.v2Ping === '404' || (using.v2Ping === 'auto' && speaksV1(request.userAgent));
      if (hidden) return answer(404, { message: 'there is no registry of version 2 here' });
      const caller = await authenticateVisitor(using, request);
      if (isRefusal(caller)) return caller;
      return caller.by === 'nothing'
        ? unauthorized('a name and password are needed')
        : answer(200, {}, distributionHeaders);
    },
  }),
];

/** `docker/1.9.1 go/…`, `docker/17.05.0-ce …`: older than 17.06. */
export function speaksV1(userAgent: string | null): boolean {
  const [, major, minor] = /\bdocker\/(\d+)\.(\d+)/.exec(userAgent ?? '') ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) < 17 || (Number(major) === 17 && Number(minor) < 6);
}
