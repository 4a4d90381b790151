/** What the v1 protocol wants of an answer beside its body, in one place. */
import type { Environment } from '@docket/runtime/environment';
import { endpointCharactersMax, endpointsMax } from '@docket/shared/limits';
import type { FullName } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
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
function wantsToken(request: ApiRequest): boolean {
  const wish = request.header('x-docker-token') ?? '';
  return wish.split(',').some((value) => value.trim().toLowerCase() === 'true');
}

export interface TokenGrant {
  readonly caller: Caller;
  readonly fullName: FullName;
  readonly repositoryId: string;
  readonly life: number;
  readonly access: Access;
  /** Undefined: the client wishes for no token. */
  readonly registries: readonly string[] | undefined;
}

type Registries = Pick<Environment, 'registryEndpoints' | 'namespaceEndpoints'>;

export interface TokenHeaders extends Registries {
  readonly tokens: Tokens;
}

/**
 * A token and the registries to use it at, when the client wishes for one; a new one each time. Docker up to 0.10 takes each header
 * value for one host, so there is a line for each.
 */
export function tokenHeaders(
  { tokens }: Pick<TokenHeaders, 'tokens'>,
  { caller, fullName, repositoryId, life, access, registries }: TokenGrant,
): NonNullable<Answer['headers']> {
  if (!registries) return {};
  const token = tokens.issue({ account: accountOf(caller), fullName, repositoryId, life, access });
  return {
    // The seed shows the challenge header on PUT and DELETE; on a GET it would look like a failed login.
    ...(access === 'read' ? {} : { 'WWW-Authenticate': `Token ${token}` }),
    'X-Docker-Token': token,
    'X-Docker-Endpoints': registries,
  };
}

/** With the registries to send the client to; refused before anything is done, where it wishes for a token and nobody knows them. */
export function withRegistries<Asked extends { readonly fullName: FullName }>(
  request: ApiRequest,
  using: Registries,
  asked: Asked,
): (Asked & Pick<TokenGrant, 'registries'>) | Refusal {
  const registries = wantsToken(request) ? registriesFor(request, using, asked.fullName) : undefined;
  return isRefusal(registries) ? registries : { ...asked, registries };
}

/** Where clients are sent to push and pull: a host that a stranger may have made up is no registry. */
function registriesFor(
  request: ApiRequest,
  { registryEndpoints, namespaceEndpoints }: Registries,
  { namespace }: FullName,
): readonly string[] | Refusal {
  const endpoints = namespaceEndpoints.get(namespace) ?? registryEndpoints;
  if (endpoints.length > 0) return endpoints;
  const own = request.address.host();
  return own === undefined ? refuse('misdirected', unknownHost) : [own];
}

const unknownHost =
  'Docket does not know the host that this request names, and sends nobody to a registry there; whoever runs it names the host in PUBLIC_URL or PUBLIC_HOSTS, or the registries in REGISTRY_ENDPOINTS';

/** The registries that a pushing client says it used: one value, or a list. */
export function reportedRegistries(request: ApiRequest): string[] {
  const told = request.header('x-docker-endpoints') ?? '';
  return told
    .split(',')
    .map((endpoint) => endpoint.trim().slice(0, endpointCharactersMax))
    .filter((endpoint) => endpoint !== '')
    .slice(0, endpointsMax);
}
