/** What the v1 protocol wants of an answer beside its body, in one place. */
import type { Environment } from '@docket/runtime/environment';
import { endpointCharactersMax, endpointsMax } from '@docket/shared/limits';
import type { FullName } from '@docket/shared/names';
import type { Access } from '@docket/shared/tokens';
import { z } from 'zod';

import type { Answer } from '../http/answer.ts';
import type { ApiRequest } from '../http/request.ts';
import { accountOf } from './authenticate.ts';
import type { Caller } from './authenticate.ts';
import type { Tokens } from './tokens.ts';

/** For the document. */
export const tokenWish = z.object({
  'X-Docker-Token': z.string().optional().meta({ description: '`true` asks for an access token.' }),
});

/** A docker that was redirected sends the header twice, which arrives as `true, true` (docker 0.5). */
export function wantsToken(request: ApiRequest): boolean {
  const wish = request.header('x-docker-token') ?? '';
  return wish.split(',').some((value) => value.trim().toLowerCase() === 'true');
}

export interface TokenGrant {
  readonly caller: Caller;
  readonly fullName: FullName;
  readonly repositoryId: string;
  readonly life: number;
  readonly access: Access;
}

export interface TokenHeaders extends Pick<Environment, 'registryEndpoints' | 'namespaceEndpoints'> {
  readonly tokens: Tokens;
}

/**
 * A token and the registries to use it at, when the client wishes for one; a new one each time. Docker up to 0.10 takes each header
 * value for one host, so there is a line for each.
 */
export function tokenHeaders(
  request: ApiRequest,
  { tokens, registryEndpoints, namespaceEndpoints }: TokenHeaders,
  { caller, fullName, repositoryId, life, access }: TokenGrant,
): NonNullable<Answer['headers']> {
  if (!wantsToken(request)) return {};
  const token = tokens.issue({ account: accountOf(caller), fullName, repositoryId, life, access });
  return {
    // The seed shows the challenge header on PUT and DELETE; on a GET it would look like a failed login.
    ...(access === 'read' ? {} : { 'WWW-Authenticate': `Token ${token}` }),
    'X-Docker-Token': token,
    'X-Docker-Endpoints': registriesFor(request, { registryEndpoints, namespaceEndpoints }, fullName),
  };
}

/** Where clients are sent to push and pull. */
export function registriesFor(
  request: ApiRequest,
  { registryEndpoints, namespaceEndpoints }: Pick<TokenHeaders, 'registryEndpoints' | 'namespaceEndpoints'>,
  { namespace }: FullName,
): readonly string[] {
  const endpoints = namespaceEndpoints.get(namespace) ?? registryEndpoints;
  return endpoints.length > 0 ? endpoints : [request.host];
}

/** The registries that a pushing client says it used: one value, or a list. */
export function reportedRegistries(request: ApiRequest): string[] {
  const told = request.header('x-docker-endpoints') ?? '';
  return told
    .split(',')
    .map((endpoint) => endpoint.trim().slice(0, endpointCharactersMax))
    .filter((endpoint) => endpoint !== '')
    .slice(0, endpointsMax);
}
