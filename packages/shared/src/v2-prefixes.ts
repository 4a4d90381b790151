/**
 * The paths below `/v2/` that are Docket's when a modern registry shares its host; all others are the registry's. The proxy file of
 * `infra/proxy` is generated from this list. Exactly `/v2/` is on neither side: the operator says who answers it, because clients
 * log in where it sends them.
 */
export const v2Prefixes = [
  '/v2/_catalog',
  '/v2/access-tokens',
  '/v2/auditlogs',
  '/v2/auth',
  '/v2/namespaces',
  '/v2/orgs',
  '/v2/repositories',
  '/v2/takedowns',
  '/v2/users',
] as const;

/**
 * What only a registry has, whatever its repositories are called: `users/app` may be pushed there although `/v2/users` is Docket's.
 * (So the history of a repository that is itself called `manifests` is not to be had through the shared host.)
 */
export const registryPaths = String.raw`^/v2/.+/(manifests/[^/]+|blobs/(uploads/.*|[a-z0-9]+:[0-9a-f]+)|tags/list|referrers/[^/]+)$`;

export function isRegistryPath(path: string): boolean {
  return new RegExp(registryPaths).test(path);
}
